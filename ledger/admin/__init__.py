"""Pages of money: what moved, and what operators decide about it."""

from ledger.admin import adjustments, deposits, journal, transfers

__all__ = ["adjustments", "deposits", "journal", "transfers"]
