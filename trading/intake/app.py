"""The ASGI callable: what is plain to the lane, the rest to Django."""

from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import nullcontext
from http import HTTPStatus
from typing import Any

import structlog

from accounts.law.countries import is_scope_blocked
from common.http.addresses import address_of, origin_of
from common.http.no_store import NO_STORE
from trading.http.answers.waits import HEADER, read_header
from trading.intake.decisions import Decisions
from trading.intake.desk import Desk
from trading.intake.group import Call
from trading.intake.plain import BATCH_PATH, ORDER_PATH, OurHosts, Plain, plain
from trading.intake.tongue import WrittenAnswer
from trading.intake.waiting import may_wait, waited_for, with_rules

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]
_AWAITS = HEADER.lower().encode("ascii")

log = structlog.get_logger(__name__)


class Intake:
    """One per process and event loop. ``desk`` and ``decisions`` may be shared with sockets."""

    def __init__(
        self,
        elsewhere: Application,
        desk: Desk | None = None,
        decisions: Decisions | None = None,
    ) -> None:
        self._elsewhere = elsewhere
        self.desk = desk or Desk()
        self._decisions = decisions or Decisions()
        self._hosts = OurHosts()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        request = plain(scope, self._hosts) if scope["type"] == "http" else None
        if request is not None:
            await self._take(scope, request, receive, send)
        elif scope.get("method") == "POST" and scope["path"] in (ORDER_PATH, BATCH_PATH):
            await self._place_elsewhere(scope, receive, send)
        else:
            await self._elsewhere(scope, receive, send)

    async def _take(self, scope: Scope, request: Plain, receive: Receive, send: Send) -> None:
        body = await _read_body(receive)
        if body is None:  # the client went away
            return
        address = address_of(scope)
        call = Call(request, body, origin_of(address), address, is_scope_blocked(scope))
        async with self._decisions.expecting() if may_wait(body) else nullcontext():
            answer = await self.desk.answer_of(call)
            if call.awaited or call.results:
                answer = await waited_for(self._decisions, call.awaited, call.results, answer)
        head = [
            (b"content-type", b"application/json"),
            (b"x-content-type-options", b"nosniff"),
            (b"cache-control", NO_STORE.encode("ascii")),
        ]
        head += [
            (name.lower().encode("ascii"), value.encode("latin-1"))
            for name, value in answer.headers.items()
        ]
        await _send(send, answer.status, head, answer.body)

    async def _place_elsewhere(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An order that Django's view places; if it is to be waited for, that is done here."""
        body = await _read_body(receive)
        if body is None:
            return
        again = _replaying(body, receive)
        if not may_wait(body):
            await self._elsewhere(scope, again, send)
            return
        async with self._decisions.expecting():
            said = _Said()
            await self._elsewhere(scope, again, said.hear)
            answer = said.answer
            if said.awaits:
                rules = await with_rules(read_header(said.awaits))
                answer = await waited_for(self._decisions, rules, {}, answer)
        await _send(send, answer.status, said.head, answer.body)

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
        await self.desk.stop()


class _Said:
    """An answer that another application sends, whole."""

    def __init__(self) -> None:
        self._status = int(HTTPStatus.INTERNAL_SERVER_ERROR)
        self._body: list[bytes] = []
        self.head: list[tuple[bytes, bytes]] = []
        self.awaits = ""

    async def hear(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            for name, value in message["headers"]:
                if name.lower() == _AWAITS:
                    self.awaits = value.decode("latin-1")
                elif name.lower() != b"content-length":
                    self.head.append((name, value))
        else:
            self._body.append(message.get("body", b""))

    @property
    def answer(self) -> WrittenAnswer:
        return WrittenAnswer(self._status, b"".join(self._body), {})


async def _send(send: Send, status: int, head: list[tuple[bytes, bytes]], body: bytes) -> None:
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [*head, length]})
    await send({"type": "http.response.body", "body": body})


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


def _replaying(body: bytes, receive: Receive) -> Receive:
    """As if it were still to be read."""
    pieces: list[MutableMapping[str, Any]] = [
        {"type": "http.request", "body": body, "more_body": False}
    ]

    async def read() -> MutableMapping[str, Any]:
        return pieces.pop() if pieces else await receive()

    return read
