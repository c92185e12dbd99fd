"""Book updates from one published depth to the next.

A client applies a delta if its ``pu`` is the ``u`` of the message before; sizes are absolute and
"0" removes a level. The book reaches as deep as the published depth: a level pushed out of it is
removed too, and comes back when there is room.
"""

from typing import Any

from feeds.scale import Scale
from feeds.streams.channels import Topic, channel_name
from matching.messages.streams import Depth

# With two engines on a market one may publish an older depth than the other; going back for this
# many updates is no jitter but a restored market, and everyone gets a new snapshot.
OLDER_DEPTHS_TOLERATED = 50

Levels = dict[int, int]


class BookFeed:
    """One market's book as its subscribers know it."""

    def __init__(self, scale: Scale, older_tolerated: int = OLDER_DEPTHS_TOLERATED) -> None:
        self._scale = scale
        self._older_tolerated = older_tolerated
        self._seq: int | None = None
        self._time_ms = 0
        self._bids: Levels = {}
        self._asks: Levels = {}
        self._older = 0

    def snapshot(self) -> dict[str, Any] | None:
        """The whole book, from which deltas go on; None before there is one."""
        if self._seq is None:
            return None
        return self._message("snapshot", self._seq, self._seq, 0, self._bids, self._asks)

    def update(self, depth: Depth) -> dict[str, Any] | None:
        """What to send to those who have the book: a delta, a snapshot, or nothing."""
        if self._seq is not None and depth.seq <= self._seq:
            self._older = self._older + 1 if depth.seq < self._seq else 0
            if self._older <= self._older_tolerated:
                return None
            self._take(depth)
            return self.snapshot()
        previous, old_bids, old_asks = self._seq, self._bids, self._asks
        bids, asks = _changes(old_bids, dict(depth.bids)), _changes(old_asks, dict(depth.asks))
        if previous is None:
            self._take(depth)
            return self.snapshot()
        if not bids and not asks:
            return None
        self._take(depth)
        return self._message("delta", previous + 1, depth.seq, previous, bids, asks)

    def _take(self, depth: Depth) -> None:
        self._seq, self._time_ms, self._older = depth.seq, depth.time_ms, 0
        self._bids, self._asks = dict(depth.bids), dict(depth.asks)

    def _message(
        self, kind: str, first: int, last: int, previous: int, bids: Levels, asks: Levels
    ) -> dict[str, Any]:
        return {
            "channel": channel_name(Topic.BOOK, self._scale.market_id),
            "type": kind,
            "U": first,
            "u": last,
            "pu": previous,
            "timeMs": self._time_ms,
            "bids": self._rows(bids, best_first=-1),
            "asks": self._rows(asks, best_first=1),
        }

    def _rows(self, levels: Levels, best_first: int) -> list[tuple[str, str]]:
        ordered = sorted(levels.items(), key=lambda level: best_first * level[0])
        return [(self._scale.price(ticks), self._scale.size(lots)) for ticks, lots in ordered]


def _changes(old: Levels, new: Levels) -> Levels:
    changed = {ticks: lots for ticks, lots in new.items() if old.get(ticks) != lots}
    return changed | {ticks: 0 for ticks in old if ticks not in new}
