"""The operator's view of persistence."""

from persistence.admin import downloads, faults, progress, reconciliation

__all__ = ["downloads", "faults", "progress", "reconciliation"]
