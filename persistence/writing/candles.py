"""⑤ Candles: what traded in each interval, added to what earlier batches wrote.

A batch's trades become minutes, and minutes the larger intervals, so that Postgres is told one row
per interval that the batch touches. The cursor commits with it, so no trade is added twice.
"""

from collections.abc import Iterable
from typing import NamedTuple

from persistence.writing.columns import numbers
from persistence.writing.pipeline import Statements
from trading.models.candle import CANDLE_INTERVALS_MS

# The rows there came first: their open stays, and the close is the newer one's.
UPSERT_CANDLES = """
    INSERT INTO trading_candle AS c
           (market_id, interval_ms, start_ms, open_ticks, high_ticks, low_ticks, close_ticks,
            volume_lots, quote_units, trade_count)
    SELECT %s, v.* FROM unnest(
        %s::integer[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],
        %s::numeric[], %s::numeric[], %s::bigint[]) AS v
        ON CONFLICT (market_id, interval_ms, start_ms) DO UPDATE
       SET high_ticks = greatest(c.high_ticks, excluded.high_ticks),
           low_ticks = least(c.low_ticks, excluded.low_ticks),
           close_ticks = excluded.close_ticks,
           volume_lots = c.volume_lots + excluded.volume_lots,
           quote_units = c.quote_units + excluded.quote_units,
           trade_count = c.trade_count + excluded.trade_count
"""


class TradeFigures(NamedTuple):
    """Of one trade, or of several that follow each other. ``time_ms`` is that of the first."""

    time_ms: int
    open_ticks: int
    high_ticks: int
    low_ticks: int
    close_ticks: int
    volume_lots: int
    quote_units: int
    trade_count: int


def figures_of_trade(
    time_ms: int, price_ticks: int, size_lots: int, units_per_tick_lot: int
) -> TradeFigures:
    units = units_per_tick_lot * price_ticks * size_lots
    return TradeFigures(
        time_ms, price_ticks, price_ticks, price_ticks, price_ticks, size_lots, units, 1
    )


def candles_of(trades: Iterable[TradeFigures], interval_ms: int) -> list[TradeFigures]:
    """By interval, oldest first, each at its start. The trades come in their order."""
    by_start: dict[int, list[TradeFigures]] = {}
    for trade in trades:
        by_start.setdefault(trade.time_ms // interval_ms * interval_ms, []).append(trade)
    return [
        TradeFigures(
            start_ms,
            within[0].open_ticks,
            max(part.high_ticks for part in within),
            min(part.low_ticks for part in within),
            within[-1].close_ticks,
            sum(part.volume_lots for part in within),
            sum(part.quote_units for part in within),
            sum(part.trade_count for part in within),
        )
        for start_ms, within in by_start.items()
    ]


def upsert_candles(statements: Statements, market_id: str, trades: list[TradeFigures]) -> None:
    if not trades:
        return
    minutes = candles_of(trades, CANDLE_INTERVALS_MS["1m"])
    rows = [
        (interval_ms, *candle)
        for interval_ms in CANDLE_INTERVALS_MS.values()
        for candle in candles_of(minutes, interval_ms)
    ]
    columns = (numbers(column) for column in zip(*rows, strict=True))
    statements.add(UPSERT_CANDLES, (market_id, *columns))
