"""The one reader that a process has of what engines put out, whoever is told of it.

Several tasks may ask for markets to be known (`find`), but one task alone steps: an answer of Redis
that is older than the last read would look as if the market had fallen back.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Protocol

import structlog
from redis.asyncio import Redis

from feeds.output import (
    OutputPosition,
    Row,
    begin_again,
    fallen_back,
    places,
    read,
)

log = structlog.get_logger(__name__)

CHECK_EVERY_S = 1.0
CHECKED_AT_ONCE = 100  # markets, in turn; after a fault all of them
# After a read of entries, per market: what a read costs grows with the markets that are asked for.
PAUSE_S_A_MARKET = 0.00005
PAUSE_S_MAX = 0.05
NEVER = float("-inf")
PAUSE_S = 0.1  # where there is no market yet


class OutputListener(Protocol):
    """Who is told. ``hear_rows`` moves the market's position on as it hands on."""

    def attempt(self, what: str, step: Callable[[], None]) -> None: ...
    async def hear_rows(self, market_id: str, rows: Sequence[Row]) -> None: ...
    def begun(self, market_id: str, is_late: bool, /) -> None: ...
    def moved(self, market_id: str, before_seq: int, /) -> None: ...


class OutputReader:
    """``positions`` are where it stands: those of markets that were found.

    A market that nobody asked for at first has come since (``is_late``): all that it put out was
    put out while somebody listened, so it is read from its beginning, as far as that is kept.
    """

    def __init__(self, redis: Redis, listener: OutputListener) -> None:
        self._redis = redis
        self._listener = listener
        self._checked_at = NEVER
        self._unchecked: list[str] = []  # markets whose turn is to come
        self._asked: set[str] | None = None  # markets, whether they could be found or not
        self.positions: dict[str, OutputPosition] = {}

    async def find(self, market_ids: Iterable[str]) -> None:
        """Those that are not known here, the first ones at their ends: what comes after this
        returns is heard."""
        if unknown := set(market_ids) - self.positions.keys():
            late = set() if self._asked is None else unknown - self._asked
            for market_id, found in (await places(self._redis, unknown, late)).items():
                begin = partial(self._begin, market_id, found, market_id in late)
                self._listener.attempt(market_id, begin)
        self._asked = (self._asked or set()) | unknown

    async def step(self, market_ids: Iterable[str]) -> None:
        """What is new of these markets, handed on; waits a moment for it.

        After a fault, of whatever kind, the next step looks whether Redis still has what it said.
        """
        try:
            await self._check()
            await self.find(market_ids)
            if self.positions:
                await self._read()
            else:
                await asyncio.sleep(PAUSE_S)
        except Exception:
            self._checked_at = NEVER
            raise

    def forget(self) -> None:
        """Nobody listens: whoever does next begins at the ends."""
        self.positions.clear()
        self._asked = None

    async def _check(self) -> None:
        if time.monotonic() - self._checked_at > CHECK_EVERY_S:
            fallen = await fallen_back(self._redis, self._due())
            for market_id, position in fallen.items():
                self._move(market_id, position)
            self._checked_at = time.monotonic()

    def _due(self) -> dict[str, OutputPosition]:
        """To be checked now."""
        if self._checked_at == NEVER:
            return self.positions
        self._unchecked = self._unchecked or list(self.positions)
        due, self._unchecked = (
            self._unchecked[:CHECKED_AT_ONCE],
            self._unchecked[CHECKED_AT_ONCE:],
        )
        return {one: self.positions[one] for one in due if one in self.positions}

    async def _read(self) -> None:
        found = await read(self._redis, self.positions)
        for market_id, error in found.unreadable.items():
            self._listener.attempt(market_id, partial(_raise, error))
        if found.changed:
            begun = await begin_again(self._redis, self.positions, found.changed)
            for market_id, position in begun.items():
                self._move(market_id, position)
        for market_id, rows in found.rows.items():
            await self._listener.hear_rows(market_id, rows)
            await asyncio.sleep(0)  # between batches the clients have their turn
        if found.rows:
            await asyncio.sleep(min(PAUSE_S_MAX, PAUSE_S_A_MARKET * len(self.positions)))

    def _begin(self, market_id: str, found: OutputPosition | Exception, is_late: bool) -> None:
        if isinstance(found, Exception):
            raise found
        if market_id not in self.positions:  # another task may have been faster
            self.positions[market_id] = found
            self._listener.begun(market_id, is_late)

    def _move(self, market_id: str, position: OutputPosition) -> None:
        """The market doesn't go on from where it was, but from here."""
        before_seq = self.positions[market_id].seq
        if not position.goes_on_from(before_seq):
            log.warning("output_set_back", market=market_id, before=before_seq, seq=position.seq)
        self.positions[market_id] = position
        self._listener.moved(market_id, before_seq)


def _raise(error: Exception) -> None:
    raise error
