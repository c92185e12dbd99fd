"""Rows of money that no service made: the journal's, deposits, adjustments."""

from datetime import UTC, datetime
from typing import Any

from accounts.models import User
from ledger.adjustments import AdjustmentCause, Due, propose_adjustments
from ledger.models import (
    Account,
    AccountKind,
    Adjustment,
    AdjustmentCategory,
    Deposit,
    DepositStatus,
    EntryKind,
    JournalEntry,
    Posting,
)
from markets.models import Market

NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)


def post(kind: EntryKind, lines: dict[Account, int], **fields: object) -> JournalEntry:
    entry = JournalEntry.objects.create(kind=kind, created_at=NOW, **fields)
    Posting.objects.bulk_create(
        Posting(entry=entry, account=account, amount_units=units)
        for account, units in lines.items()
    )
    return entry


def account(kind: AccountKind, owner: User | Market | None = None) -> Account:
    owners: dict[str, Any] = {
        "user": owner if isinstance(owner, User) else None,
        "market": owner if isinstance(owner, Market) else None,
    }
    return Account.objects.get_or_create(kind=kind, **owners)[0]


def make_deposit(user: User, status: DepositStatus = DepositStatus.REQUESTED) -> Deposit:
    entry = None
    if status is DepositStatus.APPROVED:
        lines = {
            account(AccountKind.AVAILABLE, user): 1_000_000_000,
            account(AccountKind.DEPOSITS): -1_000_000_000,
        }
        entry = post(EntryKind.DEPOSIT, lines)
    return Deposit.objects.create(user=user, amount_units=1_000_000_000, status=status, entry=entry)


def make_adjustment(user: User, by: User, reference: str) -> Adjustment:
    """Of a wallet whose rows aren't asked: the journal alone moves."""
    amounts = {account(AccountKind.AVAILABLE, user): 2_000_000}
    amounts[account(AccountKind.ADJUSTMENTS)] = -2_000_000
    proposal = propose_adjustments(
        [Due(user, 2_000_000)], AdjustmentCause(AdjustmentCategory.REFUND, reference, "a fee"), by
    )
    return Adjustment.objects.create(
        user=user,
        amount_units=2_000_000,
        category=AdjustmentCategory.REFUND,
        reference=proposal.payload["reference"],
        reason=proposal.reason,
        proposal=proposal,
        entry=post(EntryKind.ADJUSTMENT, amounts),
        adjusted_at=NOW,
    )
