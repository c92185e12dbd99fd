"""Rows of withdrawals and of custody that no service made."""

from accounts.models import User, Verification
from custody.models import CaseKind, ChainDeposit, ChainDepositState, CustodyCase
from ledger.models import (
    AccountKind,
    EntryKind,
    Payout,
    Withdrawal,
    WithdrawalAddress,
    WithdrawalState,
    WithdrawalStep,
)
from tests.admin.money_rows import NOW, account, post

ADDRESS = "dm1" + "a" * 40


def make_withdrawal(user: User, state: WithdrawalState = WithdrawalState.WAITING) -> Withdrawal:
    """Of 600 USD, whose wallet isn't asked: the journal alone moves."""
    units = 600_000_000
    book, _ = WithdrawalAddress.objects.get_or_create(
        user=user, network="demo", address=ADDRESS,
        defaults={"label": "mine", "added_at": NOW, "usable_at": NOW},
    )  # fmt: skip
    lines = {
        account(AccountKind.AVAILABLE, user): -units,
        account(AccountKind.HELD, user): units,
    }
    row = Withdrawal.objects.create(
        user=user,
        amount_units=units,
        network="demo",
        address=ADDRESS,
        entry_in_book=book,
        idempotency_key=f"k{Withdrawal.objects.count()}",
        state=state,
        needed=1 if state is WithdrawalState.WAITING else 0,
        flags=["<b>hasty</b>"],
        hold_entry=post(EntryKind.WITHDRAWAL_HOLD, lines),
        asked_from="203.0.113.7",
    )
    WithdrawalStep.objects.create(withdrawal=row, after=state, by="trader", entry=row.hold_entry)
    return row


def make_custody_rows(user: User, by: User) -> None:
    make_withdrawal(user)
    sent = make_withdrawal(user, WithdrawalState.APPROVED)
    Payout.objects.create(key=str(sent.send_id), withdrawal=sent)
    ChainDeposit.objects.create(
        network="demo",
        reference=f"t{user.pk}",
        user=user,
        address=ADDRESS,
        amount_units=5_000_000,
        state=ChainDepositState.SEEN,
        confirmations=1,
        needed=3,
    )
    CustodyCase.objects.create(
        network="demo",
        kind=CaseKind.STRANGER,
        subject=f"x{user.pk}",
        words="5 came in at <b>dm1</b>, which is nobody's",
        said={"seq": 5, "id": "<b>"},
    )
    Verification.objects.create(user=user, level=1, reason="passport", set_by=by)
