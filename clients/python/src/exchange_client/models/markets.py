"""Markets, their prices and their history."""

from datetime import datetime
from decimal import Decimal

from exchange_client.codec import Answer

Level = tuple[Decimal, Decimal]  # price, qty


class LeverageTier(Answer, frozen=True):
    """Positions worth `floor` and more, up to the next tier's."""

    floor: Decimal
    max_leverage: int
    maintenance_margin: Decimal


class Market(Answer, frozen=True):
    id: str
    base_asset: str
    quote_asset: str
    state: str
    tick_size: Decimal
    lot_size: Decimal
    min_qty: Decimal
    max_qty: Decimal
    min_notional: Decimal
    price_band: Decimal
    max_slippage: Decimal
    maker_fee: Decimal
    taker_fee: Decimal
    max_leverage: int
    leverage_tiers: list[LeverageTier]
    liquidation_fee: Decimal
    funding_interval_ms: int
    mark_price: Decimal | None

    def to_tick(self, price: Decimal) -> Decimal:
        """The tick at or below."""
        return price // self.tick_size * self.tick_size

    def to_lot(self, qty: Decimal) -> Decimal:
        """The size at or below that is whole lots."""
        return qty // self.lot_size * self.lot_size


class Markets(Answer, frozen=True):
    markets: list[Market]


class Limit(Answer, frozen=True):
    """A budget of requests."""

    kind: str
    per_second: int
    burst: int


class Exchange(Answer, frozen=True):
    server_time_ms: int
    batch_max: int
    limits: list[Limit]
    markets: list[Market]


class ServerTime(Answer, frozen=True):
    server_time_ms: int


class Day(Answer, frozen=True):
    """The last 24 hours, to the minute."""

    open: Decimal | None
    high: Decimal | None
    low: Decimal | None
    close: Decimal | None
    volume: Decimal
    quote_volume: Decimal
    trade_count: int
    change: Decimal | None
    change_rate: Decimal | None


class Ticker(Answer, frozen=True):
    market_id: str
    seq: int
    state: str
    mark_price: Decimal | None
    index_price: Decimal | None
    last_price: Decimal | None
    best_bid: Decimal | None
    best_ask: Decimal | None
    open_interest: Decimal


class DayTicker(Ticker, frozen=True):
    funding_rate: Decimal
    funding_time: datetime | None
    day: Day


class Tickers(Answer, frozen=True):
    tickers: list[DayTicker]


class Depth(Answer, frozen=True):
    """The best first."""

    market_id: str
    seq: int
    bids: list[Level]
    asks: list[Level]


class Trade(Answer, frozen=True):
    """`side` is the taker's."""

    id: int
    market_id: str
    side: str
    price: Decimal
    qty: Decimal
    execution: str
    executed_at: datetime


class Trades(Answer, frozen=True):
    trades: list[Trade]
    next_cursor: str | None


class Candle(Answer, frozen=True):
    open_time: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    quote_volume: Decimal
    trade_count: int


class Candles(Answer, frozen=True):
    market_id: str
    interval: str
    candles: list[Candle]
    next_cursor: str | None


class PriceCandle(Answer, frozen=True):
    open_time: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal


class PriceCandles(Answer, frozen=True):
    """Of the mark or the index, as `of` says."""

    market_id: str
    of: str
    interval: str
    candles: list[PriceCandle]
    next_cursor: str | None


class FundingEstimate(Answer, frozen=True):
    rate: Decimal
    funding_time: datetime | None
    premium: Decimal
    interest: Decimal


class FundingSettlement(Answer, frozen=True):
    funding_time: datetime
    settled_at: datetime
    seq: int
    rate: Decimal
    mark_price: Decimal
    amount_per_lot: Decimal
    carried: Decimal
    paid: Decimal


class Funding(Answer, frozen=True):
    market_id: str
    lot_size: Decimal
    last_rate: Decimal
    estimate: FundingEstimate
    settlements: list[FundingSettlement]
    next_cursor: str | None


class Standing(Answer, frozen=True):
    """Of all accounts together, every five minutes."""

    taken_at: datetime
    open_interest: Decimal
    long_accounts: int
    short_accounts: int
    long_short_ratio: Decimal | None
    insurance_fund: Decimal


class Standings(Answer, frozen=True):
    market_id: str
    standings: list[Standing]
    next_cursor: str | None


class Liquidation(Answer, frozen=True):
    id: int
    market_id: str
    side: str
    qty: Decimal
    filled_qty: Decimal
    deleveraged_qty: Decimal
    left_qty: Decimal
    mark_price: Decimal
    limit_price: Decimal
    liquidation_fee: Decimal
    insurance_paid: Decimal
    liquidated_at: datetime


class Liquidations(Answer, frozen=True):
    market_id: str
    insurance_fund: Decimal
    liquidations: list[Liquidation]
    next_cursor: str | None
