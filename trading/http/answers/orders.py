"""① Orders as a trader reads them: placed, on their way, listed, in batches."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from http import HTTPStatus

import structlog
from msgspec import UNSET, UnsetType, convert

from common.errors import DomainError
from common.http.errors import internal_error
from common.http.schema import Required
from common.http.statuses import body_of
from markets.conversions import lots_text, ticks_text, units_text
from markets.rules import MarketRules
from matching.messages.vocabulary import TimeInForce
from trading.http.answers.answer import Answer
from trading.http.answers.results import OrderResult, average_price
from trading.models import Order
from trading.orders.place import PlacedOrder
from trading.selectors import OrderState

CANCEL_RECEIVED = "Cancel received."
ItemResult = PlacedOrder | OrderState | Order | DomainError
log = structlog.get_logger(__name__)


class OrderPlaced(Answer, frozen=True):
    """The order is in Postgres and on its way to the engine; GET /order/:id tells how it fares.
    `result` is there where a new order was waited for and its engine decided in time;
    `takeProfitId` and `stopLossId` are there where one was attached, `otherId` in a pair."""

    message: str
    order_id: int
    status: str
    result: OrderResult | UnsetType = UNSET
    take_profit_id: int | UnsetType = UNSET
    stop_loss_id: int | UnsetType = UNSET
    other_id: int | UnsetType = UNSET


class BatchItem(Answer, frozen=True):
    """How one order of a batch fared: its id and status, or the code and field of what is wrong.
    `required` and `available` come with INSUFFICIENT_BALANCE, `result` as in `OrderPlaced`."""

    ok: bool
    message: str
    order_id: int | None = None
    status: str | None = None
    code: str | None = None
    field: str | None = None
    required: Required | UnsetType = UNSET
    available: str | UnsetType = UNSET
    result: OrderResult | UnsetType = UNSET
    take_profit_id: int | UnsetType = UNSET
    stop_loss_id: int | UnsetType = UNSET
    other_id: int | UnsetType = UNSET


class BatchAnswer(Answer, frozen=True):
    """In the order of the request."""

    results: list[BatchItem]


class MarketCommandSent(Answer, frozen=True):
    """The command is in Postgres and on its way to the engine."""

    message: str
    market_id: str
    command_id: int


class CountdownSent(MarketCommandSent, frozen=True):
    """`protective`: whether waiting reduce-only and closePosition orders go, too."""

    protective: bool


def stays_words(protective: bool) -> str:
    """What a cancel of all orders leaves alone, said behind its answer."""
    if protective:
        return ""
    return " Waiting reduce-only and closePosition orders stay; protective true cancels them, too."


class TriggerAnswer(Answer, frozen=True):
    """`price` is null for a trailing stop that is active at once, `callback` for others."""

    type: str
    by: str
    price: str | None
    callback: str | None
    triggered_at: datetime | None


class OrdersCancelling(Answer, frozen=True):
    """`protective`: whether waiting reduce-only and closePosition orders go, too."""

    message: str
    market_ids: list[str]
    protective: bool


class OrderAnswer(Answer, frozen=True):
    """`parentId` is the entry that a take-profit or stop-loss is attached to, null for others;
    `qty` is then what it covers of that, and while it is `asleep` what it covered last or would.
    `otherId` is the order that makes a pair with it, `algoId` the algo that sent it. `visibleQty`
    is the most the book shows of it at a time, null for all.

    `type` is the side, LONG or SHORT. `price` of a market order is the worst it may fill at;
    null while it waits for its trigger, and for a conditional one that only reduces.
    `qty` and `remainingQty` of a closePosition order are null until it is triggered: it is of the
    whole position.

    `maxSlippage` is how far from the mark price a market order may fill when it is placed or fires,
    null where there is no limit but `price`. `priceMatch` is where in the book a limit order took
    its `price` from, which is null before it did.

    `margin` is what was named for the whole order, null where `leverage` decides; `held` is the
    money still reserved; `reason` says why it was rejected, cancelled or expired.
    """

    id: int
    user_id: int
    market_id: str
    client_order_id: str | None
    type: str
    order_type: str
    time_in_force: str
    qty: str | None
    filled_qty: str
    remaining_qty: str | None
    price: str | None
    price_match: str | None
    visible_qty: str | None
    max_slippage: str | None
    average_price: str | None
    margin: str | None
    leverage: int | None
    held: str
    reduce_only: bool
    post_only: bool
    close_position: bool
    expires_at: datetime | None
    trigger: TriggerAnswer | None
    parent_id: int | None
    other_id: int | None
    algo_id: int | None
    maker_fee: str
    taker_fee: str
    self_trade_prevention: str
    status: str
    reason: str | None
    created_at: datetime
    updated_at: datetime


class OrdersPage(Answer, frozen=True):
    orders: list[OrderAnswer]
    next_cursor: str | None


def placed_answer(placed: PlacedOrder) -> tuple[int, OrderPlaced]:
    """With its status: 200 for an order that was placed before."""
    status = HTTPStatus.OK if placed.repeated else HTTPStatus.ACCEPTED
    answer = OrderPlaced(
        message=_placed_message(placed),
        order_id=placed.order_id,
        status=placed.status,
        take_profit_id=placed.attached.get("take_profit", UNSET),
        stop_loss_id=placed.attached.get("stop_loss", UNSET),
        other_id=placed.attached.get("other", UNSET),
    )
    return status, answer


def _placed_message(placed: PlacedOrder) -> str:
    return "This order was placed before." if placed.repeated else "Order received."


def amending_answer(order: Order) -> OrderPlaced:
    return OrderPlaced(message="Amendment received.", order_id=order.pk, status=order.status)


def cancelling_all_answer(market_ids: list[str], *, protective: bool) -> OrdersCancelling:
    return OrdersCancelling(
        message="Cancels received." + stays_words(protective),
        market_ids=market_ids,
        protective=protective,
    )


def countdown_answer(market_id: str, command_id: int, *, protective: bool) -> CountdownSent:
    return CountdownSent(
        message="Countdown received." + stays_words(protective),
        market_id=market_id,
        command_id=command_id,
        protective=protective,
    )


def cancelling_answer(order: OrderState) -> OrderPlaced:
    return OrderPlaced(message=CANCEL_RECEIVED, order_id=order.order_id, status=order.status)


def batch_item(result: ItemResult) -> BatchItem:
    """Of an order that was placed, that is to be cancelled, or whose amendment was sent."""
    if isinstance(result, DomainError):
        return convert({"ok": False, **body_of(result)}, BatchItem)
    if isinstance(result, Order):
        answer = amending_answer(result)
        return BatchItem(True, answer.message, order_id=answer.order_id, status=answer.status)
    message = CANCEL_RECEIVED if isinstance(result, OrderState) else _placed_message(result)
    attached = result.attached if isinstance(result, PlacedOrder) else {}
    return BatchItem(
        ok=True,
        message=message,
        order_id=result.order_id,
        status=result.status,
        take_profit_id=attached.get("take_profit", UNSET),
        stop_loss_id=attached.get("stop_loss", UNSET),
        other_id=attached.get("other", UNSET),
    )


def batch_answer(results: Iterable[ItemResult]) -> BatchAnswer:
    return BatchAnswer(results=[_batch_item_or_fault(result) for result in results])


def _batch_item_or_fault(result: ItemResult) -> BatchItem:
    try:
        return batch_item(result)
    except Exception:
        log.exception("batch_item_unanswered")
        return batch_item(internal_error())


def price_or_none(price_ticks: int, rules: MarketRules) -> str | None:
    return ticks_text(price_ticks, rules.tick_size) if price_ticks else None


def order_answer(order: Order, rules: MarketRules, algo_ids: Mapping[int, int]) -> OrderAnswer:
    """``algo_ids``: of orders that algos sent."""
    by_margin = order.margin_units > 0
    is_sized = not order.is_of_whole_position
    return OrderAnswer(
        id=order.pk,
        user_id=order.user_id,
        market_id=order.market_id,
        client_order_id=order.client_order_id,
        type=order.side,
        order_type=order.order_type,
        time_in_force=order.time_in_force,
        qty=lots_text(order.size_lots, rules.lot_size) if is_sized else None,
        filled_qty=lots_text(order.filled_lots, rules.lot_size),
        remaining_qty=lots_text(order.remaining_lots, rules.lot_size) if is_sized else None,
        price=price_or_none(order.shown_price_ticks, rules),
        price_match=order.price_match,
        visible_qty=lots_text(order.visible_lots, rules.lot_size) if order.visible_lots else None,
        max_slippage=units_text(order.max_slippage_ppm) if order.max_slippage_ppm else None,
        average_price=average_price(order.filled_cost_units, order.filled_lots, rules),
        margin=units_text(order.margin_units) if by_margin else None,
        leverage=None if by_margin or order.reduce_only else order.leverage,
        held=units_text(order.held_units),
        reduce_only=order.reduce_only,
        post_only=order.time_in_force == TimeInForce.GTX,
        close_position=order.close_position,
        expires_at=order.expires_at,
        trigger=_trigger_answer(order, rules),
        parent_id=order.parent_id,
        other_id=order.other_id,
        algo_id=algo_ids.get(order.pk),
        maker_fee=units_text(order.maker_fee_ppm),
        taker_fee=units_text(order.taker_fee_ppm),
        self_trade_prevention=order.self_trade_prevention,
        status=order.status,
        reason=order.reason or None,
        created_at=order.created_at,
        updated_at=order.updated_at,
    )


def _trigger_answer(order: Order, rules: MarketRules) -> TriggerAnswer | None:
    if order.trigger_kind is None or order.trigger_by is None:
        return None
    callback_ppm = order.trigger_callback_ppm
    return TriggerAnswer(
        type=order.trigger_kind,
        by=order.trigger_by,
        price=price_or_none(order.trigger_price_ticks, rules),
        callback=units_text(callback_ppm) if callback_ppm else None,
        triggered_at=order.triggered_at,
    )
