"""What traded in a market within the last 24 hours, to the minute.

Read from candles: whole hours by the hours' candles, the minutes before the first whole hour by the
minutes'; so a market costs at most 84 rows, however much traded. Kept in the process for a second.
"""

import time
from collections.abc import Collection
from dataclasses import dataclass

from common.postgres.prepared import read_all
from trading.models import CANDLE_INTERVALS_MS

AGE_MAX_S = 1.0
_MINUTE_MS, _HOUR_MS, _DAY_MS = (CANDLE_INTERVALS_MS[name] for name in ("1m", "1h", "1d"))


@dataclass(frozen=True, slots=True)
class DayFigures:
    """Prices are 0 where nothing traded. ``quote_units``: Σ price × size, as money."""

    open_ticks: int = 0
    high_ticks: int = 0
    low_ticks: int = 0
    close_ticks: int = 0
    volume_lots: int = 0
    quote_units: int = 0
    trade_count: int = 0


NOTHING_TRADED = DayFigures()

_FIGURES = """
SELECT asked.market_id,
       (array_agg(part.open_ticks ORDER BY part.start_ms))[1],
       max(part.high_ticks),
       min(part.low_ticks),
       (array_agg(part.close_ticks ORDER BY part.start_ms DESC))[1],
       sum(part.volume_lots)::numeric,
       sum(part.quote_units)::numeric,
       sum(part.trade_count)::bigint
  FROM unnest(%s::text[]) AS asked(market_id)
 CROSS JOIN LATERAL (
       SELECT * FROM trading_candle AS minute
        WHERE minute.market_id = asked.market_id AND minute.interval_ms = %s
          AND minute.start_ms >= %s AND minute.start_ms < %s
       UNION ALL
       SELECT * FROM trading_candle AS hour
        WHERE hour.market_id = asked.market_id AND hour.interval_ms = %s
          AND hour.start_ms >= %s) AS part
 GROUP BY asked.market_id
"""


class _Kept:
    def __init__(self) -> None:
        self._figures: dict[str, tuple[float, DayFigures]] = {}

    def of(self, market_ids: Collection[str]) -> dict[str, DayFigures]:
        now_s = time.monotonic()
        known = {
            market_id: kept[1]
            for market_id in market_ids
            if (kept := self._figures.get(market_id)) is not None and now_s - kept[0] <= AGE_MAX_S
        }
        if asked := [market_id for market_id in market_ids if market_id not in known]:
            read = figures_at(asked, time.time_ns() // 1_000_000)
            self._figures |= {market_id: (now_s, figures) for market_id, figures in read.items()}
            known |= read
        return known

    def forget(self) -> None:
        self._figures.clear()


_kept = _Kept()
day_figures = _kept.of
forget_day_figures = _kept.forget


def figures_at(market_ids: Collection[str], now_ms: int) -> dict[str, DayFigures]:
    """Of the 1,440 minutes that end with the one of ``now_ms``; by market, also for those in which
    nothing traded."""
    start_ms = now_ms // _MINUTE_MS * _MINUTE_MS + _MINUTE_MS - _DAY_MS
    hour_ms = -(-start_ms // _HOUR_MS) * _HOUR_MS
    rows = read_all(_FIGURES, (list(market_ids), _MINUTE_MS, start_ms, hour_ms, _HOUR_MS, hour_ms))
    found = dict.fromkeys(market_ids, NOTHING_TRADED)
    for market_id, *figures in rows:
        found[market_id] = DayFigures(*map(int, figures))
    return found
