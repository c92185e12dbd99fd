"""⑤ Candles of the trades of a batch: minutes, and of minutes the larger intervals."""

from collections.abc import Iterable
from typing import NamedTuple

from matching.messages.events import Trade
from matching.messages.vocabulary import Side


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
    taker_buy_lots: int
    taker_buy_units: int


def figures_of_trade(time_ms: int, trade: Trade, units_per_tick_lot: int) -> TradeFigures:
    price_ticks, size_lots = trade.price_ticks, trade.size_lots
    units = units_per_tick_lot * price_ticks * size_lots
    buys = trade.taker_side is Side.LONG
    return TradeFigures(
        time_ms,
        price_ticks,
        price_ticks,
        price_ticks,
        price_ticks,
        size_lots,
        units,
        1,
        size_lots if buys else 0,
        units if buys else 0,
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
            sum(part.taker_buy_lots for part in within),
            sum(part.taker_buy_units for part in within),
        )
        for start_ms, within in by_start.items()
    ]
