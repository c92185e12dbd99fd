"""① What the API answers about markets to anyone."""

from datetime import datetime
from decimal import Decimal
from typing import Protocol

from markets.conversions import (
    at_ms,
    carry_text,
    lots_text,
    ppb_text,
    ratio_text,
    ticks_text,
    units_text,
)
from markets.rules import MarketRules
from matching.messages.streams import Ticker
from matching.messages.vocabulary import Side
from trading.http.answers.answer import Answer
from trading.http.answers.orders import price_or_none
from trading.http.answers.prices import FundingEstimate
from trading.models import Candle, Fill, FundingSettlement, Liquidation, MarketStanding
from trading.price_history import PricesWithin


class TierAnswer(Answer, frozen=True):
    """From a position value of `floor` on."""

    floor: str
    max_leverage: int
    maintenance_margin: str


class MarketAnswer(Answer, frozen=True):
    """Rates are fractions: a fee of "0.0005" is five hundredths of a percent. `maxSlippage` is of
    market orders that name none."""

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
    max_slippage: str
    maker_fee: str
    taker_fee: str
    max_leverage: int
    leverage_tiers: list[TierAnswer]
    liquidation_fee: str
    funding_interval_ms: int
    mark_price: str | None


class TradeAnswer(Answer, frozen=True):
    """`side` is the taker's. `execution` tells a forced trade: LIQUIDATION or ADL."""

    id: int
    market_id: str
    side: str
    price: str
    qty: str
    execution: str
    executed_at: datetime


class TradesPage(Answer, frozen=True):
    trades: list[TradeAnswer]
    next_cursor: str | None


class CandleAnswer(Answer, frozen=True):
    """What traded from `openTime` on. `volume` is in the base asset, `quoteVolume` in the quote
    asset."""

    open_time: datetime
    open: str
    high: str
    low: str
    close: str
    volume: str
    quote_volume: str
    trade_count: int


class CandlesPage(Answer, frozen=True):
    market_id: str
    interval: str
    candles: list[CandleAnswer]
    next_cursor: str | None


class PricesAnswer(Answer, frozen=True):
    """What the price was from `openTime` on."""

    open_time: datetime
    open: str
    high: str
    low: str
    close: str


class PricesPage(Answer, frozen=True):
    market_id: str
    of: str
    interval: str
    candles: list[PricesAnswer]
    next_cursor: str | None


class StandingAnswer(Answer, frozen=True):
    """`longAccounts` and `shortAccounts` have a position; the ratio is null where none is short."""

    taken_at: datetime
    open_interest: str
    long_accounts: int
    short_accounts: int
    long_short_ratio: str | None
    insurance_fund: str


class StandingsPage(Answer, frozen=True):
    market_id: str
    standings: list[StandingAnswer]
    next_cursor: str | None


class FundingAnswer(Answer, frozen=True):
    """Longs pay shorts `amountPerLot`, or get it where it is below zero: a position pays
    `qty` / `lotSize` × `amountPerLot`. It is `rate` × `markPrice` × `lotSize` and what the
    settlement before `carried`, in whole millionths, rounded down; what that leaves is `carried` to
    the next. `paid` is what all payers paid together."""

    funding_time: datetime
    settled_at: datetime
    seq: int
    rate: str
    mark_price: str
    amount_per_lot: str
    carried: str
    paid: str


class FundingPage(Answer, frozen=True):
    market_id: str
    lot_size: str
    last_rate: str
    estimate: FundingEstimate
    settlements: list[FundingAnswer]
    next_cursor: str | None


class LiquidationAnswer(Answer, frozen=True):
    """One attempt to close a position below maintenance. `side` is the position's; `qty` what it
    was, of which `filledQty` closed in the book, `deleveragedQty` against other positions, and
    `leftQty` stayed open."""

    id: int
    market_id: str
    side: str
    qty: str
    filled_qty: str
    deleveraged_qty: str
    left_qty: str
    mark_price: str
    limit_price: str
    liquidation_fee: str
    insurance_paid: str
    liquidated_at: datetime


class LiquidationsPage(Answer, frozen=True):
    """With what the market's insurance fund holds."""

    market_id: str
    insurance_fund: str
    liquidations: list[LiquidationAnswer]
    next_cursor: str | None


class MarketsList(Answer, frozen=True):
    markets: list[MarketAnswer]


class TimeAnswer(Answer, frozen=True):
    server_time_ms: int


class LimitAnswer(Answer, frozen=True):
    """How many calls of a kind: `burst` at once, `perSecond` in the long run. "orders", "cancels"
    and "reads" are a trader's, "address" is of all calls from an address that need no signing
    in."""

    kind: str
    per_second: int
    burst: int


class ExchangeAnswer(Answer, frozen=True):
    """`batchMax`: orders of a batch."""

    server_time_ms: int
    batch_max: int
    limits: list[LimitAnswer]
    markets: list[MarketAnswer]


def trade_answer(fill: Fill, rules: MarketRules) -> TradeAnswer:
    return TradeAnswer(
        id=fill.trade_id,
        market_id=fill.market_id,
        side=fill.side,
        price=ticks_text(fill.price_ticks, rules.tick_size),
        qty=lots_text(fill.size_lots, rules.lot_size),
        execution=fill.execution,
        executed_at=fill.executed_at,
    )


class Steps(Protocol):
    """Of a market's prices and sizes."""

    @property
    def tick_size(self) -> Decimal: ...
    @property
    def lot_size(self) -> Decimal: ...


def candle_answer(candle: Candle, rules: Steps) -> CandleAnswer:
    return CandleAnswer(
        open_time=at_ms(candle.start_ms),
        open=ticks_text(candle.open_ticks, rules.tick_size),
        high=ticks_text(candle.high_ticks, rules.tick_size),
        low=ticks_text(candle.low_ticks, rules.tick_size),
        close=ticks_text(candle.close_ticks, rules.tick_size),
        volume=lots_text(int(candle.volume_lots), rules.lot_size),
        quote_volume=units_text(int(candle.quote_units)),
        trade_count=candle.trade_count,
    )


def prices_answer(prices: PricesWithin, rules: MarketRules) -> PricesAnswer:
    return PricesAnswer(
        open_time=at_ms(prices.start_ms),
        open=ticks_text(prices.open_ticks, rules.tick_size),
        high=ticks_text(prices.high_ticks, rules.tick_size),
        low=ticks_text(prices.low_ticks, rules.tick_size),
        close=ticks_text(prices.close_ticks, rules.tick_size),
    )


def standing_answer(row: MarketStanding, rules: MarketRules) -> StandingAnswer:
    return StandingAnswer(
        taken_at=at_ms(row.taken_ms),
        open_interest=lots_text(row.open_interest_lots, rules.lot_size),
        long_accounts=row.long_accounts,
        short_accounts=row.short_accounts,
        long_short_ratio=ratio_text(row.long_accounts, row.short_accounts),
        insurance_fund=units_text(row.insurance_units),
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
        max_slippage=units_text(rules.max_slippage_ppm),
        maker_fee=units_text(rules.maker_fee_ppm),
        taker_fee=units_text(rules.taker_fee_ppm),
        max_leverage=rules.max_leverage,
        leverage_tiers=[
            TierAnswer(
                floor=units_text(tier.floor_units),
                max_leverage=tier.max_leverage,
                maintenance_margin=units_text(tier.maintenance_ppm),
            )
            for tier in rules.tiers.tiers
        ],
        liquidation_fee=units_text(rules.liquidation_fee_ppm),
        funding_interval_ms=rules.funding_interval_ms,
        mark_price=price_or_none(ticker.mark_price_ticks, rules),
    )


def funding_answer(settlement: FundingSettlement, rules: MarketRules) -> FundingAnswer:
    return FundingAnswer(
        funding_time=settlement.funding_time,
        settled_at=settlement.settled_at,
        seq=settlement.seq,
        rate=ppb_text(settlement.rate_ppb),
        mark_price=ticks_text(settlement.mark_price_ticks, rules.tick_size),
        amount_per_lot=units_text(settlement.per_lot_units),
        carried=carry_text(settlement.carry),
        paid=units_text(settlement.paid_units),
    )


def liquidation_answer(row: Liquidation, rules: MarketRules) -> LiquidationAnswer:
    return LiquidationAnswer(
        id=row.pk,
        market_id=row.market_id,
        side=(Side.LONG if row.position_lots > 0 else Side.SHORT).value,
        qty=lots_text(abs(row.position_lots), rules.lot_size),
        filled_qty=lots_text(row.filled_lots, rules.lot_size),
        deleveraged_qty=lots_text(row.deleveraged_lots, rules.lot_size),
        left_qty=lots_text(abs(row.left_lots), rules.lot_size),
        mark_price=ticks_text(row.mark_price_ticks, rules.tick_size),
        limit_price=ticks_text(row.limit_ticks, rules.tick_size),
        liquidation_fee=units_text(row.fee_units),
        insurance_paid=units_text(row.insurance_paid_units),
        liquidated_at=row.liquidated_at,
    )
