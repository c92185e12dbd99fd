"""The operator's view of persistence."""

from persistence.admin import faults, progress, reconciliation

__all__ = ["faults", "progress", "reconciliation"]
