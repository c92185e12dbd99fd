"""The ASGI callable: what is plain to the lane, the rest to Django."""

from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from http import HTTPStatus
from typing import Any

import structlog

from accounts.law.countries import is_scope_blocked
from common.asgi.messages import (
    Header,
    Message,
    Receive,
    Scope,
    Send,
    json_head,
    read_body,
    replaying,
    send_answer,
)
from common.http.addresses import address_of, origin_of
from trading.http.answers.waits import HEADER, read_header
from trading.intake.decisions import Decisions
from trading.intake.desk import Desk
from trading.intake.group import Call
from trading.intake.plain import BATCH_PATH, ORDER_PATH, OurHosts, Plain, plain
from trading.intake.tongue import WrittenAnswer
from trading.intake.waiting import may_wait, waited_for, with_rules

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
        body = await read_body(receive)
        if body is None:  # the client went away
            return
        address = address_of(scope)
        call = Call(request, body, origin_of(address), address, is_scope_blocked(scope))
        async with self._decisions.expecting() if may_wait(body) else nullcontext():
            answer = await self.desk.answer_of(call)
            if call.awaited or call.results:
                answer = await waited_for(self._decisions, call.awaited, call.results, answer)
        await send_answer(send, answer.status, json_head(answer.headers), answer.body)

    async def _place_elsewhere(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An order that Django's view places; if it is to be waited for, that is done here."""
        body = await read_body(receive)
        if body is None:
            return
        again = replaying(body, receive)
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
        await send_answer(send, answer.status, said.head, answer.body)

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
        self.head: list[Header] = []
        self.awaits = ""

    async def hear(self, message: Message) -> None:
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
