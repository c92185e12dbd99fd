"""⑤ Candles of the mark and the index price of a batch."""

from collections.abc import Iterable
from typing import NamedTuple

from trading.models.price_candle import KEPT_INTERVALS_MS


class PriceFigures(NamedTuple):
    """One moment's prices."""

    time_ms: int
    mark_price_ticks: int
    index_price_ticks: int


# interval_ms, start_ms, then open, high, low, close of the mark and of the index.
PriceRow = tuple[int, int, int, int, int, int, int, int, int, int]


def price_rows(prices: Iterable[PriceFigures]) -> list[PriceRow]:
    """Of every interval that they fall into. The prices come in their order."""
    within: dict[tuple[int, int], list[PriceFigures]] = {}
    for price in prices:
        for interval_ms in KEPT_INTERVALS_MS:
            start_ms = price.time_ms // interval_ms * interval_ms
            within.setdefault((interval_ms, start_ms), []).append(price)
    return [
        (
            *key,
            *_candle([price.mark_price_ticks for price in told]),
            *_candle([price.index_price_ticks for price in told]),
        )
        for key, told in within.items()
    ]


def _candle(ticks: list[int]) -> tuple[int, int, int, int]:
    return ticks[0], max(ticks), min(ticks), ticks[-1]
