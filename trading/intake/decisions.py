"""What engines decide on orders whose senders wait to hear it.

Theory of operation. Whoever sends `"wait": "result"` is answered when the engine has decided: the
one entry of its market's output in which the order was accepted, rejected or told to wait for its
trigger; of a cancel or an amendment, in which that was done or refused. A process reads those
streams once, for its feeds; the same reading is told here while anybody waits, so that waiting
costs no thread, no query and no connection. Each waiter is a future of its own: what becomes of one
concerns no other.

The entry may come before the id of the order is known here: it is published by the lane, and read
by the loop. So a call that may wait says so beforehand (`expecting`), and from then on decisions
are kept, `KEPT_MAX` at most, until no such call is on its way.

Nobody waits longer than `WITHIN_S`. Where nothing is heard by then, because an engine is down, the
streams can't be read or the entry fell into a gap, the order is on its way as without waiting.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from enum import Enum, auto

import structlog

from matching.messages.conditional_events import ConditionalAmended
from matching.messages.events import (
    AmendRejected,
    CancelRejected,
    Event,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderRejected,
    OrderWaiting,
    OutputEntry,
)

WITHIN_S = 2.0
READY_WITHIN_S = 1.0
KEPT_MAX = 10_000

log = structlog.get_logger(__name__)


class Decision(Enum):
    """What was decided about an order."""

    PLACED = auto()
    CANCELLED = auto()
    AMENDED = auto()


Decided = tuple[Decision, int]  # of an order

_DECIDED_BY: dict[type[Event], Decision] = {
    OrderAccepted: Decision.PLACED,
    OrderRejected: Decision.PLACED,
    OrderWaiting: Decision.PLACED,
    OrderCancelled: Decision.CANCELLED,
    CancelRejected: Decision.CANCELLED,
    OrderAmended: Decision.AMENDED,
    ConditionalAmended: Decision.AMENDED,
    AmendRejected: Decision.AMENDED,
}


class _Waiter:
    def __init__(self, order_ids: Collection[int]) -> None:
        self.missing = set(order_ids)
        self.found: dict[int, OutputEntry] = {}
        self.is_complete: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def hear(self, order_id: int, entry: OutputEntry) -> None:
        self.found[order_id] = entry
        self.missing.discard(order_id)
        if not self.missing and not self.is_complete.done():
            self.is_complete.set_result(None)


class Decisions:
    """Of one process and event loop. ``ready`` returns once entries are told; without it nobody
    waits."""

    def __init__(self, ready: Callable[[], Awaitable[object]] | None = None) -> None:
        self._ready = ready
        self._expected = 0  # calls that may wait and are not answered yet
        self._kept: OrderedDict[Decided, OutputEntry] = OrderedDict()
        self._waiters: dict[Decided, list[_Waiter]] = {}

    @property
    def are_wanted(self) -> bool:
        return bool(self._expected or self._waiters)

    def hear(self, entry: OutputEntry) -> None:
        """Each entry of each market, while `are_wanted`."""
        for event in entry.events:
            decision = _DECIDED_BY.get(type(event))
            if decision is None or (isinstance(event, OrderCancelled) and event.remaining_lots):
                continue  # one that was trimmed lives on
            self._decided((decision, getattr(event, "order_id", 0)), entry)

    def _decided(self, decided: Decided, entry: OutputEntry) -> None:
        for waiter in self._waiters.get(decided, ()):
            waiter.hear(decided[1], entry)
        if self._expected:
            self._kept[decided] = entry
            if len(self._kept) > KEPT_MAX:
                self._kept.popitem(last=False)

    @asynccontextmanager
    async def expecting(self) -> AsyncIterator[None]:
        """Around a call that may wait, from before it is handed in."""
        self.expect()
        try:
            await self._get_ready()
            yield
        finally:
            self.expect_no_more()

    def expect(self) -> None:
        """The same where entries are told already, until `expect_no_more`."""
        self._expected += 1

    def expect_no_more(self) -> None:
        self._expected -= 1
        if not self._expected:
            self._kept.clear()

    async def _get_ready(self) -> None:
        """A fault of the streams is no reason not to place the order."""
        if self._ready is None:
            return
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                await self._ready()
        except Exception as error:  # noqa: BLE001  as it says
            log.error("decisions_not_heard", error=repr(error))

    async def of(self, decision: Decision, order_ids: Collection[int]) -> dict[int, OutputEntry]:
        """The entries that decided this of these orders, as far as they come in time."""
        if self._ready is None or not order_ids:
            return {}
        waiter = _Waiter(order_ids)
        for order_id in order_ids:
            if (entry := self._kept.get((decision, order_id))) is not None:
                waiter.hear(order_id, entry)
        if not waiter.missing:
            return waiter.found
        asked = [(decision, order_id) for order_id in sorted(waiter.missing)]
        for decided in asked:
            self._waiters.setdefault(decided, []).append(waiter)
        try:
            async with asyncio.timeout(WITHIN_S):
                await waiter.is_complete
        except TimeoutError:
            pass  # what was found is told
        finally:
            for decided in asked:
                self._waiters[decided].remove(waiter)
                if not self._waiters[decided]:
                    del self._waiters[decided]
        return waiter.found
