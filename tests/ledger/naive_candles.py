"""Candles worked out a second time, from all fills, in the plainest way. Rows as dictionaries of
their columns, so that whoever reads them without Django can ask, too.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

INTERVALS_MINUTES = (1, 5, 15, 60, 240, 1_440)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Key = tuple[str, int, int]  # market, interval and start in milliseconds
Values = tuple[int, ...]
Row = Mapping[str, Any]


def candle_differences(
    fills: Iterable[Row], candles: Iterable[Row], units_per_tick_lot: Mapping[str, int]
) -> list[str]:
    """Where the candles are not what the fills of all makers add up to, but for deleveragings."""
    wanted = _candles_of_fills(fills, units_per_tick_lot)
    there = {_key(row): _values(row) for row in candles}
    return [
        f"candle {key}: {there.get(key)}, its fills say {wanted.get(key)}"
        for key in sorted(wanted.keys() | there.keys())
        if wanted.get(key) != there.get(key)
    ]


def _candles_of_fills(
    fills: Iterable[Row], units_per_tick_lot: Mapping[str, int]
) -> dict[Key, Values]:
    trades: dict[Key, list[Row]] = defaultdict(list)
    for fill in sorted(fills, key=lambda fill: int(fill["trade_id"])):
        if fill["role"] == "MAKER" and fill["execution"] != "ADL":
            for minutes in INTERVALS_MINUTES:
                start = fill["executed_at"] - (fill["executed_at"] - _EPOCH) % timedelta(
                    minutes=minutes
                )
                start_ms = round(start.timestamp() * 1_000)
                trades[fill["market_id"], minutes * 60_000, start_ms].append(fill)
    return {
        key: (
            within[0]["price_ticks"],
            max(fill["price_ticks"] for fill in within),
            min(fill["price_ticks"] for fill in within),
            within[-1]["price_ticks"],
            sum(fill["size_lots"] for fill in within),
            sum(fill["size_lots"] * fill["price_ticks"] for fill in within)
            * units_per_tick_lot[key[0]],
            len(within),
            *_bought_by_takers(within, units_per_tick_lot[key[0]]),
        )
        for key, within in trades.items()
    }


def _bought_by_takers(within: list[Row], units_per_tick_lot: int) -> tuple[int, int]:
    """Whoever took from a maker who sold has bought."""
    bought = [fill for fill in within if fill["side"] == "SHORT"]
    ticks = sum(fill["size_lots"] * fill["price_ticks"] for fill in bought)
    return sum(fill["size_lots"] for fill in bought), ticks * units_per_tick_lot


def _key(row: Row) -> Key:
    return str(row["market_id"]), int(row["interval_ms"]), int(row["start_ms"])


def _values(row: Row) -> Values:
    columns = ("open_ticks", "high_ticks", "low_ticks", "close_ticks")
    sums = ("volume_lots", "quote_units", "trade_count", "taker_buy_lots", "taker_buy_units")
    return tuple(int(row[name]) for name in (*columns, *sums))
