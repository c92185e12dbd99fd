"""One step of a withdrawal along its table: state, money and who did it, together or not at all."""

from django.utils import timezone

from accounts.notices.kinds import NoticeKind
from accounts.notices.telling import tell
from common.reasons import REASON_MAX
from ledger.models import (
    EntryKind,
    JournalEntry,
    Payout,
    Wallet,
    Withdrawal,
    WithdrawalState,
    WithdrawalStep,
)
from ledger.models.withdrawal_states import By, transition_of
from ledger.posting_rules import withdrawal_back_movement, withdrawal_movement
from ledger.services import lock_wallet, post
from markets.conversions import units_text

_MOVEMENTS = {
    EntryKind.WITHDRAWAL: withdrawal_movement,
    EntryKind.WITHDRAWAL_BACK: withdrawal_back_movement,
}
# Why the money came back, as its trader is told.
_BACK = {
    WithdrawalState.FAILED: "failed",
    WithdrawalState.REFUSED: "was refused by an operator",
}
_SENT = (WithdrawalState.SENT, WithdrawalState.CONFIRMED)  # whichever is heard first


def lock_withdrawal(**key: object) -> Withdrawal:
    """Raises Withdrawal.DoesNotExist. Wallets are locked after withdrawals, users before both."""
    return Withdrawal.objects.select_for_update(no_key=True).get(**key)


def take_step(
    row: Withdrawal,
    after: WithdrawalState,
    by: By,
    *,
    words: str = "",
    operator_id: int | None = None,
) -> None:
    """Of a row that is locked; writes all of it. Raises KeyError for what is not in the table."""
    before = WithdrawalState(row.state)
    transition = transition_of(before, after, by)
    if transition.moves is not None:
        row.end_entry = _move(row, transition.moves)
    row.state, row.state_at = after, timezone.now()
    row.save()
    if after is WithdrawalState.APPROVED:
        Payout.objects.create(key=str(row.send_id), withdrawal=row)
    elif before is WithdrawalState.APPROVED and after is not WithdrawalState.SENDING:
        Payout.objects.filter(withdrawal=row).delete()  # never tried: its first try is SENDING
    WithdrawalStep.objects.create(
        withdrawal=row,
        before=before,
        after=after,
        by=by,
        operator_id=operator_id,
        words=words[:REASON_MAX],
        entry=row.end_entry,
    )
    if after in _BACK:
        tell_trader(row, NoticeKind.WITHDRAWAL_BACK, why=_BACK[after])
    elif after in _SENT:
        tell_trader(row, NoticeKind.WITHDRAWAL_SENT)


def _move(row: Withdrawal, kind: EntryKind) -> JournalEntry:
    """From held to outside, or back."""
    wallet: Wallet = lock_wallet(row.user_id)
    wallet.held_units -= row.amount_units
    if kind is EntryKind.WITHDRAWAL_BACK:
        wallet.available_units += row.amount_units
    wallet.save(update_fields=["held_units", "available_units"])
    return post(_MOVEMENTS[kind](row.user_id, row.amount_units), timezone.now())


def tell_trader(row: Withdrawal, kind: NoticeKind, **facts: str) -> None:
    """Once of each kind."""
    amount = f"{units_text(row.amount_units, 2)} USD"
    destination = f"{row.address} on {row.network}"
    tell(row.user_id, kind, str(row.pk), amount=amount, destination=destination, **facts)
