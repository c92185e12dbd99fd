"""An order as the venue's clients read it: from its row, or from what was asked, and moved on by
the events of its engine.
"""

from typing import Any

from msgspec import Struct

from gateway.words.figures import price_text, qty_text
from gateway.words.symbols import symbol_of
from gateway.words.vocabulary import (
    SIDE_WORDS,
    WORKING_TYPE_WORDS,
    status_word,
    time_in_force_word,
    type_word,
)
from markets.conversions import (
    average_price_text,
    time_asked_ms,
    to_lots,
    to_ms,
    to_ticks,
    to_units,
    units_text,
)
from markets.rules import MarketRules
from matching.messages.conditional_events import (
    ConditionalAmended,
    CoverChanged,
    OrderAttached,
)
from matching.messages.events import (
    Event,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderRejected,
    OrderRested,
    OrderTriggered,
    OrderWaiting,
    OutputEntry,
    Trade,
)
from matching.messages.vocabulary import CancelReason, OrderStatus, OrderType, RejectCode
from trading.models import Order
from trading.orders.request import NewOrder
from trading.orders.terms import read_time_in_force

_PPM_PER_PERCENT_DIGITS = 2


class ShownOrder(Struct, kw_only=True):
    """``trigger_kind`` is None for an order that doesn't wait; ``reason`` why it ended, in our
    words; ``algo_id`` is told in streams alone, 0 of an order that no algo sent."""

    order_id: int
    market_id: str
    client_order_id: str
    side: str
    order_type: str
    time_in_force: str
    price_ticks: int
    price_match: str | None
    size_lots: int
    is_sized: bool
    reduce_only: bool
    close_position: bool
    self_trade_prevention: str
    expires_ms: int
    created_ms: int
    updated_ms: int
    trigger_kind: str | None = None
    trigger_by: str | None = None
    trigger_price_ticks: int = 0
    trigger_callback_ppm: int = 0
    triggered_ms: int = 0
    filled_lots: int = 0
    cancelled_lots: int = 0
    filled_cost_units: int = 0
    status: str = OrderStatus.PENDING.value
    reason: str = ""
    algo_id: int = 0

    @property
    def is_conditional(self) -> bool:
        return self.trigger_kind is not None

    @property
    def kind(self) -> str:
        return type_word(self.order_type, self.trigger_kind)

    @property
    def actual_kind(self) -> str:
        """Once it has fired it is an order like any other."""
        return type_word(self.order_type, None) if self.triggered_ms else self.kind

    @property
    def status_word(self) -> str:
        return status_word(self.status, self.filled_lots, self.reason)

    # --- what engines say of it -------------------------------------------------------------------

    def apply(self, entry: OutputEntry, units_per_tick_lot: int) -> list[Event]:
        """Moves it on by the events of it in the entry, which are answered."""
        told: list[Event] = [
            event for event in entry.events if self.hear(event, units_per_tick_lot)
        ]
        if told:
            self.updated_ms = entry.time_ms
            if any(isinstance(event, OrderTriggered) for event in told):
                self.triggered_ms = entry.time_ms
        return told

    def hear(self, event: Event, units_per_tick_lot: int) -> bool:
        if isinstance(event, Trade):
            return self._fill(event, units_per_tick_lot)
        if getattr(event, "order_id", 0) != self.order_id:
            return False
        match event:
            case OrderAccepted():
                self.status, self.price_ticks = OrderStatus.OPEN, event.price_ticks
                self.size_lots, self.is_sized = event.size_lots, True
            case OrderRested():
                self.status = OrderStatus.OPEN
            case OrderWaiting():
                self.status = OrderStatus.WAITING
            case OrderAttached() | CoverChanged() | ConditionalAmended():
                self._hear_waiting(event)
            case OrderTriggered():
                self.size_lots, self.is_sized = event.size_lots, True
            case OrderAmended():
                self.price_ticks, self.size_lots = event.price_ticks, event.size_lots
            case OrderRejected() | OrderCancelled():
                self._end(event)
            case _:
                pass
        return True

    def _hear_waiting(self, event: OrderAttached | CoverChanged | ConditionalAmended) -> None:
        match event:
            case OrderAttached():
                self.status = OrderStatus.ASLEEP
            case CoverChanged():
                self.status = OrderStatus.WAITING if event.covered_lots else OrderStatus.ASLEEP
                self.size_lots = event.covered_lots or self.size_lots
            case ConditionalAmended():
                self.price_ticks, self.size_lots = event.price_ticks, event.size_lots
                self.trigger_price_ticks = event.trigger_price_ticks
                self.trigger_callback_ppm = event.callback_ppm

    def _end(self, event: OrderRejected | OrderCancelled) -> None:
        """Or a part of it, where lots remain."""
        if isinstance(event, OrderRejected):
            self.status, self.reason = OrderStatus.REJECTED, event.code
            return
        self.reason = event.reason
        if not event.of_whole_position:
            kept_lots = event.remaining_lots + self.filled_lots
            self.cancelled_lots = self.size_lots - kept_lots
        if not event.remaining_lots:
            self.status = event.reason.final_status

    def _fill(self, trade: Trade, units_per_tick_lot: int) -> bool:
        """What its row had already counted is not counted again."""
        is_own = False
        for leg in (trade.taker, trade.maker):
            if leg.order_id != self.order_id:
                continue
            is_own = True
            filled_lots = self.size_lots - self.cancelled_lots - leg.remaining_lots
            if filled_lots > self.filled_lots:
                self.filled_lots = filled_lots
                self.filled_cost_units += units_per_tick_lot * trade.price_ticks * trade.size_lots
            self.status = OrderStatus.OPEN if leg.remaining_lots else OrderStatus.FILLED
        return is_own

    @property
    def reject_code(self) -> RejectCode | None:
        return RejectCode(self.reason) if self.status == OrderStatus.REJECTED else None

    @property
    def unfilled_ending(self) -> CancelReason | None:
        """Why its own terms ended it before it did anything."""
        if self.status != OrderStatus.EXPIRED or self.filled_lots:
            return None
        return CancelReason(self.reason)


def of_row(order: Order) -> ShownOrder:
    return ShownOrder(
        order_id=order.pk,
        market_id=order.market_id,
        client_order_id=order.client_order_id or "",
        side=order.side,
        order_type=order.order_type,
        time_in_force=order.time_in_force,
        price_ticks=order.shown_price_ticks if order.order_type == OrderType.LIMIT else 0,
        price_match=order.price_match,
        size_lots=order.size_lots,
        is_sized=not order.is_of_whole_position,
        reduce_only=order.reduce_only,
        close_position=order.close_position,
        self_trade_prevention=order.self_trade_prevention,
        expires_ms=to_ms(order.expires_at),
        created_ms=to_ms(order.created_at),
        updated_ms=to_ms(order.updated_at),
        trigger_kind=order.trigger_kind,
        trigger_by=order.trigger_by,
        trigger_price_ticks=order.trigger_price_ticks,
        trigger_callback_ppm=order.trigger_callback_ppm,
        triggered_ms=to_ms(order.triggered_at),
        filled_lots=order.filled_lots,
        cancelled_lots=order.cancelled_lots,
        filled_cost_units=order.filled_cost_units,
        status=order.status,
        reason=order.reason,
    )


def of_new(order_id: int, new: NewOrder, rules: MarketRules, now_ms: int) -> ShownOrder:
    """Of one that a service took, so that its terms can be read."""
    trigger = new.trigger
    has_price = new.order_type is OrderType.LIMIT and new.price_match is None
    trigger_ticks = callback_ppm = 0
    if trigger is not None:
        if trigger.price is not None:
            trigger_ticks = to_ticks(trigger.price, rules.tick_size)
        if trigger.callback is not None:
            callback_ppm = to_units(trigger.callback)  # millionths, as of money
    return ShownOrder(
        order_id=order_id,
        market_id=rules.id,
        client_order_id=new.client_order_id or "",
        side=new.side,
        order_type=new.order_type,
        time_in_force=read_time_in_force(new),
        price_ticks=to_ticks(new.price, rules.tick_size) if has_price else 0,
        price_match=new.price_match,
        size_lots=1 if new.qty is None else to_lots(new.qty, rules.lot_size),
        is_sized=not new.close_position,
        reduce_only=new.reduce_only or new.close_position,
        close_position=new.close_position,
        self_trade_prevention=new.self_trade_prevention,
        expires_ms=time_asked_ms(new.expires_at, "expires_at") if new.expires_at else 0,
        created_ms=now_ms,
        updated_ms=now_ms,
        trigger_kind=trigger.type if trigger else None,
        trigger_by=trigger.by if trigger else None,
        trigger_price_ticks=trigger_ticks,
        trigger_callback_ppm=callback_ppm,
    )


# --- the venue's shapes ---------------------------------------------------------------------------


def order_body(order: ShownOrder, rules: MarketRules) -> dict[str, Any]:
    filled = qty_text(order.filled_lots, rules)
    is_waiting = order.is_conditional and not order.triggered_ms
    trailing = order.trigger_callback_ppm > 0
    body: dict[str, Any] = {
        "orderId": order.order_id,
        "symbol": symbol_of(order.market_id),
        "status": order.status_word,
        "clientOrderId": order.client_order_id,
        "price": limit_text(order, rules),
        "avgPrice": average_text(order, rules),
        "origQty": size_text(order, rules),
        "executedQty": filled,
        "cumQty": filled,
        "cumQuote": units_text(order.filled_cost_units),
        "timeInForce": time_in_force_word(order.time_in_force, order.expires_ms, order.order_type),
        "type": order.kind if is_waiting else order.actual_kind,
        "reduceOnly": order.reduce_only,
        "closePosition": order.close_position,
        "side": SIDE_WORDS[order.side],
        "positionSide": "BOTH",
        "stopPrice": "0" if trailing else price_text(order.trigger_price_ticks, rules),
        "workingType": WORKING_TYPE_WORDS[order.trigger_by or "LAST"],
        "priceProtect": False,
        "origType": order.kind,
        "priceMatch": order.price_match or "NONE",
        "selfTradePreventionMode": order.self_trade_prevention,
        "goodTillDate": order.expires_ms,
        "time": order.created_ms,
        "updateTime": order.updated_ms,
    }
    if trailing:
        body["activatePrice"] = price_text(order.trigger_price_ticks, rules)
        body["priceRate"] = percent_text(order.trigger_callback_ppm)
    return body


def algo_body(order: ShownOrder, rules: MarketRules) -> dict[str, Any]:
    trailing = order.trigger_callback_ppm > 0
    trigger_price = price_text(order.trigger_price_ticks, rules)
    fired = bool(order.triggered_ms)
    return {
        "algoId": order.order_id,
        "clientAlgoId": order.client_order_id,
        "algoType": "CONDITIONAL",
        "orderType": order.kind,
        "symbol": symbol_of(order.market_id),
        "side": SIDE_WORDS[order.side],
        "positionSide": "BOTH",
        "timeInForce": time_in_force_word(order.time_in_force, order.expires_ms, order.order_type),
        "quantity": size_text(order, rules),
        "algoStatus": algo_status(order),
        "triggerPrice": "0" if trailing else trigger_price,
        "price": limit_text(order, rules),
        "icebergQuantity": None,
        "selfTradePreventionMode": order.self_trade_prevention,
        "workingType": WORKING_TYPE_WORDS[order.trigger_by or "LAST"],
        "priceMatch": "NONE",
        "closePosition": order.close_position,
        "priceProtect": False,
        "reduceOnly": order.reduce_only,
        "activatePrice": trigger_price if trailing else "",
        "callbackRate": percent_text(order.trigger_callback_ppm) if trailing else "",
        "createTime": order.created_ms,
        "updateTime": order.updated_ms,
        "triggerTime": order.triggered_ms,
        "goodTillDate": order.expires_ms,
        "actualOrderId": str(order.order_id) if fired else "",
        "actualPrice": average_text(order, rules) if fired else "0",
        "actualType": order.actual_kind if fired else "",
        "actualQty": qty_text(order.filled_lots, rules) if fired else "0",
    }


def algo_status(order: ShownOrder) -> str:
    """Of the condition, not of what it sends once it has come true."""
    match OrderStatus(order.status):
        case OrderStatus.REJECTED:
            return "REJECTED"
        case OrderStatus.CANCELLED | OrderStatus.EXPIRED if not order.triggered_ms:
            return "CANCELED" if order.status == OrderStatus.CANCELLED else "EXPIRED"
        case OrderStatus.PENDING | OrderStatus.ASLEEP | OrderStatus.WAITING:
            return "TRIGGERING" if order.triggered_ms else "NEW"
        case OrderStatus.OPEN:
            return "TRIGGERED"
        case _:
            return "FINISHED"


def limit_text(order: ShownOrder, rules: MarketRules) -> str:
    return price_text(order.price_ticks, rules) if order.order_type == "limit" else "0"


def size_text(order: ShownOrder, rules: MarketRules) -> str:
    """Of a whole position it is not known before it fires."""
    return qty_text(order.size_lots, rules) if order.is_sized else "0"


def average_text(order: ShownOrder, rules: MarketRules) -> str:
    return average_price_text(
        order.filled_cost_units, order.filled_lots, rules.units_per_tick_lot, rules.tick_size
    )


def percent_text(rate_ppm: int) -> str:
    return units_text(rate_ppm * 10**_PPM_PER_PERCENT_DIGITS)
