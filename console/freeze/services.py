"""Freezing a trader everywhere, and lifting it."""

from dataclasses import dataclass
from datetime import datetime

import structlog
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts import services as accounts
from accounts.models import Freeze, User
from accounts.staff.operators import operator_of
from common.admin.acts import Act, tell
from common.admin.base import when
from common.errors import DomainError
from matching.messages.vocabulary import OrderType, Side
from trading import selectors
from trading import services as trading
from trading.models import OutboxCommand, Position
from trading.orders.request import NewOrder

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Asked:
    reason: str
    until: datetime | None
    reduces: bool


@transaction.atomic
def freeze(request: HttpRequest, user_id: int, asked: Asked) -> Freeze:
    """Raises DomainError; nothing is done then."""
    by = operator_of(request)
    made = accounts.freeze_user(user_id, asked.reason, asked.until, by)
    command_ids = _cancel(made, by)
    if asked.reduces:
        positions = selectors.positions_of_user(user_id)
        made.reductions = {one.market_id: _reduce(one) for one in positions}
        made.save(update_fields=["reductions"])
    words = f"frozen until {when(made.until)}, orders cancelled in {len(command_ids)} markets"
    words += ", positions to be reduced" if asked.reduces else ""
    tell(Act(verb="freeze", request=request, obj=made.user, words=words, reason=made.reason))
    return made


def _reduce(position: Position) -> str:
    """What became of it, in words: an order, or why there is none."""
    side = Side.SHORT if position.position_lots > 0 else Side.LONG
    new = NewOrder(
        market_id=position.market_id,
        side=side,
        order_type=OrderType.MARKET,
        reduce_only=True,
        close_position=False,
        qty=position.market.lot_size * abs(position.position_lots),
    )
    try:
        with transaction.atomic():
            return f"order {trading.place_order(position.user_id, new).order_id}"
    except DomainError as error:
        return error.message


@transaction.atomic
def lift(request: HttpRequest, freeze_id: int, reason: str) -> None:
    """Raises DomainError."""
    lifted = accounts.lift_freeze(freeze_id, operator_of(request))
    tell(Act(verb="lift", request=request, obj=lifted.user, words=_lifted(lifted), reason=reason))


def _lifted(freeze: Freeze) -> str:
    return "active as before" if freeze.was_active else "suspended as before"


def lift_due() -> None:
    due = Freeze.objects.filter(lifted_at=None, until__lte=timezone.now())
    for freeze_id in due.values_list("pk", flat=True):
        try:
            with transaction.atomic():
                lifted = accounts.lift_freeze(freeze_id, None)
                words = f"at its end: {_lifted(lifted)}"
                tell(Act(verb="lift", operator=lifted.frozen_by, obj=lifted.user, words=words))
        except DomainError as error:
            log.info("freeze_not_lifted", freeze=freeze_id, why=error.message)


def sweep_all() -> None:
    for one in Freeze.objects.filter(lifted_at=None).select_related("user"):
        sweep(one)


@transaction.atomic
def sweep(freeze: Freeze) -> None:
    """Once more where something is live and no cancel is on its way."""
    locked = Freeze.objects.select_for_update(skip_locked=True).filter(pk=freeze.pk, lifted_at=None)
    if locked.exists():
        _cancel(freeze, freeze.frozen_by)


def _cancel(freeze: Freeze, by: User) -> list[int]:
    live = selectors.markets_with_live_orders(freeze.user_id)
    on_its_way = set(waiting_cancels(freeze.user_id).values_list("market_id", flat=True))
    markets = [market_id for market_id in live if market_id not in on_its_way]
    return trading.cancel_trader_as_operator(freeze.user_id, markets, by)


def waiting_cancels(user_id: int) -> QuerySet[OutboxCommand]:
    """Of everything of the trader, protective orders too, and not answered yet."""
    return OutboxCommand.objects.filter(
        applied_seq__isnull=True,
        command_type="CancelAllOrders",
        payload__account_id=user_id,
        payload__protective=True,
    )
