"""The operator's view of persistence."""

from persistence.admin import cursors, downloads, faults, reconciliation

__all__ = ["cursors", "downloads", "faults", "reconciliation"]
