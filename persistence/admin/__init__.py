"""The operator's view of persistence."""

__all__ = ["faults", "progress", "reconciliation"]
