"""Where calls are handed in, from HTTP and from sockets, and answered in time.

The loop hands a call to a lane and hears of its answer by a callback, once. Calls that change
what is there (amendments, cancels of all, countdowns) take statements of their own, so they have a
lane of their own and hold up no order.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import structlog

from accounts.keys.known import known_keys
from accounts.keys.uses import uses
from common.errors import DomainError, ErrorCode
from common.metrics.measures import INTAKE_WAITING, INTAKE_WAITING_MAX
from common.tracing.stages import send_stages
from trading.intake.changes import change_together
from trading.intake.group import Call, identify_together, refusal
from trading.intake.lane import Lane
from trading.intake.tongue import WrittenAnswer
from trading.intake.traces import trace_answered

ANSWER_WITHIN_S = 5.0
WATCH_EVERY_S = 0.25
WAITING_MAX = 2_000
RETRY = {"Retry-After": "1"}

Tell = Callable[[WrittenAnswer], None]

log = structlog.get_logger(__name__)


class Desk:
    """One per process and event loop."""

    def __init__(self) -> None:
        self.waiting: dict[Call, tuple[Tell, float]] = {}  # and until when
        self._lane: Lane | None = None
        self._door: Lane | None = None
        self._changes: Lane | None = None
        self._watch: asyncio.Task[None] | None = None

    def take(self, call: Call, tell: Tell) -> None:
        """``tell`` hears the answer on the loop, once. A call whose sender is gone by then has been
        carried out all the same."""
        if len(self.waiting) >= WAITING_MAX:
            tell(refusal(call, _too_much(), RETRY))
            return
        lane = self._ready_lane(call)
        self.waiting[call] = tell, time.monotonic() + ANSWER_WITHIN_S
        lane.put(call)

    async def answer_of(self, call: Call) -> WrittenAnswer:
        future: asyncio.Future[WrittenAnswer] = asyncio.get_running_loop().create_future()

        def tell(answer: WrittenAnswer) -> None:
            if not future.done():
                future.set_result(answer)

        self.take(call, tell)
        try:
            return await future
        finally:
            call.given_up = True
            self.waiting.pop(call, None)

    # --- the lanes, watched -----------------------------------------------------------------------

    def _ready_lane(self, call: Call) -> Lane:
        if self._watch is None or self._watch.done():
            self._watch = asyncio.get_running_loop().create_task(self._watch_over())
        if call.change is not None:
            if self._changes is None:
                self._changes = Lane(self._handing_over(), change_together, "changes")
            self._changes.keep_alive()
            return self._changes
        if self._lane is None:
            self._lane = Lane(self._handing_over())
        self._lane.keep_alive()
        signed = call.request.signed  # what is quick to look at is not worth another thread
        if signed is None or known_keys.is_quick(signed.headers.public_id):
            return self._lane
        if self._door is None:
            self._door = Lane(self._lane.put_all, identify_together, "door")
        self._door.keep_alive()
        return self._door

    def _handing_over(self) -> Callable[[Sequence[Call]], None]:
        """From a lane's thread to the loop's."""
        loop = asyncio.get_running_loop()

        def hand_over(calls: Sequence[Call]) -> None:
            trace_answered(calls)
            with suppress(RuntimeError):  # the loop is closed, and with it every connection
                loop.call_soon_threadsafe(self._deliver, calls)

        return hand_over

    def _deliver(self, calls: Sequence[Call]) -> None:
        for call in calls:
            if call in self.waiting and call.answer is not None:
                self._settle(call, call.answer)

    async def _watch_over(self) -> None:
        INTAKE_WAITING_MAX.set(WAITING_MAX)
        while True:
            await asyncio.sleep(WATCH_EVERY_S)
            INTAKE_WAITING.set(len(self.waiting))
            for lane in self._lanes():
                lane.keep_alive()
            now = time.monotonic()
            late = [call for call, (_, deadline) in self.waiting.items() if deadline <= now]
            for call in late:
                call.given_up = True
                self._settle(call, refusal(call, _too_late(call), RETRY))

    def _settle(self, call: Call, answer: WrittenAnswer) -> None:
        tell, _ = self.waiting.pop(call)
        try:
            tell(answer)
        except Exception:
            log.exception("intake_answer_untold", path=call.request.path)

    def _lanes(self) -> list[Lane]:
        """The door first: what it has goes to the lane."""
        return [lane for lane in (self._door, self._lane, self._changes) if lane is not None]

    async def stop(self) -> None:
        """Once all that was taken is answered; by then the server takes nothing more."""
        while self.waiting:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0)  # the answers go out
        if self._watch is not None:
            self._watch.cancel()
        for lane in self._lanes():
            await asyncio.to_thread(lane.stop, ANSWER_WITHIN_S)
        self._door = self._lane = self._changes = None
        # The server ends by the signal it got, so that nothing is written at exit.
        await asyncio.to_thread(uses.write_now)
        await asyncio.to_thread(send_stages)


def _too_much() -> DomainError:
    message = "More requests arrive than can be taken. Try again shortly."
    return DomainError(ErrorCode.INTAKE_FULL, message)


def _too_late(call: Call) -> DomainError:
    if call.change is not None:
        message = (
            "It could not be confirmed in time and may be on its way. Look before sending it again."
        )
    elif call.is_cancel:
        message = "The cancel could not be confirmed in time and may be on its way. Send it again."
    else:
        message = (
            "The order could not be confirmed in time and may have been placed. Send it again with "
            "the same client_order_id, or look at GET /user/orders."
        )
    return DomainError(ErrorCode.INTAKE_TIMEOUT, message).naming("client_order_id")
