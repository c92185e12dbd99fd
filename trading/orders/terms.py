"""What a trader sent, as exact terms: whole ticks, lots and units, whatever the market does."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from common.errors import DomainError, ErrorCode, invalid
from markets.conversions import (
    from_ms,
    lots_text,
    time_asked_ms,
    to_lots,
    to_steps,
    to_ticks,
    to_units,
    to_whole,
)
from markets.rules import MarketRules
from matching.messages.commands import Trigger
from matching.messages.holds import ceil_div
from matching.messages.limits import MAX_ICEBERG_PARTS, PPM
from matching.messages.vocabulary import (
    OrderType,
    PriceMatch,
    SelfTradePrevention,
    Side,
    TimeInForce,
    TriggerKind,
)
from trading.orders.request import NewOrder, NewTrigger, TriggerChanges

CLIENT_ORDER_ID_LENGTH_MAX = 64
# Of a close-position order until it executes: it is then given the position's size.
SIZE_NOT_KNOWN_LOTS = 1

_RATE_STEP = Decimal("0.000001")


class OrderTerms(Struct, frozen=True):
    """What the trader asked for.

    ``limit_ticks`` is 0 for a market order and where ``price_match`` says where the engine takes it
    from, ``margin_units`` 0 where ``leverage`` decides, ``expires_ms`` 0 for never,
    ``max_slippage_ppm`` 0 where only the price band limits it, ``visible_lots`` 0 where the book
    shows all of it.
    """

    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    limit_ticks: int
    size_lots: int
    margin_units: int
    leverage: int
    max_slippage_ppm: int
    reduce_only: bool
    close_position: bool
    expires_ms: int
    trigger: Trigger | None
    client_order_id: str | None
    self_trade_prevention: SelfTradePrevention
    price_match: PriceMatch | None = None
    visible_lots: int = 0

    @property
    def may_rest(self) -> bool:
        return self.order_type is OrderType.LIMIT and self.time_in_force.may_rest

    @property
    def is_priced_by_trader(self) -> bool:
        """Else its worst price is as far from the mark as its slippage allows."""
        return self.order_type is OrderType.LIMIT and self.price_match is None

    @property
    def expires_at(self) -> datetime | None:
        return from_ms(self.expires_ms)

    def columns(self) -> dict[str, Any]:
        """What was asked, by the columns of an order's row that take it as it is."""
        trigger = self.trigger
        return {
            "side": self.side,
            "order_type": self.order_type,
            "time_in_force": self.time_in_force,
            "size_lots": self.size_lots,
            "margin_units": self.margin_units,
            "leverage": self.leverage,
            "max_slippage_ppm": self.max_slippage_ppm,
            "reduce_only": self.reduce_only,
            "close_position": self.close_position,
            "expires_at": self.expires_at,
            "trigger_kind": trigger.kind if trigger else None,
            "trigger_by": trigger.by if trigger else None,
            "trigger_price_ticks": trigger.price_ticks if trigger else 0,
            "trigger_callback_ppm": trigger.callback_ppm if trigger else 0,
            "client_order_id": self.client_order_id,
            "self_trade_prevention": self.self_trade_prevention,
            "parent_id": None,
            "price_match": self.price_match,
            "other_id": None,
            "visible_lots": self.visible_lots,
        }


def read_terms(rules: MarketRules, new: NewOrder, leverage_set: int | None) -> OrderTerms:
    """``leverage_set``: the trader's for this market. Raises DomainError naming the field."""
    size_lots = _read_size(rules, new)
    reduce_only = new.reduce_only or new.close_position
    margin_units, leverage = _read_margin(rules, new, reduce_only, leverage_set)
    time_in_force = read_time_in_force(new)
    max_slippage_ppm = _read_slippage(rules, new, reduce_only)
    return OrderTerms(
        side=new.side,
        order_type=new.order_type,
        time_in_force=time_in_force,
        limit_ticks=_read_limit(rules, new),
        size_lots=size_lots,
        margin_units=margin_units,
        leverage=leverage,
        max_slippage_ppm=max_slippage_ppm,
        reduce_only=reduce_only,
        close_position=new.close_position,
        expires_ms=_read_expiry(new, time_in_force),
        trigger=_read_trigger(rules, new.trigger, max_slippage_ppm) if new.trigger else None,
        client_order_id=_read_client_order_id(new.client_order_id),
        self_trade_prevention=new.self_trade_prevention,
        price_match=new.price_match,
        visible_lots=_read_visible(rules, new, size_lots, time_in_force),
    )


def _read_size(rules: MarketRules, new: NewOrder) -> int:
    if new.close_position:
        if new.trigger is None:
            message = "close_position is for a trigger; to close now send qty with reduce_only."
            raise invalid("close_position", message).naming("close_position", "reduce_only")
        if new.qty is not None:
            message = "A close_position order closes all there is then: leave qty out."
            raise invalid("qty", message, ErrorCode.INVALID_SIZE).naming("close_position")
        return SIZE_NOT_KNOWN_LOTS
    if new.qty is None:
        raise invalid("qty", "Give qty.", ErrorCode.MISSING_FIELD)
    return size_in_bounds(rules, new.qty)


def size_in_bounds(rules: MarketRules, qty: object) -> int:
    """Raises DomainError."""
    size_lots = to_lots(qty, rules.lot_size)
    if size_lots < rules.min_size_lots:
        least = lots_text(rules.min_size_lots, rules.lot_size)
        raise invalid("qty", f"qty must be at least {least}.", ErrorCode.INVALID_SIZE)
    if size_lots > rules.max_size_lots:
        most = lots_text(rules.max_size_lots, rules.lot_size)
        raise invalid("qty", f"qty must be at most {most}.", ErrorCode.INVALID_SIZE)
    return size_lots


def _read_limit(rules: MarketRules, new: NewOrder) -> int:
    if new.price_match is not None:
        return _read_no_limit(new)
    if new.order_type is OrderType.LIMIT:
        if new.price is None:
            raise invalid("price", "Give a limit order its price.", ErrorCode.MISSING_FIELD)
        return to_ticks(new.price, rules.tick_size)
    if new.price is not None:
        raise invalid(
            "price", "A market order has no price: leave it out.", ErrorCode.INVALID_PRICE
        )
    return 0


def _read_no_limit(new: NewOrder) -> int:
    """Of an order that takes its price from the book."""
    if new.order_type is not OrderType.LIMIT:
        message = "price_match is of a limit order: leave it out."
        raise invalid("price_match", message).naming("price_match")
    if new.price is not None:
        message = "Give price or price_match, not both."
        raise invalid("price", message, ErrorCode.INVALID_PRICE).naming("price", "price_match")
    if new.trigger is not None:
        message = "A conditional order can't have a price_match: give it its price."
        raise invalid("price_match", message).naming("price_match")
    return 0


def _read_slippage(rules: MarketRules, new: NewOrder, reduce_only: bool) -> int:
    if new.order_type is OrderType.LIMIT and new.price_match is None:
        if new.max_slippage is not None:
            message = "The price of a limit order is its worst: leave max_slippage out."
            raise invalid("max_slippage", message, ErrorCode.INVALID_SLIPPAGE)
        return 0
    if new.max_slippage is None:
        # A stop must close the position whatever gap fired it, unless its trader says otherwise.
        is_stop = reduce_only and new.trigger is not None
        return 0 if is_stop else rules.max_slippage_ppm
    return to_steps(
        new.max_slippage,
        _RATE_STEP,
        "max_slippage",
        maximum=rules.price_band_ppm,
        code=ErrorCode.INVALID_SLIPPAGE,
        step_name="smallest rate",
    )


def _read_margin(
    rules: MarketRules, new: NewOrder, reduce_only: bool, leverage_set: int | None
) -> tuple[int, int]:
    leverage = read_leverage(rules, new.leverage) if new.leverage is not None else None
    margin_units = to_units(new.margin, "margin") if new.margin is not None else 0
    if reduce_only:  # brings no margin: what it closes gives some back
        return 0, leverage or 1
    if margin_units and leverage is not None:
        raise invalid(
            "leverage", "Give margin or leverage, not both.", ErrorCode.MARGIN_OR_LEVERAGE
        )
    if margin_units:
        return margin_units, 1
    chosen = leverage or leverage_set
    if chosen is None:
        message = f"Give margin or leverage, or set the leverage of {rules.id}."
        raise invalid("margin", message, ErrorCode.MISSING_FIELD)
    return 0, chosen


def read_leverage(rules: MarketRules, value: object) -> int:
    """Raises DomainError."""
    leverage = to_whole(value, "leverage")
    if not 1 <= leverage <= rules.max_leverage:
        message = f"leverage must be from 1 to {rules.max_leverage}."
        raise invalid("leverage", message, ErrorCode.INVALID_LEVERAGE)
    return leverage


def read_time_in_force(new: NewOrder) -> TimeInForce:
    """Raises DomainError."""
    code = ErrorCode.INVALID_TIME_IN_FORCE
    given = new.time_in_force
    if new.post_only:
        if new.order_type is OrderType.MARKET:
            raise invalid("post_only", "A market order can't be post-only.", code)
        if given in {TimeInForce.IOC, TimeInForce.FOK}:
            message = f"A post-only order can't be {given}: leave time_in_force out."
            raise invalid("time_in_force", message, code)
        return TimeInForce.GTX
    immediate = {None, TimeInForce.IOC, TimeInForce.FOK}
    if new.order_type is OrderType.MARKET and given not in immediate:
        raise invalid("time_in_force", "A market order is IOC or FOK.", code)
    return given or time_in_force_of(new.order_type)


def time_in_force_of(order_type: OrderType) -> TimeInForce:
    """Of an order that names none."""
    return TimeInForce.IOC if order_type is OrderType.MARKET else TimeInForce.GTC


def _read_visible(
    rules: MarketRules, new: NewOrder, size_lots: int, time_in_force: TimeInForce
) -> int:
    if new.visible_qty is None:
        return 0
    check_may_hide(new.order_type, time_in_force, is_conditional=new.trigger is not None)
    return visible_in_bounds(rules, new.visible_qty, size_lots)


def check_may_hide(
    order_type: OrderType, time_in_force: TimeInForce, *, is_conditional: bool
) -> None:
    """Raises DomainError for an order of which the book can't show a part."""
    if not (order_type is OrderType.LIMIT and time_in_force is TimeInForce.GTC):
        message = "visible_qty is of a GTC limit order: leave it out."
        raise invalid("visible_qty", message, ErrorCode.INVALID_TIME_IN_FORCE).naming("visible_qty")
    if is_conditional:
        message = "A conditional order shows all of itself: leave visible_qty out."
        raise invalid("visible_qty", message).naming("visible_qty")


def visible_in_bounds(rules: MarketRules, visible_qty: object, size_lots: int) -> int:
    """Raises DomainError."""
    visible_lots = to_lots(visible_qty, rules.lot_size, "visible_qty")
    least_lots = max(rules.min_size_lots, ceil_div(size_lots, MAX_ICEBERG_PARTS))
    if not least_lots <= visible_lots <= size_lots:
        least = lots_text(least_lots, rules.lot_size)
        message = f"visible_qty must be from {least} to qty."
        raise invalid("visible_qty", message, ErrorCode.INVALID_SIZE).naming("visible_qty")
    return visible_lots


def _read_expiry(new: NewOrder, time_in_force: TimeInForce) -> int:
    if new.expires_at is None:
        return 0
    if new.trigger is None and not time_in_force.may_rest:
        message = f"A {time_in_force} order does not stay: leave expires_at out."
        raise invalid("expires_at", message, ErrorCode.INVALID_EXPIRY)
    expires_ms = time_asked_ms(new.expires_at, "expires_at")
    if expires_ms <= 0:
        raise expiry_is_past()
    return expires_ms


def expiry_is_past() -> DomainError:
    return invalid("expires_at", "expires_at must be in the future.", ErrorCode.INVALID_EXPIRY)


def _read_trigger(rules: MarketRules, new: NewTrigger, max_slippage_ppm: int) -> Trigger:
    is_trailing = new.type is TriggerKind.TRAILING_STOP
    if is_trailing and new.callback is None:
        raise invalid(
            "trigger.callback", "Give a trailing stop its callback.", ErrorCode.MISSING_FIELD
        )
    if not is_trailing and new.price is None:
        raise invalid("trigger.price", "Give the trigger its price.", ErrorCode.MISSING_FIELD)
    plain = Trigger(
        kind=new.type, by=new.by, price_ticks=0, callback_ppm=0, max_slippage_ppm=max_slippage_ppm
    )
    return trigger_changed(rules, plain, new)


def trigger_changed(
    rules: MarketRules, trigger: Trigger, asked: NewTrigger | TriggerChanges
) -> Trigger:
    """With the price and callback asked for, where they are. Raises DomainError."""
    code = ErrorCode.INVALID_TRIGGER
    if asked.callback is not None and trigger.kind is not TriggerKind.TRAILING_STOP:
        message = "Only a trailing stop has a callback: leave it out."
        raise invalid("trigger.callback", message, code)
    price_ticks, callback_ppm = trigger.price_ticks, trigger.callback_ppm
    if asked.price is not None:
        price_ticks = to_ticks(asked.price, rules.tick_size, "trigger.price")
    if asked.callback is not None:
        callback_ppm = to_steps(
            asked.callback,
            _RATE_STEP,
            "trigger.callback",
            maximum=PPM - 1,
            code=code,
            step_name="smallest rate",
        )
    return replace(trigger, price_ticks=price_ticks, callback_ppm=callback_ppm)


def _read_client_order_id(text: str | None) -> str | None:
    if text is not None and not 1 <= len(text) <= CLIENT_ORDER_ID_LENGTH_MAX:
        message = f"client_order_id must be 1 to {CLIENT_ORDER_ID_LENGTH_MAX} characters."
        raise invalid("client_order_id", message)
    return text
