"""From what a trader sent to what goes to the engine: exact terms, checked, and their hold.

The engine checks again by the market as it is then; what is refused here saves the trader a wait
and says in words what to change.
"""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any

from msgspec import Meta, Struct

from exchange_site.api import ApiError, invalid
from matching.messages.holds import (
    band_edges,
    ceil_div,
    margin_per_lot,
    open_loss_per_lot,
    reserve_per_lot,
    worst_price_ticks,
)
from matching.messages.limits import MAX_NOTIONAL_UNITS
from matching.messages.streams import Ticker
from matching.messages.vocabulary import (
    MarketState,
    OrderType,
    SelfTradePrevention,
    Side,
    TimeInForce,
)
from trading.conversions import (
    lots_text,
    ticks_text,
    to_lots,
    to_ticks,
    to_units,
    to_whole,
    units_text,
)
from trading.market_rules import MarketRules

CLIENT_ORDER_ID_LENGTH_MAX = 64

# A JSON number or its text; `trading.conversions` reads it without loss.
Number = Annotated[Any, Meta(extra_json_schema={"type": ["string", "number"]})]
OptionalNumber = Annotated[Any, Meta(extra_json_schema={"type": ["string", "number", "null"]})]


class NewOrder(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """An order as a trader sends it. `margin` is for the whole order; or `leverage` decides it."""

    market_id: str
    side: Side
    qty: Number
    order_type: OrderType
    price: OptionalNumber = None
    margin: OptionalNumber = None
    leverage: OptionalNumber = None
    time_in_force: TimeInForce | None = None
    post_only: bool = False
    reduce_only: bool = False
    client_order_id: str | None = None
    self_trade_prevention: SelfTradePrevention = SelfTradePrevention.EXPIRE_MAKER


@dataclass(frozen=True, slots=True)
class OrderTerms:
    """What the trader asked for, in whole ticks, lots and units, whatever the market does.

    ``limit_ticks`` is 0 for a market order, ``margin_units`` 0 where ``leverage`` decides.
    """

    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    limit_ticks: int
    size_lots: int
    margin_units: int
    leverage: int
    reduce_only: bool
    client_order_id: str | None
    self_trade_prevention: SelfTradePrevention


@dataclass(frozen=True, slots=True)
class OrderDraft:
    """Terms that the market as it stands would take, with the price and hold they go out with."""

    terms: OrderTerms
    price_ticks: int
    hold_units: int


def read_terms(rules: MarketRules, new: NewOrder) -> OrderTerms:
    """Raises ApiError naming the field."""
    size_lots = _read_size(rules, new)
    margin_units, leverage = _read_margin(rules, new)
    return OrderTerms(
        side=new.side,
        order_type=new.order_type,
        time_in_force=_read_time_in_force(new),
        limit_ticks=_read_limit(rules, new),
        size_lots=size_lots,
        margin_units=margin_units,
        leverage=leverage,
        reduce_only=new.reduce_only,
        client_order_id=_read_client_order_id(new.client_order_id),
        self_trade_prevention=new.self_trade_prevention,
    )


def _read_size(rules: MarketRules, new: NewOrder) -> int:
    size_lots = to_lots(new.qty, rules.lot_size)
    if size_lots < rules.min_size_lots:
        least = lots_text(rules.min_size_lots, rules.lot_size)
        raise invalid("qty", f"qty must be at least {least}.", "INVALID_SIZE")
    if size_lots > rules.max_size_lots:
        most = lots_text(rules.max_size_lots, rules.lot_size)
        raise invalid("qty", f"qty must be at most {most}.", "INVALID_SIZE")
    return size_lots


def _read_limit(rules: MarketRules, new: NewOrder) -> int:
    if new.order_type is OrderType.LIMIT:
        if new.price is None:
            raise invalid("price", "Give a limit order its price.", "MISSING_FIELD")
        return to_ticks(new.price, rules.tick_size)
    if new.price is not None:
        raise invalid("price", "A market order has no price: leave it out.", "INVALID_PRICE")
    return 0


def _read_margin(rules: MarketRules, new: NewOrder) -> tuple[int, int]:
    leverage = to_whole(new.leverage, "leverage") if new.leverage is not None else None
    if leverage is not None and not 1 <= leverage <= rules.max_leverage:
        message = f"leverage must be from 1 to {rules.max_leverage}."
        raise invalid("leverage", message, "INVALID_LEVERAGE")
    margin_units = to_units(new.margin, "margin") if new.margin is not None else 0
    if new.reduce_only:  # brings no margin: what it closes gives some back
        return 0, leverage or 1
    if margin_units and leverage is not None:
        raise invalid("leverage", "Give margin or leverage, not both.", "MARGIN_OR_LEVERAGE")
    if not margin_units and leverage is None:
        raise invalid("margin", "Give margin or leverage.", "MISSING_FIELD")
    return margin_units, leverage or 1


def _read_time_in_force(new: NewOrder) -> TimeInForce:
    code = "INVALID_TIME_IN_FORCE"
    given = new.time_in_force
    if new.post_only:
        if new.order_type is OrderType.MARKET:
            raise invalid("postOnly", "A market order can't be post-only.", code)
        if given in {TimeInForce.IOC, TimeInForce.FOK}:
            message = f"A post-only order can't be {given}: leave timeInForce out."
            raise invalid("timeInForce", message, code)
        return TimeInForce.GTX
    if new.order_type is OrderType.MARKET:
        if given not in {None, TimeInForce.IOC, TimeInForce.FOK}:
            raise invalid("timeInForce", "A market order is IOC or FOK.", code)
        return given or TimeInForce.IOC
    return given or TimeInForce.GTC


def _read_client_order_id(text: str | None) -> str | None:
    if text is not None and not 1 <= len(text) <= CLIENT_ORDER_ID_LENGTH_MAX:
        message = f"clientOrderId must be 1 to {CLIENT_ORDER_ID_LENGTH_MAX} characters."
        raise invalid("clientOrderId", message)
    return text


def draft_order(rules: MarketRules, ticker: Ticker, terms: OrderTerms) -> OrderDraft:
    """Check the terms against the market as it stands and work out the hold. Raises ApiError."""
    _check_state(rules, ticker.state, terms)
    if not ticker.mark_price_ticks:
        message = f"{rules.id} has no mark price yet. Try again shortly."
        raise ApiError(HTTPStatus.BAD_REQUEST, "NO_MARK_PRICE", message)
    price_ticks = _price_inside_band(rules, ticker.mark_price_ticks, terms)
    _check_notional(rules, price_ticks, terms)
    if terms.reduce_only:
        return OrderDraft(terms, price_ticks, hold_units=0)
    _check_margin(rules, ticker.mark_price_ticks, terms)
    worst_ticks = worst_price_ticks(
        terms.side,
        terms.order_type,
        price_ticks,
        ticker.mark_price_ticks,
        ticker.best_bid_ticks,
    )
    reserve_units = reserve_per_lot(
        units_per_tick_lot=rules.units_per_tick_lot,
        taker_fee_ppm=rules.taker_fee_ppm,
        side=terms.side,
        worst_ticks=worst_ticks,
        mark_ticks=ticker.mark_price_ticks,
        named_margin_per_lot_units=terms.margin_units // terms.size_lots,
        leverage=terms.leverage,
    )
    return OrderDraft(terms, price_ticks, hold_units=reserve_units * terms.size_lots)


def _check_state(rules: MarketRules, state: MarketState, terms: OrderTerms) -> None:
    if state is MarketState.ACTIVE:
        return
    message = f"{rules.id} is {state} and takes no orders now."
    if state is MarketState.POST_ONLY:
        if terms.time_in_force is TimeInForce.GTX:
            return
        message = f"{rules.id} takes only post-only orders now: set postOnly."
    elif state is MarketState.REDUCE_ONLY:
        if terms.reduce_only:
            return
        message = f"{rules.id} takes only reduce-only orders now: set reduceOnly."
    raise ApiError(HTTPStatus.BAD_REQUEST, "MARKET_NOT_OPEN", message)


def _price_inside_band(rules: MarketRules, mark_ticks: int, terms: OrderTerms) -> int:
    """The limit; of a market order, the edge of the band on its side."""
    lower, upper = band_edges(mark_ticks, rules.price_band_ppm)
    is_long = terms.side is Side.LONG
    edge = upper if is_long else lower
    if terms.order_type is OrderType.MARKET:
        return edge
    if terms.limit_ticks > edge if is_long else terms.limit_ticks < edge:
        bound = "at most" if is_long else "at least"
        message = f"price must be {bound} {ticks_text(edge, rules.tick_size)} now."
        raise invalid("price", message, "PRICE_OUTSIDE_BAND")
    return terms.limit_ticks


def _check_notional(rules: MarketRules, price_ticks: int, terms: OrderTerms) -> None:
    notional_units = rules.units_per_tick_lot * price_ticks * terms.size_lots
    if notional_units > MAX_NOTIONAL_UNITS:
        message = f"price × qty must be at most {units_text(MAX_NOTIONAL_UNITS)}."
        raise invalid("qty", message, "INVALID_SIZE")
    if notional_units < rules.min_notional_units and not terms.reduce_only:
        message = f"price × qty must be at least {units_text(rules.min_notional_units)}."
        raise invalid("qty", message, "MIN_NOTIONAL")


def _check_margin(rules: MarketRules, mark_ticks: int, terms: OrderTerms) -> None:
    """As the engine does: by the limit, of a market order by the mark price."""
    k = rules.units_per_tick_lot
    is_limit = terms.order_type is OrderType.LIMIT
    price_ticks = terms.limit_ticks if is_limit else mark_ticks
    least_units = ceil_div(k * price_ticks, rules.max_leverage)
    if is_limit:
        least_units = max(least_units, open_loss_per_lot(k, terms.side, price_ticks, mark_ticks))
    named_units = terms.margin_units // terms.size_lots
    if terms.margin_units and named_units < least_units:
        least = units_text(least_units * terms.size_lots, decimals=2)
        message = f"The margin is too small: minimum margin {least}."
        raise invalid("margin", message, "INSUFFICIENT_MARGIN")
    if not terms.margin_units and margin_per_lot(k, price_ticks, 0, terms.leverage) < least_units:
        most = max(1, k * price_ticks // least_units)
        message = f"At this price the leverage may be at most {most}."
        raise invalid("leverage", message, "INSUFFICIENT_MARGIN")
