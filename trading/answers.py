"""① What the API answers: rows in a trader's units, as structs the schema is made of."""

from datetime import datetime

from msgspec import Struct

from matching.messages.streams import Depth, Ticker
from matching.messages.vocabulary import Side, TimeInForce
from trading.conversions import average_price_text, lots_text, ticks_text, units_text
from trading.market_rules import MarketRules
from trading.models import Fill, Order, Position


class _Answer(Struct, frozen=True, kw_only=True, rename="camel"):
    pass


class OrderPlaced(_Answer, frozen=True):
    """The order is in Postgres and on its way to the engine; GET /order/:id tells how it fares."""

    message: str
    order_id: int
    status: str


class OrdersCancelling(_Answer, frozen=True):
    message: str
    market_ids: list[str]


class OrderAnswer(_Answer, frozen=True):
    """`type` is the side, LONG or SHORT. `price` of a market order is the worst it may fill at.

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
    qty: str
    filled_qty: str
    remaining_qty: str
    price: str
    average_price: str | None
    margin: str | None
    leverage: int | None
    held: str
    reduce_only: bool
    post_only: bool
    self_trade_prevention: str
    status: str
    reason: str | None
    created_at: datetime
    updated_at: datetime


class PositionAnswer(_Answer, frozen=True):
    """`type` is LONG, SHORT, or null when flat; `qty` has no sign."""

    id: int
    user_id: int
    market_id: str
    type: str | None
    qty: str
    margin: str
    average_price: str | None
    mark_price: str | None
    unrealized_pnl: str | None
    realized_pnl: str
    liquidation_price: str | None
    updated_at: datetime


class FillAnswer(_Answer, frozen=True):
    """The trader's own side of a trade. `realizedPnl` is before the fee."""

    id: int
    trade_id: int
    market_id: str
    order_id: int
    side: str
    role: str
    qty: str
    price: str
    fee: str
    realized_pnl: str
    executed_at: datetime


class MarketAnswer(_Answer, frozen=True):
    """Rates are fractions: a fee of "0.0005" is five hundredths of a percent."""

    id: str
    base_asset: str
    quote_asset: str
    state: str
    tick_size: str
    lot_size: str
    min_qty: str
    max_qty: str
    min_notional: str
    price_band: str
    maker_fee: str
    taker_fee: str
    max_leverage: int
    mark_price: str | None


class DepthAnswer(_Answer, frozen=True):
    """Levels of ``[price, qty]``, best first. `seq` is the engine's sequence they are of."""

    market_id: str
    seq: int
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]


class TradeAnswer(_Answer, frozen=True):
    """`side` is the taker's."""

    id: int
    market_id: str
    side: str
    price: str
    qty: str
    executed_at: datetime


class TickerAnswer(_Answer, frozen=True):
    """Prices are null until there is one."""

    market_id: str
    seq: int
    state: str
    mark_price: str | None
    index_price: str | None
    last_price: str | None
    best_bid: str | None
    best_ask: str | None
    open_interest: str


class OrdersPage(_Answer, frozen=True):
    orders: list[OrderAnswer]
    next_cursor: str | None


class PositionsPage(_Answer, frozen=True):
    positions: list[PositionAnswer]
    next_cursor: str | None


class FillsPage(_Answer, frozen=True):
    fills: list[FillAnswer]
    next_cursor: str | None


class TradesPage(_Answer, frozen=True):
    trades: list[TradeAnswer]
    next_cursor: str | None


class MarketsList(_Answer, frozen=True):
    markets: list[MarketAnswer]


def price_or_none(price_ticks: int, rules: MarketRules) -> str | None:
    return ticks_text(price_ticks, rules.tick_size) if price_ticks else None


def order_answer(order: Order, rules: MarketRules) -> OrderAnswer:
    by_margin = order.margin_units > 0
    return OrderAnswer(
        id=order.pk,
        user_id=order.user_id,
        market_id=order.market_id,
        client_order_id=order.client_order_id,
        type=order.side,
        order_type=order.order_type,
        time_in_force=order.time_in_force,
        qty=lots_text(order.size_lots, rules.lot_size),
        filled_qty=lots_text(order.filled_lots, rules.lot_size),
        remaining_qty=lots_text(order.remaining_lots, rules.lot_size),
        price=ticks_text(order.price_ticks, rules.tick_size),
        average_price=_average_price(order.filled_cost_units, order.filled_lots, rules),
        margin=units_text(order.margin_units) if by_margin else None,
        leverage=None if by_margin or order.reduce_only else order.leverage,
        held=units_text(order.held_units),
        reduce_only=order.reduce_only,
        post_only=order.time_in_force == TimeInForce.GTX,
        self_trade_prevention=order.self_trade_prevention,
        status=order.status,
        reason=order.reason or None,
        created_at=order.created_at,
        updated_at=order.updated_at,
    )


def _average_price(cost_units: int, size_lots: int, rules: MarketRules) -> str | None:
    if not size_lots:
        return None
    return average_price_text(cost_units, size_lots, rules.units_per_tick_lot, rules.tick_size)


def position_answer(position: Position, rules: MarketRules, mark_ticks: int) -> PositionAnswer:
    lots = position.position_lots
    value_units = rules.units_per_tick_lot * mark_ticks * lots
    unrealized_units = value_units - position.entry_cost_units if mark_ticks else None
    side = (Side.LONG if lots > 0 else Side.SHORT).value if lots else None
    return PositionAnswer(
        id=position.pk,
        user_id=position.user_id,
        market_id=position.market_id,
        type=side,
        qty=lots_text(abs(lots), rules.lot_size),
        margin=units_text(position.margin_units),
        average_price=_average_price(position.entry_cost_units, lots, rules),
        mark_price=price_or_none(mark_ticks, rules),
        unrealized_pnl=None if unrealized_units is None else units_text(unrealized_units),
        realized_pnl=units_text(position.realized_pnl_units),
        liquidation_price=None,
        updated_at=position.updated_at,
    )


def fill_answer(fill: Fill, rules: MarketRules) -> FillAnswer:
    return FillAnswer(
        id=fill.pk,
        trade_id=fill.trade_id,
        market_id=fill.market_id,
        order_id=fill.order_id,
        side=fill.side,
        role=fill.role,
        qty=lots_text(fill.size_lots, rules.lot_size),
        price=ticks_text(fill.price_ticks, rules.tick_size),
        fee=units_text(fill.fee_units),
        realized_pnl=units_text(fill.realized_pnl_units),
        executed_at=fill.executed_at,
    )


def trade_answer(fill: Fill, rules: MarketRules) -> TradeAnswer:
    return TradeAnswer(
        id=fill.trade_id,
        market_id=fill.market_id,
        side=fill.side,
        price=ticks_text(fill.price_ticks, rules.tick_size),
        qty=lots_text(fill.size_lots, rules.lot_size),
        executed_at=fill.executed_at,
    )


def market_answer(rules: MarketRules, ticker: Ticker) -> MarketAnswer:
    return MarketAnswer(
        id=rules.id,
        base_asset=rules.base_asset,
        quote_asset=rules.quote_asset,
        state=ticker.state,
        tick_size=ticks_text(1, rules.tick_size),
        lot_size=lots_text(1, rules.lot_size),
        min_qty=lots_text(rules.min_size_lots, rules.lot_size),
        max_qty=lots_text(rules.max_size_lots, rules.lot_size),
        min_notional=units_text(rules.min_notional_units),
        price_band=units_text(rules.price_band_ppm),  # parts per million are millionths too
        maker_fee=units_text(rules.maker_fee_ppm),
        taker_fee=units_text(rules.taker_fee_ppm),
        max_leverage=rules.max_leverage,
        mark_price=price_or_none(ticker.mark_price_ticks, rules),
    )


def depth_answer(rules: MarketRules, depth: Depth, limit: int) -> DepthAnswer:
    def levels(side: list[tuple[int, int]]) -> list[tuple[str, str]]:
        return [
            (ticks_text(price, rules.tick_size), lots_text(size, rules.lot_size))
            for price, size in side[:limit]
        ]

    return DepthAnswer(
        market_id=rules.id, seq=depth.seq, bids=levels(depth.bids), asks=levels(depth.asks)
    )


def ticker_answer(rules: MarketRules, ticker: Ticker) -> TickerAnswer:
    return TickerAnswer(
        market_id=rules.id,
        seq=ticker.seq,
        state=ticker.state,
        mark_price=price_or_none(ticker.mark_price_ticks, rules),
        index_price=price_or_none(ticker.index_price_ticks, rules),
        last_price=price_or_none(ticker.last_price_ticks, rules),
        best_bid=price_or_none(ticker.best_bid_ticks, rules),
        best_ask=price_or_none(ticker.best_ask_ticks, rules),
        open_interest=lots_text(ticker.open_interest_lots, rules.lot_size),
    )
