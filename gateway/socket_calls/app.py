"""A WebSocket under /ws-fapi/v1, whose messages are the calls of /fapi: each is asked of the API
itself, so that keys, budgets, replays and answers are those of HTTP.

Several of a client may be on their way, in the order they came; each is answered when it is ready.
Who has many on their way, or doesn't read, is not read from meanwhile.
"""

import asyncio
from typing import Any

import structlog

from common.http.addresses import address_of
from common.limits.budgets import Ask, LocalBudgets, Rate
from common.sockets.closing import GOING_AWAY, POLICY_VIOLATION, refuse
from common.sockets.entrance import SocketEntrance
from gateway.asking.signing import KEY_HEADER
from gateway.socket_calls.messages import (
    Asked,
    answer_text,
    asked_by,
    read_message,
    refusal_text,
)
from gateway.streams.protocol import id_in
from gateway.words.errors import UNKNOWN_ERROR, GatewayRefusal

PATH = "/ws-fapi/v1"
ON_THEIR_WAY_MAX = 64
MESSAGES = Rate(50, 1, burst=500)  # orders are counted by their senders' budgets, too
_MESSAGE = Ask("messages", MESSAGES)
_OF_SOCKETS = (b"upgrade", b"connection", b"content-length", b"transfer-encoding")
_KEY = KEY_HEADER.lower().encode()

log = structlog.get_logger(__name__)


def is_of_calls(path: str) -> bool:
    return path.rstrip("/") == PATH


class VenueCalls:
    """One per process and event loop. ``api``: the ASGI application that answers /fapi."""

    def __init__(self, api: Any, entrance: SocketEntrance) -> None:
        self._api = api
        self._entrance = entrance
        self._clients: set[_Client] = set()

    def stop(self) -> None:
        for client in list(self._clients):
            client.close(GOING_AWAY, "the server stops; connect again")

    async def websocket(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        await receive()  # websocket.connect
        address = address_of(scope)
        if refused := self._entrance.refusal(scope, address):
            await refuse(send, refused)
            return
        client = _Client(self._api, scope, receive, send)
        self._clients.add(client)
        try:
            with self._entrance.passed(address):
                await send({"type": "websocket.accept"})
                await client.run()
        except asyncio.CancelledError:  # only the server's end does this, after it has waited
            log.info("gateway_connection_cut", address=address)
        finally:
            self._clients.discard(client)


class _Client:
    def __init__(self, api: Any, scope: dict[str, Any], receive: Any, send: Any) -> None:
        self._api = api
        self._scope = scope
        self._receive = receive
        self._send = send
        self._messages = LocalBudgets()
        self._places = asyncio.Semaphore(ON_THEIR_WAY_MAX)
        self._sending = asyncio.Lock()
        self._closed: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()

    def close(self, code: int, reason: str) -> None:
        if not self._closed.done():
            self._closed.set_result((code, reason))

    async def run(self) -> None:
        """What is on its way when either side has enough is still decided, heard or not."""
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(self._read(group))
            await asyncio.wait((reading, self._closed), return_when=asyncio.FIRST_COMPLETED)
            reading.cancel()
        if self._closed.done():
            code, reason = self._closed.result()
            log.info("gateway_connection_closed", code=code, reason=reason)
            await self._say({"type": "websocket.close", "code": code, "reason": reason})

    async def _read(self, group: asyncio.TaskGroup) -> None:
        while True:
            await self._places.acquire()
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                return
            _, granted = self._messages.spend(_MESSAGE)
            if not granted:
                self.close(POLICY_VIOLATION, f"too many messages: send {MESSAGES.count} a second")
                return
            data = message.get("text") or message.get("bytes") or b""
            group.create_task(self._answer(data))

    async def _answer(self, data: str | bytes) -> None:
        try:
            await self._say({"type": "websocket.send", "text": await self._answer_to(data)})
        finally:
            self._places.release()

    async def _answer_to(self, data: str | bytes) -> str:
        try:
            message = read_message(data)
        except GatewayRefusal as refusal:
            return refusal_text(id_in(data), refusal.error)
        try:
            asked = asked_by(message)
            status, body, headers = await self._ask(asked)
        except GatewayRefusal as refusal:
            return refusal_text(message.id, refusal.error)
        except Exception:
            log.exception("gateway_call_failed", method=message.method[:64])
            return refusal_text(message.id, UNKNOWN_ERROR)
        return answer_text(message.id, status, body, headers if asked.wants_limits else None)

    async def _ask(self, asked: Asked) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers of the API's answer."""
        started: dict[str, Any] = {}
        body: list[bytes] = []
        is_asked = False

        async def receive() -> Any:
            nonlocal is_asked
            if is_asked:
                await asyncio.Event().wait()  # nobody goes away before the answer
            is_asked = True
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                started.update(message)
            else:
                body.append(message.get("body", b""))

        await self._api(self._scope_of(asked), receive, send)
        headers = {name.decode(): value.decode("latin-1") for name, value in started["headers"]}
        return int(started["status"]), b"".join(body), headers

    def _scope_of(self, asked: Asked) -> dict[str, Any]:
        kept = [
            (name, value)
            for name, value in self._scope["headers"]
            if name not in _OF_SOCKETS and not name.startswith(b"sec-websocket") and name != _KEY
        ]
        return {
            "type": "http",
            "asgi": self._scope["asgi"],
            "http_version": "1.1",
            "method": asked.verb,
            "scheme": {"wss": "https"}.get(self._scope.get("scheme", "ws"), "http"),
            "path": asked.path,
            "raw_path": asked.path.encode(),
            "root_path": "",
            "query_string": asked.query.encode(),
            "headers": [*kept, (_KEY, asked.key.encode("latin-1", "replace"))],
            "client": self._scope.get("client"),
            "server": self._scope.get("server"),
        }

    async def _say(self, message: dict[str, Any]) -> None:
        try:
            async with self._sending:
                await self._send(message)
        except (OSError, RuntimeError) as error:
            # Nobody reads at the other end.
            log.info("gateway_answer_unheard", error=repr(error))
