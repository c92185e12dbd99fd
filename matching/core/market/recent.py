"""Recognising a command that is delivered again.

Theory of operation. Senders send again what they did not see take effect, so the engine may meet an
id twice, the second time arbitrarily late. Remembering every id would grow without bound. Ids come
from a database sequence, so they roughly rise with time: the window keeps the newest ``capacity``
ids that took effect, and ``floor``, the largest id it has dropped. An id in the window is a repeat.
An id at or below the floor might be: it is refused as too old rather than risked, and a refusal of
an order that took effect long ago changes nothing, since the ledger gives back the hold only of an
order still pending. Any other id is new.

The bound costs something only to a command that reaches the engine after ``capacity`` later ones of
its market did: it is refused with its money given back, never applied twice, never lost in silence.
"""

from collections import deque
from collections.abc import Iterable

RECENT_IDS_CAPACITY = 65_536  # about 6 MB a window; over a minute of orders at 1,000 a second


class RecentIds:
    __slots__ = ("_ids", "_queue", "capacity", "floor")

    def __init__(
        self, ids: Iterable[int] = (), floor: int = 0, capacity: int = RECENT_IDS_CAPACITY
    ) -> None:
        """``ids`` in the order they took effect."""
        self.floor = floor
        self.capacity = capacity
        self._queue = deque(ids)
        self._ids = set(self._queue)

    def __contains__(self, an_id: int) -> bool:
        return an_id in self._ids

    def is_too_old(self, an_id: int) -> bool:
        return an_id <= self.floor and an_id not in self._ids

    def add(self, an_id: int) -> None:
        self._ids.add(an_id)
        self._queue.append(an_id)
        if len(self._queue) > self.capacity:
            dropped = self._queue.popleft()
            self._ids.discard(dropped)
            self.floor = max(self.floor, dropped)

    def in_order(self) -> list[int]:
        return list(self._queue)
