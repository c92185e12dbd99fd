"""Freezing a trader everywhere, and lifting it."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts import services as accounts
from accounts.access.sessions import end_sessions_of
from accounts.families.services import family_ids
from accounts.models import EndReason, Freeze, Session, User
from accounts.staff.operators import operator_of
from common.admin import when
from common.admin.acts import Act, Verb, tell
from console.freeze.reductions import reduce_positions
from console.freeze.selectors import waiting_cancels
from console.guards import each_alone
from trading import selectors
from trading import services as trading
from trading.models import LIVE_STATUSES, Order, Position


@dataclass(frozen=True)
class NewFreeze:
    reason: str
    until: datetime | None
    reduces: bool


@transaction.atomic
def freeze(request: HttpRequest, user_id: int, asked: NewFreeze) -> Freeze:
    """Raises DomainError; nothing is done then."""
    by = operator_of(request)
    made = accounts.freeze_user(user_id, asked.reason, asked.until, by, reduces=asked.reduces)
    command_ids = _cancel(made, by)
    if asked.reduces:
        reduce_positions(made)
    words = f"frozen until {when(made.until)}, orders cancelled in {len(command_ids)} markets"
    words += ", positions to be reduced" if asked.reduces else ""
    tell(Act(verb=Verb.FROZEN, request=request, obj=made.user, words=words, reason=made.reason))
    return made


@transaction.atomic
def lift(request: HttpRequest, freeze_id: int, reason: str) -> None:
    """Raises DomainError."""
    lifted = accounts.lift_freeze(freeze_id, operator_of(request))
    tell(
        Act(
            verb=Verb.LIFTED, request=request, obj=lifted.user, words=_lifted(lifted), reason=reason
        )
    )


def _lifted(freeze: Freeze) -> str:
    return "active as before" if freeze.was_active else "suspended as before"


def lift_due() -> None:
    due = _open().filter(until__lte=timezone.now())
    each_alone("freeze_not_lifted", due.values_list("pk", flat=True), _lift_due)


@transaction.atomic
def _lift_due(freeze_id: int) -> None:
    if not _open().select_for_update(skip_locked=True).filter(pk=freeze_id).exists():
        return
    lifted = accounts.lift_freeze(freeze_id, None)
    words = f"at its end: {_lifted(lifted)}"
    tell(Act(verb=Verb.LIFTED, operator=lifted.frozen_by, obj=lifted.user, words=words))


def sweep_all() -> None:
    each_alone("freeze_not_swept", _to_sweep().values_list("pk", flat=True), sweep)


@transaction.atomic
def sweep(freeze_id: int) -> None:
    """Whatever is left: sessions end, live orders are cancelled where no cancel is on its way, and
    positions that were to be reduced are, once no order can change them."""
    rows = _to_sweep().select_for_update(skip_locked=True, of=("self",))
    freeze = rows.select_related("frozen_by").filter(pk=freeze_id).first()
    if freeze is None:
        return
    end_sessions_of(freeze.user_id, EndReason.SUSPENDED)
    _cancel(freeze, freeze.frozen_by)
    if freeze.reduces:
        reduce_positions(freeze)


def _cancel(freeze: Freeze, by: User) -> list[int]:
    """Of all accounts of the family."""
    return [
        command_id
        for account_id in family_ids(freeze.user_id)
        for command_id in _cancel_of(account_id, by)
    ]


def _cancel_of(account_id: int, by: User) -> list[int]:
    live = selectors.markets_with_live_orders(account_id)
    on_its_way = set(waiting_cancels(account_id).values_list("market_id", flat=True))
    markets = [market_id for market_id in live if market_id not in on_its_way]
    return trading.cancel_trader_as_operator(account_id, markets, by)


def _open() -> QuerySet[Freeze]:
    return Freeze.objects.filter(lifted_at=None)


def _to_sweep() -> QuerySet[Freeze]:
    """Of the open ones those of which anything may be left."""
    live = Order.objects.filter(status__in=LIVE_STATUSES)
    sessions = Session.objects.filter(
        user=OuterRef("user"), ended_at=None, expires_at__gt=timezone.now()
    )
    held = Position.objects.exclude(position_lots=0)
    to_reduce = Q(reduces=True) & _of_family(held)
    return _open().filter(_of_family(live) | Exists(sessions) | to_reduce)


def _of_family(rows: QuerySet[Order] | QuerySet[Position]) -> Q:
    """Whether there are any of the frozen, or of a sub-account."""
    whose = OuterRef("user")
    return Q(Exists(rows.filter(user=whose))) | Q(Exists(rows.filter(user__parent=whose)))
