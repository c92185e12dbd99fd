"""Rows of money. Who writes them beside this package does so in one statement or transaction with
what moves the money: an order's insert its hold (`trading.orders.insert`), a worker's batch what an
engine's events moved, by `ledger.posting_rules` (`persistence.writing`).

Double entry: a journal entry's postings sum to zero, enforced by a trigger; postings are
append-only, enforced by another. A posting above zero raises its account's balance. What a user or
a fund has is never below zero; what stands against it may be, as deposits: minus everything that
ever came in.
"""

from ledger.models.accounts import (
    GLOBAL_ACCOUNT_KINDS,
    MARKET_ACCOUNT_KINDS,
    USER_ACCOUNT_KINDS,
    Account,
    AccountKind,
    EntryKind,
    LineKind,
    Wallet,
)
from ledger.models.adjustments import Adjustment, AdjustmentCategory
from ledger.models.deposits import Deposit, DepositStatus
from ledger.models.journal import FLOW_INTERVALS_MS, AccountFlow, JournalEntry, Posting
from ledger.models.withdrawal_states import WithdrawalState
from ledger.models.withdrawal_terms import (
    SendingStop,
    StopCause,
    WithdrawalAddress,
    WithdrawalLimit,
)
from ledger.models.withdrawals import Payout, Withdrawal, WithdrawalStep

__all__ = [
    "FLOW_INTERVALS_MS",
    "GLOBAL_ACCOUNT_KINDS",
    "MARKET_ACCOUNT_KINDS",
    "USER_ACCOUNT_KINDS",
    "Account",
    "AccountFlow",
    "AccountKind",
    "Adjustment",
    "AdjustmentCategory",
    "Deposit",
    "DepositStatus",
    "EntryKind",
    "JournalEntry",
    "LineKind",
    "Payout",
    "Posting",
    "SendingStop",
    "StopCause",
    "Wallet",
    "Withdrawal",
    "WithdrawalAddress",
    "WithdrawalLimit",
    "WithdrawalState",
    "WithdrawalStep",
]
