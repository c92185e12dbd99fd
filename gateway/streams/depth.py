"""Books as differences, a chain for each speed.

The number of a book is the sequence of its market's engine, the same that our own API and the call
for the book give. A chain names the last number it told, ``pu``, and begins there: ``U`` is ``pu``,
so that a client that fetched the book at any number from it on can join, also where nothing has
changed since.
"""

from typing import Any

from gateway.http.data.market import levels
from gateway.streams.turns import StreamTurn
from markets.rules import MarketRules
from matching.messages.streams import Depth

Levels = dict[int, int]


class DepthChain:
    """Of one market at one speed. ``every_ms``: how often it is told."""

    def __init__(self, every_ms: int, start: Depth) -> None:
        self._turn = StreamTurn(every_ms)
        self._take(start)

    def _take(self, depth: Depth) -> None:
        self.seq = depth.seq
        self._bids, self._asks = dict(depth.bids), dict(depth.asks)

    def next(self, depth: Depth, symbol: str, rules: MarketRules, now_ms: int) -> Any:
        """What is told of the book as it is now; None where that is nothing. Where the market was
        set back the chain breaks, which clients notice and fetch the book anew."""
        if depth.seq == self.seq or not self._turn.has_come(now_ms):
            return None
        bids = _changes(self._bids, dict(depth.bids), best_first=-1)
        asks = _changes(self._asks, dict(depth.asks), best_first=1)
        if not bids and not asks:
            return None
        previous = self.seq if depth.seq > self.seq else depth.seq
        self._take(depth)
        self._turn.take(now_ms)
        return depth_event(
            symbol, depth, previous, levels(bids, rules), levels(asks, rules), now_ms
        )


class Top:
    """The best levels of a market at one speed, whole each time."""

    def __init__(self, count: int, every_ms: int) -> None:
        self._turn = StreamTurn(every_ms)
        self._count = count
        self._seq = 0
        self._told: tuple[Any, Any] | None = None

    def next(self, depth: Depth, symbol: str, rules: MarketRules, now_ms: int) -> Any:
        shown = depth.bids[: self._count], depth.asks[: self._count]
        if not self._turn.has_come(now_ms) or shown == self._told:
            return None
        previous, self._seq, self._told = self._seq or depth.seq, depth.seq, shown
        self._turn.take(now_ms)
        bids, asks = shown
        return depth_event(
            symbol, depth, previous, levels(bids, rules), levels(asks, rules), now_ms
        )


def depth_event(
    symbol: str, depth: Depth, previous: int, bids: Any, asks: Any, now_ms: int
) -> dict[str, Any]:
    return {
        "e": "depthUpdate",
        "E": now_ms,
        "T": depth.time_ms,
        "s": symbol,
        "ps": symbol,
        "U": previous,
        "u": depth.seq,
        "pu": previous,
        "b": bids,
        "a": asks,
    }


def _changes(old: Levels, new: Levels, best_first: int) -> list[tuple[int, int]]:
    """A level that is gone has no size."""
    changed = {ticks: lots for ticks, lots in new.items() if old.get(ticks) != lots}
    changed |= {ticks: 0 for ticks in old if ticks not in new}
    return sorted(changed.items(), key=lambda level: best_first * level[0])
