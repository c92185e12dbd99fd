"""Cancels: asked of the engine, which answers with what it released.

An order that is pending in Postgres may not have reached its engine, if Redis was away when it was
placed. A cancel published now would overtake it, find nothing to cancel, and leave the order open
when it is sent again. So orders that may be on their way are published again before their cancel:
an engine takes each order once.
"""

from collections.abc import Sequence

from django.db import transaction

from accounts.models import User
from common.errors import DomainError, ErrorCode, invalid
from markets.rules import market_rules
from matching.messages.commands import CancelAllOrders, CancelOrder, SetCountdown
from matching.messages.limits import MAX_COUNTDOWN_MS
from matching.messages.vocabulary import CancelReason, OrderStatus, Side
from trading import selectors
from trading.commands.outbox import NOT_YET, Promise, promise_command, promise_commands
from trading.models import LIVE_STATUSES, Order
from trading.orders.isolation import together_or_alone
from trading.selectors import OrderState


def cancel_order(user_id: int, order_id: int) -> OrderState:
    """A trader's own order. Raises DomainError for one that there isn't, or that has ended."""
    (result,) = cancel_together([(user_id, order_id)])
    if isinstance(result, Exception):
        raise result
    return result


def cancel_together(asked: Sequence[tuple[int, int]]) -> list[OrderState | Exception]:
    """What `cancel_order` would answer or raise for each user and order id: all are promised in one
    statement, in their order. What fails of one fails it alone. Raises what Postgres does while it
    is away."""
    results = [_judged(state) for state in together_or_alone(asked, selectors.order_states)]
    live = [(at, state) for at, state in enumerate(results) if isinstance(state, OrderState)]
    promised = together_or_alone([(state, state.user_id) for _, state in live], _promise_own)
    for (at, _), found in zip(live, promised, strict=True):
        if isinstance(found, Exception):
            results[at] = found
    return results


def _judged(state: OrderState | Exception) -> OrderState | Exception:
    try:
        return state if isinstance(state, Exception) else _unless_ended(state)
    except Exception as error:  # noqa: BLE001  it is this cancel's alone
        return error


def cancel_order_as_operator(order: Order, by: User) -> int:
    """Raises DomainError for an order that has ended."""
    state = _unless_ended(
        OrderState(order.pk, order.user_id, order.market_id, OrderStatus(order.status))
    )
    if isinstance(state, DomainError):
        raise state
    (command_id,) = _promise_cancels([(state, by.pk)], CancelReason.OPERATOR)
    return command_id


def _unless_ended(order: OrderState) -> OrderState | DomainError:
    if order.status in LIVE_STATUSES:
        return order
    message = f"Order {order.order_id} is {order.status}: there is nothing left to cancel."
    return DomainError(ErrorCode.ORDER_NOT_OPEN, message)


def _promise_own(asked: Sequence[tuple[OrderState, int]]) -> list[int]:
    return _promise_cancels(asked, CancelReason.USER)


def _promise_cancels(asked: Sequence[tuple[OrderState, int]], reason: CancelReason) -> list[int]:
    """Of each order by that user."""
    pending = Order.objects.in_bulk(
        [order.order_id for order, _ in asked if order.status is OrderStatus.PENDING]
    )
    promises = []
    for order, by_id in asked:
        command = CancelOrder(
            command_id=NOT_YET, order_id=order.order_id, account_id=order.user_id, reason=reason
        )
        behind = [pending[order.order_id]] if order.order_id in pending else []
        promises.append(Promise(order.market_id, command, by_id, behind))
    return promise_commands(promises)


@transaction.atomic
def cancel_all_orders(
    user_id: int, market_id: str | None, side: Side | None = None, *, protective: bool = False
) -> list[str]:
    """Cancel the open and waiting orders of a trader, or those of one side, in one market or in
    all; answers the markets asked. Without ``protective`` waiting orders that only reduce stay.

    A market named is asked even if no order is known there: one may be on its way.
    """
    markets = [market_id] if market_id else selectors.markets_with_live_orders(user_id)
    for market in markets:
        command = CancelAllOrders(
            command_id=NOT_YET, account_id=user_id, side=side, protective=protective
        )
        behind = selectors.pending_orders(user_id, market)
        promise_command(market, command, user_id, behind=behind)
    return markets


@transaction.atomic
def set_countdown(
    user_id: int, market_id: str, countdown_ms: int, *, protective: bool = False
) -> int:
    """Have the orders of the trader in the market cancelled this long after the engine hears of it,
    unless it is set anew before; 0 stops it. Without ``protective`` waiting orders that only reduce
    stay. Raises DomainError."""
    market_rules(market_id)
    if not 0 <= countdown_ms <= MAX_COUNTDOWN_MS:
        message = f"countdown_ms must be from 0 to {MAX_COUNTDOWN_MS}."
        raise invalid("countdown_ms", message)
    command = SetCountdown(
        command_id=NOT_YET, account_id=user_id, countdown_ms=countdown_ms, protective=protective
    )
    behind = selectors.pending_orders(user_id, market_id)
    return promise_command(market_id, command, user_id, behind=behind)


@transaction.atomic
def cancel_market_as_operator(
    market_id: str, by: User | None, *, opening_only: bool = False
) -> list[int]:
    """Cancel every open and waiting order of a market, one command per trader who has any; their
    ids. ``opening_only`` leaves out traders all of whose orders only reduce."""
    live = Order.objects.filter(market_id=market_id, status__in=LIVE_STATUSES)
    if opening_only:
        live = live.filter(reduce_only=False)
    users = sorted(set(live.order_by().values_list("user_id", flat=True)))
    return _promise_cancels_of_all([(user_id, market_id) for user_id in users], by)


@transaction.atomic
def cancel_trader_as_operator(user_id: int, markets: Sequence[str], by: User | None) -> list[int]:
    """Cancel every open and waiting order of a trader in these markets; a command's id each."""
    return _promise_cancels_of_all([(user_id, market_id) for market_id in markets], by)


def _promise_cancels_of_all(asked: Sequence[tuple[int, str]], by: User | None) -> list[int]:
    """Of each trader and market."""
    pending: dict[tuple[int, str], list[Order]] = {}
    users, markets = {user_id for user_id, _ in asked}, {market_id for _, market_id in asked}
    orders = Order.objects.filter(
        user_id__in=users, market_id__in=markets, status=OrderStatus.PENDING
    )
    for order in orders.order_by("pk"):
        pending.setdefault((order.user_id, order.market_id), []).append(order)
    return promise_commands(
        [
            Promise(
                market_id,
                CancelAllOrders(
                    command_id=NOT_YET,
                    account_id=user_id,
                    reason=CancelReason.OPERATOR,
                    protective=True,
                ),
                by.pk if by else None,
                pending.get((user_id, market_id), ()),
            )
            for user_id, market_id in asked
        ]
    )
