"""⑤ Candles: what traded in each interval, and what mark and index were, added to what earlier
batches wrote.

A batch's trades become minutes, and minutes the larger intervals, so that Postgres is told one row
per interval that the batch touches. The cursor commits with it, so no trade is added twice.
"""

from collections.abc import Iterable

from common.postgres.columns import numbers, words
from persistence.projection.candles import TradeFigures, candles_of
from persistence.projection.prices import PriceFigures, price_rows
from persistence.writing.pipeline import Statements
from trading.models.candle import CANDLE_INTERVALS_MS

# Of both: the rows there came first. Their open stays, and the close is the newer one's.
UPSERT_CANDLES = """
    INSERT INTO trading_candle AS c
           (market_id, interval_ms, start_ms, open_ticks, high_ticks, low_ticks, close_ticks,
            volume_lots, quote_units, trade_count, taker_buy_lots, taker_buy_units)
    SELECT %s, v.* FROM unnest(
        %s::integer[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],
        %s::numeric[], %s::numeric[], %s::bigint[], %s::numeric[], %s::numeric[]) AS v
        ON CONFLICT (market_id, interval_ms, start_ms) DO UPDATE
       SET high_ticks = greatest(c.high_ticks, excluded.high_ticks),
           low_ticks = least(c.low_ticks, excluded.low_ticks),
           close_ticks = excluded.close_ticks,
           volume_lots = c.volume_lots + excluded.volume_lots,
           quote_units = c.quote_units + excluded.quote_units,
           trade_count = c.trade_count + excluded.trade_count,
           taker_buy_lots = c.taker_buy_lots + excluded.taker_buy_lots,
           taker_buy_units = c.taker_buy_units + excluded.taker_buy_units
"""
UPSERT_PRICES = """
    INSERT INTO trading_pricecandle AS c
           (market_id, interval_ms, start_ms,
            mark_open_ticks, mark_high_ticks, mark_low_ticks, mark_close_ticks,
            index_open_ticks, index_high_ticks, index_low_ticks, index_close_ticks)
    SELECT * FROM unnest(
        %s::text[], %s::integer[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],
        %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])
        ON CONFLICT (market_id, interval_ms, start_ms) DO UPDATE
       SET mark_high_ticks = greatest(c.mark_high_ticks, excluded.mark_high_ticks),
           mark_low_ticks = least(c.mark_low_ticks, excluded.mark_low_ticks),
           mark_close_ticks = excluded.mark_close_ticks,
           index_high_ticks = greatest(c.index_high_ticks, excluded.index_high_ticks),
           index_low_ticks = least(c.index_low_ticks, excluded.index_low_ticks),
           index_close_ticks = excluded.index_close_ticks
"""


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


def upsert_prices(
    statements: Statements, prices_of: Iterable[tuple[str, list[PriceFigures]]]
) -> None:
    """Of any number of markets, each named once."""
    rows = [(market_id, row) for market_id, prices in prices_of for row in price_rows(prices)]
    if rows:
        columns = (numbers(column) for column in zip(*(row for _, row in rows), strict=True))
        statements.add(UPSERT_PRICES, (words(market_id for market_id, _ in rows), *columns))
