"""⑤ Candles: what traded in each interval, added to what earlier batches wrote.

A batch's trades become minutes, and minutes the larger intervals, so that Postgres is told one row
per interval that the batch touches. The cursor commits with it, so no trade is added twice.
"""

from common.postgres.columns import numbers
from persistence.projection.candles import TradeFigures, candles_of
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
