"""The ASGI callable: plain POST /order and POST /orders/batch to the lane, the rest to Django."""

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import structlog
from django.conf import settings
from django.http.request import split_domain_port, validate_host

from exchange_site.api import ApiError
from trading.intake.lane import BATCH_PATH, ORDER_PATH, Answer, Call, Lane, refusal

ANSWER_WITHIN_S = 5.0
WATCH_EVERY_S = 0.25
WAITING_MAX = 2_000

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]

log = structlog.get_logger(__name__)

_JSON_TYPES = (b"application/json", b"application/json; charset=utf-8")
# Of a request in its plain form there is at most one of each, as is checked below.
_READ = frozenset(
    {b"host", b"authorization", b"content-type", b"content-length", b"accept", b"transfer-encoding"}
)


class Intake:
    """One per process and event loop."""

    def __init__(self, elsewhere: Application) -> None:
        self._elsewhere = elsewhere
        self._waiting: dict[Call, tuple[asyncio.Future[Answer], float]] = {}
        self._lane: Lane | None = None
        self._watch: asyncio.Task[None] | None = None
        self._hosts: set[bytes] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        if scope["type"] == "http" and scope["method"] == "POST":
            path = scope["path"]
            if path in (ORDER_PATH, BATCH_PATH) and not scope["query_string"]:
                headers = self._plain_headers(scope["headers"])
                if headers is not None:
                    await self._take(path, headers, receive, send)
                    return
        await self._elsewhere(scope, receive, send)

    def _plain_headers(self, headers: Sequence[tuple[bytes, bytes]]) -> dict[bytes, bytes] | None:
        """None where what Django makes of them is not plain to see."""
        found: dict[bytes, bytes] = {}
        for name, value in headers:
            if name in _READ:
                if name in found:
                    return None
                found[name] = value
        length = found.get(b"content-length", b"")
        is_plain = (
            length.isdigit()
            and 0 < int(length) <= settings.DATA_UPLOAD_MAX_MEMORY_SIZE
            and b"transfer-encoding" not in found
            and found.get(b"content-type", b"").lower() in _JSON_TYPES
            and found.get(b"accept", b"*/*") in (b"*/*", b"application/json")
            and self._is_host_ours(found.get(b"host", b""))
        )
        return found if is_plain else None

    def _is_host_ours(self, host: bytes) -> bool:
        if host not in self._hosts:
            domain, _ = split_domain_port(host.decode("latin-1"))
            if not domain or not validate_host(domain, settings.ALLOWED_HOSTS):
                return False
            if len(self._hosts) < WAITING_MAX:  # a pattern may allow any number of names
                self._hosts.add(host)
        return True

    async def _take(
        self, path: str, headers: dict[bytes, bytes], receive: Receive, send: Send
    ) -> None:
        body = await _read_body(receive)
        if body is None:  # the client went away
            return
        if len(self._waiting) >= WAITING_MAX:
            answer = refusal(path, _too_much(), {"Retry-After": "1"})
        else:
            call = Call(path, headers.get(b"authorization", b"").decode("latin-1"), body)
            answer = await self._answer_of(call)
        head = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(answer.body)),
            (b"x-content-type-options", b"nosniff"),
        ]
        head += [
            (name.lower().encode("ascii"), value.encode("latin-1"))
            for name, value in answer.headers.items()
        ]
        await send({"type": "http.response.start", "status": answer.status, "headers": head})
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer_of(self, call: Call) -> Answer:
        lane = self._ready_lane()
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[call] = future, time.monotonic() + ANSWER_WITHIN_S
        lane.put(call)
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

    def _deliver(self, calls: Sequence[Call]) -> None:
        for call in calls:
            if call in self._waiting and call.answer is not None:
                self._settle(call, call.answer)

    async def _watch_over(self, lane: Lane) -> None:
        while True:
            await asyncio.sleep(WATCH_EVERY_S)
            lane.keep_alive()
            now = time.monotonic()
            late = [call for call, (_, deadline) in self._waiting.items() if deadline <= now]
            for call in late:
                call.given_up = True
                self._settle(call, refusal(call.path, _too_late(), {"Retry-After": "1"}))

    def _settle(self, call: Call, answer: Answer) -> None:
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
        if self._lane is not None:
            await asyncio.to_thread(self._lane.stop, ANSWER_WITHIN_S)
            self._lane = None


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


def _too_much() -> ApiError:
    message = "More orders arrive than can be taken. Try again shortly."
    return ApiError(HTTPStatus.SERVICE_UNAVAILABLE, "INTAKE_FULL", message)


def _too_late() -> ApiError:
    message = (
        "The order could not be confirmed in time and may have been placed. Send it again with the "
        "same clientOrderId, or look at GET /user/orders."
    )
    return ApiError(HTTPStatus.SERVICE_UNAVAILABLE, "INTAKE_TIMEOUT", message)
