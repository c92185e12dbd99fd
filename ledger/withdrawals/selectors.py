"""Reads of withdrawals."""

from django.db.models import QuerySet, Sum

from ledger.models import Withdrawal, WithdrawalState
from ledger.models.withdrawal_states import ENDS, HANDED, UNDECIDED


def withdrawals_of(user_id: int) -> QuerySet[Withdrawal]:
    return Withdrawal.objects.filter(user_id=user_id)


def undecided() -> QuerySet[Withdrawal]:
    """What waits for operators, or for a stop to end; the oldest first."""
    return Withdrawal.objects.filter(state__in=UNDECIDED).order_by("pk")


def handed_units(network: str) -> int:
    """What custody has been told to send on a network and says it is sending or has sent."""
    states = (WithdrawalState.SENT, WithdrawalState.CONFIRMED)
    rows = Withdrawal.objects.filter(network=network, state__in=states)
    return int(rows.aggregate(sum=Sum("amount_units"))["sum"] or 0)


def on_their_way() -> QuerySet[Withdrawal]:
    """Approved, and not ended; the oldest first."""
    rows = Withdrawal.objects.exclude(state__in=ENDS)  # an index has these
    return rows.filter(state__in=(WithdrawalState.APPROVED, *HANDED)).order_by("pk")
