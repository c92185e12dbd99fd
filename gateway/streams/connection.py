"""One WebSocket client: what it listens to, and what waits to be sent to it."""

import asyncio
from typing import Any

import structlog

from common import cancelling
from common.asgi.messages import Message, Receive, Send
from common.http.addresses import Address
from common.limits.budgets import Ask, LocalBudgets, Rate
from common.sockets.closing import POLICY_VIOLATION
from gateway.streams import names
from gateway.streams.hub import StreamHub
from gateway.streams.names import STREAMS_MAX, StreamTopic
from gateway.streams.own.accounts import AccountStreams
from gateway.streams.protocol import BadControl, Control, error_text, read_control, result_text

log = structlog.get_logger(__name__)

QUEUE_MAX = 2_000
CLOSE_TIMEOUT_S = 2.0
MESSAGES = Rate(10, 1, burst=100)
_MESSAGE = Ask("messages", MESSAGES)


class StreamConnection:
    def __init__(
        self,
        receive: Receive,
        send: Send,
        hub: StreamHub,
        accounts: AccountStreams,
        address: Address | None,
        asked: names.Address,
    ) -> None:
        self.address = address
        self._receive = receive
        self._send = send
        self._hub = hub
        self._accounts = accounts
        self._asked = asked
        self._is_combined = asked.is_combined
        self._queue: asyncio.Queue[str] = asyncio.Queue(QUEUE_MAX)
        self._topics: dict[str, StreamTopic] = {}
        self._listen_keys: set[str] = set()
        self._messages = LocalBudgets()
        self._closed: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()

    # --- to the client ----------------------------------------------------------------------------

    def offer(self, text: str) -> None:
        """Queues a message; a client with no room left for it is disconnected."""
        try:
            self._queue.put_nowait(text)
        except asyncio.QueueFull:
            self.close(POLICY_VIOLATION, f"too slow: {QUEUE_MAX} messages behind")

    def close(self, code: int, reason: str) -> None:
        if not self._closed.done():
            self._closed.set_result((code, reason))

    async def run(self) -> None:
        """From the handshake until either side has enough. What the address names is listened to
        before the client hears that it is connected."""
        try:
            refused = await self._begin()
            await self._send(_refusal(refused) if refused else {"type": "websocket.accept"})
        except BaseException:
            self._forget()
            raise
        if refused:
            self._forget()
            return
        jobs = [asyncio.create_task(self._read()), asyncio.create_task(self._write())]
        try:
            ends: list[asyncio.Future[Any]] = [*jobs, self._closed]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._forget()
            await cancelling.end(jobs)
            outcomes = await asyncio.gather(*jobs, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, Exception) and not isinstance(outcome, OSError | RuntimeError):
                log.error("gateway_connection_failed", error=repr(outcome))
        if self._closed.done():
            await self._say_goodbye(*self._closed.result())

    async def _begin(self) -> str:
        """Why it is refused; "" where it isn't. What the address names and there isn't is left
        aside, but for listen keys: an account's stream that says nothing would be taken for one."""
        keys = [name for name in self._asked.names if names.is_listen_key(name)]
        for key in keys:
            if not await self._open(key):
                return "This listenKey does not exist."
        asked = await self._hub.topics(name for name in self._asked.names if name not in keys)
        found = {name: topic for name, topic in asked.items() if topic is not None}
        if len(found) > STREAMS_MAX:
            return f"at most {STREAMS_MAX} streams a connection"
        self._topics |= found
        await self._hub.subscribe(self, found, self._is_combined)
        return ""

    def _forget(self) -> None:
        self._hub.unsubscribe(self, list(self._topics.values()))
        self._accounts.forget(self)

    async def _say_goodbye(self, code: int, reason: str) -> None:
        log.info("gateway_connection_closed", code=code, reason=reason)
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                while not self._queue.empty():
                    await self._send({"type": "websocket.send", "text": self._queue.get_nowait()})
                message = {"type": "websocket.close", "code": code, "reason": reason}
                await self._send(message)
        except (TimeoutError, OSError, RuntimeError) as error:
            log.info("gateway_goodbye_unheard", error=repr(error))

    async def _write(self) -> None:
        while True:
            text = await self._queue.get()
            await self._send({"type": "websocket.send", "text": text})

    # --- from the client --------------------------------------------------------------------------

    async def _read(self) -> None:
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                return
            _, granted = self._messages.spend(_MESSAGE)
            if not granted:
                self.close(POLICY_VIOLATION, f"too many messages: send {MESSAGES.count} a second")
                return
            data = message.get("text") or message.get("bytes") or b""
            try:
                control = read_control(data)
                try:
                    result = await self._handle(control)
                except BadControl as error:
                    raise BadControl(error.why, control.id) from error
            except BadControl as error:
                self.offer(error_text(error))
            else:
                if result is not _ANSWERED:
                    self.offer(result_text(result, control.id))

    async def _handle(self, control: Control) -> Any:
        match control.method.upper():
            case "SUBSCRIBE":
                return await self._subscribe(control)
            case "UNSUBSCRIBE":
                return self._unsubscribe(_names(control))
            case "LIST_SUBSCRIPTIONS":
                return [*self._topics, *sorted(self._listen_keys)]
            case "SET_PROPERTY":
                return self._set_property(control)
            case _:
                return self._is_combined

    async def _subscribe(self, control: Control) -> Any:
        """All of them or none. The answer goes out before anything of them does."""
        asked = _names(control)
        keys = [name for name in asked if names.is_listen_key(name)]
        found = {}
        topics = await self._hub.topics(name for name in asked if name not in keys)
        for name, topic in topics.items():
            if topic is None:
                raise BadControl(f"there is no stream {name[:64]!r}")
            found[name] = topic
        if len(self._topics.keys() | found.keys()) > STREAMS_MAX:
            raise BadControl(f"at most {STREAMS_MAX} streams a connection")
        for key in keys:
            if not await self._open(key):
                raise BadControl("this listenKey does not exist")
        new = {name: topic for name, topic in found.items() if name not in self._topics}
        await self._hub.begin(new.values())
        self.offer(result_text(None, control.id))
        self._topics |= new
        await self._hub.subscribe(self, new, self._is_combined)
        return _ANSWERED

    def _unsubscribe(self, asked: list[str]) -> None:
        gone = [self._topics.pop(name) for name in asked if name in self._topics]
        still = set(self._topics.values())
        self._hub.unsubscribe(self, [topic for topic in gone if topic not in still])
        if any(name in self._listen_keys for name in asked):
            self._listen_keys -= set(asked)
            self._accounts.forget(self)

    def _set_property(self, control: Control) -> None:
        if len(control.params) != 2 or control.params[0] != "combined":
            raise BadControl("the one property is combined")
        wanted = bool(control.params[1])
        if wanted is not self._is_combined:
            self._hub.unsubscribe(self, list(self._topics.values()))
            self._is_combined = wanted
            self._hub.listen(self, self._topics, wanted)

    async def _open(self, key: str) -> bool:
        is_open = await self._accounts.open(self, key, self._is_combined, self._asked.events)
        if is_open:
            self._listen_keys.add(key)
        return is_open


_ANSWERED = object()


def _refusal(reason: str) -> Message:
    return {"type": "websocket.close", "code": POLICY_VIOLATION, "reason": reason}


def _names(control: Control) -> list[str]:
    """Raises BadControl."""
    if not control.params or not all(isinstance(one, str) for one in control.params):
        raise BadControl("params must be names of streams")
    return list(dict.fromkeys(control.params))
