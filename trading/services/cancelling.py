"""Cancels: asked of the engine, which answers with what it released.

An order that is pending in Postgres may not have reached its engine, if Redis was away when it was
placed. A cancel published now would overtake it, find nothing to cancel, and leave the order open
when it is sent again. So orders that may be on their way are published again before their cancel:
an engine takes each order once.
"""

from collections.abc import Sequence
from http import HTTPStatus

from django.db import transaction

from accounts.models import User
from exchange_site.api import ApiError, invalid
from matching.messages.commands import CancelAllOrders, CancelOrder, SetCountdown
from matching.messages.vocabulary import CancelReason, OrderStatus, Side
from trading import selectors
from trading.market_rules import market_rules
from trading.models import LIVE_STATUSES, Order, OutboxCommand
from trading.outbox import NOT_YET, Promise, promise_command, promise_commands

COUNTDOWN_MAX_MS = 86_400_000


def cancel_order(user_id: int, order_id: int) -> Order:
    """A trader's own order. Raises ApiError: 403, 404, or 409 for an order that has ended."""
    (result,) = cancel_together([(user_id, order_id)])
    if isinstance(result, ApiError):
        raise result
    return result


@transaction.atomic
def cancel_together(asked: Sequence[tuple[int, int]]) -> list[Order | ApiError]:
    """What `cancel_order` would answer or raise for each user and order id, in one transaction."""
    results = [
        result if isinstance(result, ApiError) else _ended(result) or result
        for result in selectors.own_orders(asked)
    ]
    orders = [result for result in results if isinstance(result, Order)]
    promise_commands([_cancel(order, CancelReason.USER, order.user_id) for order in orders])
    return results


@transaction.atomic
def cancel_order_as_operator(order: Order, by: User) -> OutboxCommand:
    """Raises ApiError 409 for an order that has ended."""
    if refusal := _ended(order):
        raise refusal
    (row,) = promise_commands([_cancel(order, CancelReason.OPERATOR, by.pk)])
    return row


def _ended(order: Order) -> ApiError | None:
    if order.status in LIVE_STATUSES:
        return None
    message = f"Order {order.pk} is {order.status}: there is nothing left to cancel."
    return ApiError(HTTPStatus.CONFLICT, "ORDER_NOT_OPEN", message)


def _cancel(order: Order, reason: CancelReason, by_id: int) -> Promise:
    command = CancelOrder(
        command_id=NOT_YET, order_id=order.pk, account_id=order.user_id, reason=reason
    )
    behind = [order] if order.status == OrderStatus.PENDING else []
    return Promise(order.market_id, command, by_id, behind)


@transaction.atomic
def cancel_all_orders(user_id: int, market_id: str | None, side: Side | None = None) -> list[str]:
    """Cancel all open and waiting orders of a trader, or those of one side, in one market or in
    all; answers the markets asked.

    A market named is asked even if no order is known there: one may be on its way.
    """
    markets = [market_id] if market_id else selectors.markets_with_live_orders(user_id)
    for market in markets:
        command = CancelAllOrders(command_id=NOT_YET, account_id=user_id, side=side)
        behind = selectors.pending_orders(user_id, market)
        promise_command(market, command, user_id, behind=behind)
    return markets


@transaction.atomic
def set_countdown(user_id: int, market_id: str, countdown_ms: int) -> OutboxCommand:
    """Have all orders of the trader in the market cancelled this long after the engine hears of it,
    unless it is set anew before; 0 stops it. Raises ApiError."""
    market_rules(market_id)
    if not 0 <= countdown_ms <= COUNTDOWN_MAX_MS:
        message = f"countdownMs must be from 0 to {COUNTDOWN_MAX_MS}."
        raise invalid("countdownMs", message)
    command = SetCountdown(command_id=NOT_YET, account_id=user_id, countdown_ms=countdown_ms)
    behind = selectors.pending_orders(user_id, market_id)
    return promise_command(market_id, command, user_id, behind=behind)
