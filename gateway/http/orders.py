"""Orders read, amended and cancelled together. Those placed and cancelled one by one, and batches
placed, are order intake's (`gateway.orders.app`).
"""

from collections.abc import Sequence
from typing import Any

from django.db.models import Q
from msgspec.structs import replace

from common.errors import DomainError
from gateway.asking.params import Params
from gateway.http.calls import VenueAsk
from gateway.http.data.windows import window_asked
from gateway.http.settled import wait_until_settled
from gateway.orders.asked import BATCH_MAX, new_order, refusal_of
from gateway.orders.finding import (
    CONDITIONAL,
    PLAIN,
    live_of,
    looked_along,
    named,
    one_of,
    some_of,
)
from gateway.orders.leverage import leverage_of
from gateway.orders.shown import algo_body, of_row, order_body
from gateway.words import errors
from gateway.words.errors import GatewayRefusal, VenueError, missing
from gateway.words.symbols import market_of
from gateway.words.telling import of_fault
from gateway.words.vocabulary import SIDES
from markets.rules import MarketRules, market_rules
from matching.messages.limits import MAX_COUNTDOWN_MS
from matching.messages.vocabulary import OrderType, Side
from trading import services
from trading.models import LIVE_STATUSES, Order
from trading.orders.cancel import cancel_together
from trading.orders.opening import opens
from trading.orders.preview import preview_order
from trading.orders.request import NewOrder, OrderChanges
from trading.selectors import leverages_set

BATCH_CANCELLED_MAX = 10
ORDERS_DEFAULT, ORDERS_MAX = 500, 1_000
ALL_CANCELLED = {"code": 200, "msg": "The operation of cancel all open order is done."}
_NOT_MODIFIED = VenueError(400, -2010, "The order was not modified: it has ended or can't be.")

Item = dict[str, Any]


def _body(order: Order) -> Item:
    return order_body(of_row(order), market_rules(order.market_id))


def test_order(asked: VenueAsk) -> Item:
    """Judged as it would be if it were placed now, but for the money, and placed nowhere."""
    new = new_order(asked.params)
    rules = market_rules(new.market_id)
    if opens(new):
        new = replace(new, leverage=leverage_of(rules, leverages_set(asked.user_id)))
    try:
        preview_order(asked.user_id, new)
    except DomainError as error:
        raise GatewayRefusal(refusal_of(error, new, rules)) from error
    return {}


# --- read -----------------------------------------------------------------------------------------


def query_order(asked: VenueAsk) -> Item:
    market_of(asked.params.required("symbol"))
    return _body(_one(asked, PLAIN))


def open_order(asked: VenueAsk) -> Item:
    order = _one(asked, PLAIN)
    if order.status not in LIVE_STATUSES:
        raise GatewayRefusal(errors.NO_SUCH_ORDER)
    return _body(order)


def _one(asked: VenueAsk, kind: Q) -> Order:
    named_by = named(asked.params, "orderId", "origClientOrderId")
    return one_of(asked.user_id, kind, *named_by)


def open_orders(asked: VenueAsk) -> list[Item]:
    return [_body(order) for order in live_of(asked.user_id, PLAIN, asked.params)]


def all_orders(asked: VenueAsk) -> list[Item]:
    market_of(asked.params.required("symbol"))
    return [_body(order) for order in _history(asked, PLAIN, "orderId")]


def _history(asked: VenueAsk, kind: Q, from_id: str) -> list[Order]:
    """From an id or a time on, or the latest; the oldest of them first."""
    params = asked.params
    limit = params.limit(ORDERS_DEFAULT, ORDERS_MAX)
    orders = Order.objects.filter(
        kind, window_asked(params).within("created_at"), user_id=asked.user_id
    )
    if params.given("symbol"):
        orders = orders.filter(market_id=market_of(params.text("symbol")).id)
    if params.given(from_id):
        orders = orders.filter(pk__gte=params.whole(from_id, 0))
    elif not params.given("startTime"):
        found = looked_along(orders, asked.user_id).order_by("-pk")[:limit]
        return list(found)[::-1]
    return list(orders.order_by("pk")[:limit])


# --- conditional ----------------------------------------------------------------------------------


def _algo(order: Order) -> Item:
    return algo_body(of_row(order), market_rules(order.market_id))


def query_algo(asked: VenueAsk) -> Item:
    named_by = named(asked.params, "algoId", "clientAlgoId")
    return _algo(one_of(asked.user_id, CONDITIONAL, *named_by))


def open_algos(asked: VenueAsk) -> list[Item]:
    found = live_of(asked.user_id, CONDITIONAL, asked.params)
    return [_algo(order) for order in found if order.triggered_at is None]


def all_algos(asked: VenueAsk) -> list[Item]:
    return [_algo(order) for order in _history(asked, CONDITIONAL, "algoId")]


def cancel_algos(asked: VenueAsk) -> Item:
    rules = market_of(asked.params.required("symbol"))
    waiting = _waiting(asked.user_id, rules)
    _cancel_all([(asked.user_id, order.pk) for order in waiting])
    wait_until_settled(asked.user_id)
    return ALL_CANCELLED


def _waiting(user_id: int, rules: MarketRules) -> list[Order]:
    waiting = Order.objects.filter(
        CONDITIONAL,
        user_id=user_id,
        market_id=rules.id,
        status__in=LIVE_STATUSES,
        triggered_at__isnull=True,
    )
    return list(waiting.order_by("pk"))


# --- amended --------------------------------------------------------------------------------------


def modify_order(asked: VenueAsk) -> Item:
    return _modified(asked, asked.params)


def modify_orders(asked: VenueAsk) -> list[Item]:
    items = asked.params.items("batchOrders", BATCH_MAX)
    return [_item(lambda one=item: _modified(asked, Params.of_item(one))) for item in items]


def _modified(asked: VenueAsk, params: Params) -> Item:
    """Answered once the ledger has it; an engine's refusal is told as the row shows it."""
    rules = market_of(params.required("symbol"))
    side = SIDES[params.word("side", list(SIDES))]
    quantity, price = params.decimal("quantity"), params.decimal("price")
    if quantity is None:
        raise missing("quantity")
    if price is None:
        raise missing("price")
    order = one_of(asked.user_id, PLAIN, *named(params, "orderId", "origClientOrderId"))
    if order.market_id != rules.id or order.side != side:
        raise GatewayRefusal(errors.NO_SUCH_ORDER)
    changes = OrderChanges(price=price, qty=quantity)
    try:
        services.amend_order(asked.user_id, order.pk, changes, is_blocked=asked.is_blocked)
    except DomainError as error:
        raise GatewayRefusal(refusal_of(error, _as_new(rules, side, changes), rules)) from error
    is_settled = wait_until_settled(asked.user_id)
    before = order.price_ticks, order.size_lots
    order.refresh_from_db()
    if is_settled and (order.price_ticks, order.size_lots) == before:
        raise GatewayRefusal(_NOT_MODIFIED)
    return _body(order)


def _as_new(rules: MarketRules, side: Side, changes: OrderChanges) -> NewOrder:
    return NewOrder(
        market_id=rules.id,
        side=side,
        order_type=OrderType.LIMIT,
        qty=changes.qty,
        price=changes.price,
    )


def _item(act: Any) -> Item:
    """Of a batch: each fares on its own."""
    try:
        found: Item = act()
    except Exception as fault:  # noqa: BLE001  it is this one's alone
        return of_fault(fault, is_cancel=False, path="/fapi/v1/batchOrders").body()
    return found


# --- cancelled together ---------------------------------------------------------------------------


def cancel_orders(asked: VenueAsk) -> list[Item]:
    params = asked.params
    market_of(params.required("symbol"))
    by_id = params.given("orderIdList")
    name = "orderIdList" if by_id else "origClientOrderIdList"
    if not params.given(name):
        raise missing("orderIdList")
    names = params.items(name, BATCH_CANCELLED_MAX)
    wanted = [
        (asked.user_id, *((_whole(one), "") if by_id else (0, str(one)[:64].replace("\0", ""))))
        for one in names
    ]
    orders = some_of(wanted, PLAIN)
    found = iter(_cancel_all([(asked.user_id, one.pk) for one in orders if one is not None]))
    results = [None if one is None else next(found) for one in orders]
    wait_until_settled(asked.user_id)
    return [_cancelled(order, result) for order, result in zip(orders, results, strict=True)]


def _whole(value: Any) -> int:
    text = str(value)
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else -1


def _cancel_all(wanted: Sequence[tuple[int, int]]) -> list[Any]:
    return list(cancel_together(wanted)) if wanted else []


def _cancelled(order: Order | None, result: Any) -> Item:
    if order is None or isinstance(result, Exception):
        return errors.UNKNOWN_ORDER.body()
    order.refresh_from_db()
    return _body(order)


def cancel_open_orders(asked: VenueAsk) -> Item:
    """All but conditional ones, which another call cancels. Where there are none of those, also
    what is on its way."""
    rules = market_of(asked.params.required("symbol"))
    plain = {order.pk for order in live_of(asked.user_id, PLAIN, asked.params)}
    if any(order.pk not in plain for order in _waiting(asked.user_id, rules)):
        _cancel_all([(asked.user_id, order_id) for order_id in sorted(plain)])
    else:
        services.cancel_all_orders(asked.user_id, rules.id, protective=True)
    wait_until_settled(asked.user_id)
    return ALL_CANCELLED


def countdown(asked: VenueAsk) -> Item:
    symbol = asked.params.required("symbol").upper()
    rules = market_of(symbol)
    if not asked.params.given("countdownTime"):
        raise missing("countdownTime")
    countdown_ms = asked.params.whole("countdownTime", 0, 0, MAX_COUNTDOWN_MS)
    services.set_countdown(asked.user_id, rules.id, countdown_ms)
    return {"symbol": symbol, "countdownTime": str(countdown_ms)}
