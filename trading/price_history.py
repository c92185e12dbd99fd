"""What prices and open positions of a market were: candles of mark and index, and its standings.

Longer intervals are put together from the kept ones as they are read (`KEPT_INTERVALS_MS`); a page
looks at the intervals it has room for and no further, and says where older rows begin.
"""

import time
from dataclasses import dataclass
from enum import StrEnum

from django.db import connection
from django.db.models import QuerySet

from trading.models import CANDLE_INTERVALS_MS, KEPT_INTERVALS_MS, PriceCandle

STANDINGS_MS = 300_000
MINUTES_KEPT_MS = 31 * 86_400_000
FORGOTTEN_AT_ONCE_MAX = 50_000


class PriceKind(StrEnum):
    MARK = "mark"
    INDEX = "index"


@dataclass(frozen=True, slots=True)
class PricesWithin:
    """Of one interval."""

    start_ms: int
    open_ticks: int
    high_ticks: int
    low_ticks: int
    close_ticks: int


_CANDLES = """
SELECT start_ms / %(interval)s * %(interval)s AS since_ms,
       (array_agg({kind}_open_ticks ORDER BY start_ms))[1],
       max({kind}_high_ticks),
       min({kind}_low_ticks),
       (array_agg({kind}_close_ticks ORDER BY start_ms DESC))[1]
  FROM trading_pricecandle
 WHERE market_id = %(market)s AND interval_ms = %(kept)s
   AND start_ms >= %(start)s AND start_ms < %(end)s
 GROUP BY since_ms ORDER BY since_ms DESC
"""


def price_candles(
    market_id: str, kind: PriceKind, interval: str, end_ms: int, count: int
) -> tuple[list[PricesWithin], int | None]:
    """Of ``count`` intervals that opened before ``end_ms``, newest first, and where the next page
    ends; None where nothing is older. Intervals without a price are left out."""
    interval_ms = CANDLE_INTERVALS_MS[interval]
    kept_ms = max(kept for kept in KEPT_INTERVALS_MS if kept <= interval_ms)
    rows = PriceCandle.objects.filter(market_id=market_id, interval_ms=kept_ms)
    newest_ms = _newest_before(rows, end_ms)
    if newest_ms is None:
        return [], None
    last_ms = newest_ms // interval_ms * interval_ms
    start_ms = last_ms - (count - 1) * interval_ms
    asked: dict[str, str | int] = {
        "interval": interval_ms,
        "market": market_id,
        "kept": kept_ms,
        "start": start_ms,
        "end": last_ms + interval_ms,
    }
    with connection.cursor() as cursor:
        cursor.execute(_CANDLES.format(kind=kind.value), asked)
        found = [PricesWithin(*row) for row in cursor.fetchall()]
    older = _newest_before(rows, start_ms)
    return found, None if older is None else start_ms


def _newest_before(rows: QuerySet[PriceCandle], end_ms: int) -> int | None:
    older = rows.filter(start_ms__lt=end_ms).order_by("-start_ms")
    return older.values_list("start_ms", flat=True).first()


# Without a look at positions, which the statement below reads all of.
_STANDINGS_MISSING = """
SELECT EXISTS (
    SELECT FROM markets_marketstatus AS status
     WHERE status.state <> 'DELISTED' AND NOT EXISTS (
           SELECT FROM trading_marketstanding AS taken
            WHERE taken.market_id = status.market_id AND taken.taken_ms = %s))
"""
_TAKE_STANDINGS = """
INSERT INTO trading_marketstanding
       (market_id, taken_ms, open_interest_lots, long_accounts, short_accounts, insurance_units,
        top_long_accounts, top_short_accounts, top_long_lots, top_short_lots)
SELECT status.market_id, %s::bigint,
       coalesce(open.lots, 0), coalesce(open.longs, 0), coalesce(open.shorts, 0),
       status.insurance_units,
       coalesce(open.top_longs, 0), coalesce(open.top_shorts, 0),
       coalesce(open.top_long_lots, 0), coalesce(open.top_short_lots, 0)
  FROM markets_marketstatus AS status
  LEFT JOIN (
       SELECT market_id,
              sum(position_lots) FILTER (WHERE position_lots > 0) AS lots,
              count(*) FILTER (WHERE position_lots > 0) AS longs,
              count(*) FILTER (WHERE position_lots < 0) AS shorts,
              count(*) FILTER (WHERE is_top AND position_lots > 0) AS top_longs,
              count(*) FILTER (WHERE is_top AND position_lots < 0) AS top_shorts,
              sum(position_lots) FILTER (WHERE is_top AND position_lots > 0) AS top_long_lots,
              -sum(position_lots) FILTER (WHERE is_top AND position_lots < 0) AS top_short_lots
         FROM (SELECT market_id, position_lots,
                      5 * row_number() OVER (PARTITION BY market_id
                                             ORDER BY abs(position_lots) DESC, user_id)
                      < 5 + count(*) OVER (PARTITION BY market_id) AS is_top
                 FROM trading_position WHERE position_lots <> 0) AS ranked
        GROUP BY market_id) AS open
       USING (market_id)
 WHERE status.state <> 'DELISTED'
    ON CONFLICT DO NOTHING
"""


def take_standings() -> None:
    """Of all markets, at the last whole five minutes; one that is there stays."""
    at_ms = time.time_ns() // 1_000_000 // STANDINGS_MS * STANDINGS_MS
    with connection.cursor() as cursor:
        cursor.execute(_STANDINGS_MISSING, (at_ms,))
        if cursor.fetchone() == (True,):
            cursor.execute(_TAKE_STANDINGS, (at_ms,))


_FORGET = """
DELETE FROM trading_pricecandle
 WHERE ctid = ANY(ARRAY(
       SELECT ctid FROM trading_pricecandle
        WHERE market_id = %s AND interval_ms = %s AND start_ms < %s LIMIT %s))
"""


def forget_old_minutes(market_id: str) -> None:
    """A part at a time: what is left is for the next run."""
    before_ms = time.time_ns() // 1_000_000 - MINUTES_KEPT_MS
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, (market_id, KEPT_INTERVALS_MS[0], before_ms, FORGOTTEN_AT_ONCE_MAX))
