"""Reads of withdrawals."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import QuerySet, Sum

from accounts.access.obstacles import register_obstacles
from accounts.people.erasing import register_eraser
from accounts.people.kept import register_rows
from ledger.models import Withdrawal, WithdrawalAddress, WithdrawalState, WithdrawalStep
from ledger.models.withdrawal_states import ENDS, GIVEN_BACK, HANDED, UNDECIDED

DAY = timedelta(hours=24)


def withdrawals_of(user_id: int) -> QuerySet[Withdrawal]:
    return Withdrawal.objects.filter(user_id=user_id)


def within_day(user_id: int, now: datetime) -> QuerySet[Withdrawal]:
    """What was asked for in the 24 hours up to now, whatever became of it."""
    return withdrawals_of(user_id).filter(requested_at__gt=now - DAY)


def units_counted(recent: QuerySet[Withdrawal]) -> int:
    """Against the limit of 24 hours: what came back is free again."""
    kept = recent.exclude(state__in=GIVEN_BACK)
    return int(kept.aggregate(sum=Sum("amount_units"))["sum"] or 0)


@register_obstacles
def _on_their_way(user_id: int) -> Iterable[str]:
    """None is asked for meanwhile: the user's row is locked."""
    if count := withdrawals_of(user_id).exclude(state__in=ENDS).count():
        yield f"{count} withdrawals are on their way: wait for them, or cancel them"


@register_rows
def _steps(user_id: int) -> Iterable[QuerySet[WithdrawalStep]]:
    yield WithdrawalStep.objects.filter(withdrawal__user_id=user_id)


@register_eraser
def _erase_labels(user_id: int) -> None:
    """Where money went stays, as the books do; what its owner called it, and from where it was
    asked for, goes."""
    WithdrawalAddress.objects.filter(user_id=user_id).update(label="")
    withdrawals_of(user_id).update(asked_from=None)


def undecided() -> QuerySet[Withdrawal]:
    """What waits for operators, or for a stop to end; the oldest first."""
    return Withdrawal.objects.filter(state__in=UNDECIDED).order_by("pk")


def on_their_way() -> QuerySet[Withdrawal]:
    """Approved, and not ended; the oldest first."""
    rows = Withdrawal.objects.exclude(state__in=ENDS)  # an index has these
    return rows.filter(state__in=(WithdrawalState.APPROVED, *HANDED)).order_by("pk")
