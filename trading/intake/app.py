"""The ASGI callable: what is plain to the lane, the rest to Django."""

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from contextlib import suppress
from typing import Any

import structlog

from accounts.keys.uses import uses
from accounts.law.countries import is_scope_blocked
from common.errors import DomainError, ErrorCode
from common.http.addresses import address_of, origin_of
from common.http.no_store import NO_STORE
from trading.intake.group import Call, WrittenAnswer, identify_together, refusal
from trading.intake.lane import Lane
from trading.intake.plain import OurHosts, Plain, plain

ANSWER_WITHIN_S = 5.0
WATCH_EVERY_S = 0.25
WAITING_MAX = 2_000

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]

log = structlog.get_logger(__name__)


class Intake:
    """One per process and event loop."""

    def __init__(self, elsewhere: Application) -> None:
        self._elsewhere = elsewhere
        self._waiting: dict[Call, tuple[asyncio.Future[WrittenAnswer], float]] = {}
        self._lane: Lane | None = None
        self._door: Lane | None = None
        self._watch: asyncio.Task[None] | None = None
        self._hosts = OurHosts()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        request = plain(scope, self._hosts) if scope["type"] == "http" else None
        if request is None:
            await self._elsewhere(scope, receive, send)
        else:
            await self._take(scope, request, receive, send)

    async def _take(self, scope: Scope, request: Plain, receive: Receive, send: Send) -> None:
        body = await _read_body(receive)
        if body is None:  # the client went away
            return
        if len(self._waiting) >= WAITING_MAX:
            answer = refusal(request, _too_much(), {"Retry-After": "1"})
        else:
            address = address_of(scope)
            answer = await self._answer_of(
                Call(request, body, origin_of(address), address, is_scope_blocked(scope))
            )
        head = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(answer.body)),
            (b"x-content-type-options", b"nosniff"),
            (b"cache-control", NO_STORE.encode("ascii")),
        ]
        head += [
            (name.lower().encode("ascii"), value.encode("latin-1"))
            for name, value in answer.headers.items()
        ]
        await send({"type": "http.response.start", "status": answer.status, "headers": head})
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer_of(self, call: Call) -> WrittenAnswer:
        lane = self._ready_lane()
        future: asyncio.Future[WrittenAnswer] = asyncio.get_running_loop().create_future()
        self._waiting[call] = future, time.monotonic() + ANSWER_WITHIN_S
        (self._ready_door(lane) if call.request.signed else lane).put(call)
        try:
            return await future
        finally:
            call.given_up = True
            del self._waiting[call]

    # --- the lane, watched ------------------------------------------------------------------------

    def _ready_lane(self) -> Lane:
        if self._lane is None:
            loop = asyncio.get_running_loop()
            self._lane = Lane(lambda calls: _hand_over(loop, self._deliver, calls))
        self._lane.keep_alive()
        if self._watch is None or self._watch.done():
            self._watch = asyncio.get_running_loop().create_task(self._watch_over(self._lane))
        return self._lane

    def _ready_door(self, lane: Lane) -> Lane:
        if self._door is None:
            self._door = Lane(lane.put_all, identify_together, "door")
        self._door.keep_alive()
        return self._door

    def _deliver(self, calls: Sequence[Call]) -> None:
        for call in calls:
            if call in self._waiting and call.answer is not None:
                self._settle(call, call.answer)

    async def _watch_over(self, lane: Lane) -> None:
        while True:
            await asyncio.sleep(WATCH_EVERY_S)
            lane.keep_alive()
            if self._door is not None:
                self._door.keep_alive()
            now = time.monotonic()
            late = [call for call, (_, deadline) in self._waiting.items() if deadline <= now]
            for call in late:
                call.given_up = True
                error = _too_late(call.request)
                self._settle(call, refusal(call.request, error, {"Retry-After": "1"}))

    def _settle(self, call: Call, answer: WrittenAnswer) -> None:
        future, _ = self._waiting[call]
        if not future.done():
            future.set_result(answer)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                log.info("intake_started")
                await send({"type": "lifespan.startup.complete"})
            else:
                await self.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def stop(self) -> None:
        """Once all that was taken is answered; by then the server takes nothing more."""
        while self._waiting:
            await asyncio.wait([future for future, _ in self._waiting.values()])
            await asyncio.sleep(0)  # their answers go out
        if self._watch is not None:
            self._watch.cancel()
        if self._door is not None:
            await asyncio.to_thread(self._door.stop, ANSWER_WITHIN_S)
            self._door = None
        if self._lane is not None:
            await asyncio.to_thread(self._lane.stop, ANSWER_WITHIN_S)
            self._lane = None
        # The server ends by the signal it got, so that nothing is written at exit.
        await asyncio.to_thread(uses.write_now)


def _hand_over(
    loop: asyncio.AbstractEventLoop,
    deliver: Callable[[Sequence[Call]], None],
    calls: Sequence[Call],
) -> None:
    """From the lane's thread to the loop's."""
    with suppress(RuntimeError):  # the loop is closed, and with it every connection
        loop.call_soon_threadsafe(deliver, calls)


async def _read_body(receive: Receive) -> bytes | None:
    """Whole; the server holds it to its Content-Length. None if the client went away."""
    chunks = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(chunks)


def _too_much() -> DomainError:
    message = "More requests arrive than can be taken. Try again shortly."
    return DomainError(ErrorCode.INTAKE_FULL, message)


def _too_late(request: Plain) -> DomainError:
    if request.order_ids:
        message = "The cancel could not be confirmed in time and may be on its way. Send it again."
    else:
        message = (
            "The order could not be confirmed in time and may have been placed. Send it again with "
            "the same clientOrderId, or look at GET /user/orders."
        )
    return DomainError(ErrorCode.INTAKE_TIMEOUT, message)
