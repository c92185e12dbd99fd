"""Pages of money: what moved, and what operators decide about it."""

from ledger.admin import adjustments, deposits, journal, transfers, withdrawals

__all__ = ["adjustments", "deposits", "journal", "transfers", "withdrawals"]
