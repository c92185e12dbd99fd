"""The border: what may be handed to custody, and what custody says became of it.

Called by the room above, which speaks to custody and holds no lock meanwhile. Each call is one
transaction, and safe to repeat.
"""

from dataclasses import dataclass
from enum import StrEnum

from django.core.exceptions import ValidationError
from django.db import transaction

from ledger.models import Payout, Withdrawal, WithdrawalState
from ledger.models.withdrawal_states import HANDED, By
from ledger.models.withdrawal_terms import REFERENCE_MAX
from ledger.withdrawals.steps import lock_withdrawal, take_step
from ledger.withdrawals.stops import newest_stop_at


class SendOutcome(StrEnum):
    """TAKEN: custody has it, and hasn't sent it yet."""

    TAKEN = "taken"
    SENT = "sent"
    CONFIRMED = "confirmed"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Report:
    """What custody says of a withdrawal. ``reference``: the network's name of the transfer."""

    send_id: str
    outcome: SendOutcome
    amount_units: int
    address: str
    reference: str = ""
    confirmations: int = 0
    words: str = ""
    operator_id: int | None = None


class Impossible(Exception):
    """Custody says what can't be: nothing was changed."""


@transaction.atomic
def begin(payout: Payout) -> Withdrawal | None:
    """From now on custody may have it. None where it isn't to be sent: it has ended, or waits again
    since its trader may not withdraw or sending is stopped."""
    row = lock_withdrawal(pk=payout.withdrawal_id)
    if row.state in HANDED:
        return row
    if row.state != WithdrawalState.APPROVED:
        return None
    if not row.user.is_active:
        row.first_by = row.second_by = None  # they knew another trader
        row.needed = max(row.needed, 1)
        take_step(row, WithdrawalState.WAITING, By.EXCHANGE, words="suspended or frozen since")
        return None
    if _is_stopped(row):
        take_step(row, WithdrawalState.HELD, By.EXCHANGE, words="sending is stopped")
        return None
    take_step(row, WithdrawalState.SENDING, By.EXCHANGE)
    return row


def _is_stopped(row: Withdrawal) -> bool:
    """What an operator approved since the stop was opened goes: they have seen it."""
    stopped_at = newest_stop_at()
    if stopped_at is None:
        return False
    return row.first_by_id is None or row.state_at < stopped_at


@transaction.atomic
def report(said: Report) -> Withdrawal:
    """Takes the withdrawal as far along its table as custody's word leads; what is older than what
    is known changes nothing.

    Raises Impossible for one there isn't, one that custody was never given, another amount or
    address, and an end that isn't the one it had.
    """
    try:
        row = lock_withdrawal(send_id=said.send_id)
    except (Withdrawal.DoesNotExist, ValidationError) as error:
        raise Impossible("a withdrawal that we never asked for") from error
    if (said.amount_units, said.address) != (row.amount_units, row.address):
        raise Impossible(f"withdrawal {row.pk} with another amount or address")
    if row.state in HANDED:
        _follow(row, said)
    elif not _is_old_news(WithdrawalState(row.state), said.outcome):
        raise Impossible(f"withdrawal {row.pk} is {said.outcome}, which is {row.state} here")
    return row


def _follow(row: Withdrawal, said: Report) -> None:
    row.reference = said.reference[:REFERENCE_MAX] or row.reference
    row.confirmations = max(row.confirmations, said.confirmations)
    target = WithdrawalState(said.outcome) if said.outcome is not SendOutcome.TAKEN else None
    if target is None or target == row.state:
        row.save(update_fields=["reference", "confirmations"])
        return
    take_step(row, target, By.CUSTODY, words=said.words, operator_id=said.operator_id)


def _is_old_news(state: WithdrawalState, outcome: SendOutcome) -> bool:
    """Whether an ended withdrawal has been through this."""
    passed: dict[WithdrawalState, tuple[SendOutcome, ...]] = {
        WithdrawalState.CONFIRMED: (SendOutcome.TAKEN, SendOutcome.SENT, SendOutcome.CONFIRMED),
        WithdrawalState.FAILED: (SendOutcome.TAKEN, SendOutcome.SENT, SendOutcome.FAILED),
    }
    return outcome in passed.get(state, ())
