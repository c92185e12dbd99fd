"""A day's rows as CSV, in parts, the oldest first. Figures as the API writes them."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from common.postgres.windows import Window
from markets.conversions import lots_text, ticks_text, to_ms, units_text
from markets.rules import MarketRules
from persistence.downloads.models import FileKind
from trading.models import Candle, Fill
from trading.selectors import candles_of_market
from trading.trades import trades_of_market

PART_ROWS = 5_000
CANDLE_INTERVAL = "1m"
HEADS = {
    FileKind.TRADES: "tradeId,timeMs,takerSide,price,qty,execution",
    FileKind.CANDLES: "openTimeMs,open,high,low,close,volume,quoteVolume,tradeCount",
}


def day_window(day: date) -> Window:
    start = datetime.combine(day, time(), UTC)
    return Window(start, start + timedelta(days=1))


def parts_of(rules: MarketRules, kind: FileKind, day: date) -> Iterator[list[str]]:
    """Lines, without the head; some thousands at a time are in memory."""
    if kind is FileKind.TRADES:
        return _trades(rules, day_window(day))
    return _candles(rules, day_window(day))


def _trades(rules: MarketRules, window: Window) -> Iterator[list[str]]:
    trades = trades_of_market(rules.id, window)
    last_id = 0
    while part := trades.oldest(PART_ROWS, last_id + 1):
        yield [_trade_line(fill, rules) for fill in part]
        last_id = part[-1].trade_id


def _trade_line(fill: Fill, rules: MarketRules) -> str:
    price = ticks_text(fill.price_ticks, rules.tick_size)
    qty = lots_text(fill.size_lots, rules.lot_size)
    at_ms = to_ms(fill.executed_at)
    return f"{fill.trade_id},{at_ms},{fill.side},{price},{qty},{fill.execution}"


def _candles(rules: MarketRules, window: Window) -> Iterator[list[str]]:
    """A day has 1,440 at most."""
    candles = candles_of_market(rules.id, CANDLE_INTERVAL, window).order_by("start_ms")
    yield [_candle_line(candle, rules) for candle in candles]


def _candle_line(candle: Candle, rules: MarketRules) -> str:
    ticks = (candle.open_ticks, candle.high_ticks, candle.low_ticks, candle.close_ticks)
    prices = ",".join(ticks_text(price, rules.tick_size) for price in ticks)
    volume = lots_text(int(candle.volume_lots), rules.lot_size)
    quote = units_text(int(candle.quote_units))
    return f"{candle.start_ms},{prices},{volume},{quote},{candle.trade_count}"
