"""One WebSocket client: what it may send, what waits to be sent to it, and when it must go."""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import structlog

from common import cancelling
from common.asgi.messages import Receive, Send
from common.http.addresses import Address
from common.limits.budgets import Ask, LocalBudgets, Rate
from common.limits.haste import REFUSED_AFTER_S
from common.sockets.closing import POLICY_VIOLATION
from feeds import protocol
from feeds.identity import Claim, Identity, identify
from feeds.orders.calls import SignedInAs
from feeds.protocol import (
    ACCOUNT_CHANNEL,
    CHANNELS_MAX,
    Auth,
    FeedError,
    OrderRequest,
    Ping,
    Subscribe,
    Unsubscribe,
)
from feeds.streams.channels import ListenTerms, check_every_ms
from feeds.streams.frames import FrameWriter
from feeds.streams.outbox import MESSAGES_MAX, Outbox, Stream
from feeds.streams.packing import packed
from feeds.streams.wire import PLAIN, Wire

log = structlog.get_logger(__name__)

CLOSE_TIMEOUT_S = 2.0
HEARTBEAT_INTERVAL_S = 15.0
# Who subscribes to nothing and says nobody is not waited for longer than this, at most twice.
UNUSED_MAX_S = 10.0

MESSAGES = Rate(20, 1, burst=200)  # of a client
_MESSAGE = Ask("messages", MESSAGES)
_UNREADABLE = Ask("messages", MESSAGES, cost=5)  # it is looked at again, to say what is wrong
_SIGN_IN = Ask("messages", MESSAGES, cost=9)  # besides: its signature takes a thread some time


class Accounts(Protocol):
    """What a connection asks of the account channels."""

    def subscribe(
        self, connection: "Connection", account_id: int, missed: Iterable[str]
    ) -> tuple[dict[str, int], dict[str, str]]: ...
    def unsubscribe(self, connection: "Connection") -> None: ...
    async def replay(
        self, connection: "Connection", last_seq: dict[str, int], epochs: dict[str, str]
    ) -> None: ...


class Subscriptions(Protocol):
    """What a connection asks of the hub."""

    async def check_channel(self, channel: str) -> None: ...
    def subscribe(self, connection: "Connection", channel: str, terms: ListenTerms) -> None: ...
    def unsubscribe(self, connection: "Connection", channel: str, terms: ListenTerms) -> None: ...
    def greet(self, connection: "Connection", channel: str, terms: ListenTerms) -> None: ...
    def seqs(self, channels: Iterable[str]) -> dict[str, int]: ...
    async def check_market(self, market_id: str) -> None: ...
    def forget(self, connection: "Connection") -> None: ...
    @property
    def accounts(self) -> "Accounts": ...


class Orders(Protocol):
    """What a connection asks of order entry."""

    def take(self, request: OrderRequest, who: SignedInAs | None) -> None: ...
    def leave(self) -> None: ...


class Connection:
    """``order_entry`` makes its own, given where its answers go."""

    def __init__(
        self,
        receive: Receive,
        send: Send,
        hub: Subscriptions,
        order_entry: Callable[[Callable[[str], None]], Orders],
        address: Address | None = None,
        wire: Wire = PLAIN,
        writer: FrameWriter | None = None,
    ) -> None:
        self._wire = wire
        self._address = address
        self._receive = receive
        self._send = send
        self._hub = hub
        self._outbox = Outbox(self._send_text, writer, wire.packs, self._restate, self._overflow)
        self.offer, self.put = self._outbox.offer, self._outbox.put
        self.hear, self.flush = self._outbox.hear, self._outbox.flush
        self.identity: Identity | None = None
        self._messages = LocalBudgets()
        self._closed: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()
        self.channels: dict[str, ListenTerms] = {}
        self.account_id_text = ""  # the id of the account's subscription, as JSON
        self._orders = order_entry(self.offer)

    # --- to the client ----------------------------------------------------------------------------

    @property
    def waiting(self) -> int:
        return self._outbox.waiting

    def close(self, code: int, reason: str) -> None:
        """Makes `run` end, with this close code."""
        if not self._closed.done():
            self._closed.set_result((code, reason))

    async def run(self) -> None:
        """From the handshake until either side has enough."""
        await self._send(self._wire.accept())
        jobs = [
            asyncio.create_task(self._read()),
            asyncio.create_task(self._outbox.run()),
            asyncio.create_task(self._beat()),
            asyncio.create_task(self._end_unused()),
        ]
        try:
            ends: list[asyncio.Future[Any]] = [*jobs, self._closed]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._outbox.close()
            self._hub.forget(self)
            self._orders.leave()
            await cancelling.end(jobs)
            outcomes = await asyncio.gather(*jobs, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, Exception) and not isinstance(outcome, OSError | RuntimeError):
                log.error("feed_connection_failed", error=repr(outcome))
        if self._closed.done():
            await self._say_goodbye(*self._closed.result())

    async def _say_goodbye(self, code: int, reason: str) -> None:
        log.info("feed_connection_closed", code=code, reason=reason)
        message = {"type": "websocket.close", "code": code, "reason": reason}
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._send(message)
        except (TimeoutError, OSError, RuntimeError) as error:
            # Nobody reads at the other end; the server drops the socket when we return.
            log.info("feed_goodbye_unheard", error=repr(error))

    async def _send_text(self, text: str) -> None:
        if self._wire.packs:
            await self._send({"type": "websocket.send", "bytes": packed(text)})
        else:
            await self._send({"type": "websocket.send", "text": text})

    def _restate(self, stream: Stream) -> None:
        channel, _ = stream
        if (terms := self.channels.get(channel)) is not None:
            self._hub.greet(self, channel, terms)

    def _overflow(self) -> None:
        self.close(POLICY_VIOLATION, f"SLOW_CONSUMER: {MESSAGES_MAX} messages behind")

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_INTERVAL_S)
            self.offer(protocol.encode({"op": "heartbeat", "timeMs": _now_ms()}))

    async def _end_unused(self) -> None:
        was_used = False
        while True:
            await asyncio.sleep(UNUSED_MAX_S)
            is_used = bool(self.channels) or self.identity is not None
            if not is_used and not was_used:
                self.close(POLICY_VIOLATION, "UNUSED: subscribe to a channel, or sign in, in time")
                return
            was_used = is_used

    # --- from the client --------------------------------------------------------------------------

    async def _read(self) -> None:
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                return
            try:
                data = message.get("text") or self._wire.read(message.get("bytes") or b"")
                request = protocol.decode_request(data)
            except FeedError as error:
                if not self._may(_UNREADABLE):
                    return
                self.offer(protocol.encode(error.body()))
                continue
            try:
                if isinstance(request, OrderRequest):  # its sender's budgets count it
                    self._orders.take(request, self._signed_in_as)
                    continue
            except FeedError as error:
                if not self._may(_MESSAGE):
                    return
                self.offer(protocol.encode(error.body()))
                continue
            if not self._may(_MESSAGE):
                return
            try:
                await self._handle(request)
            except FeedError as error:
                error.id = error.id if error.id is not None else request.id
                self.offer(protocol.encode(error.body()))

    @property
    def _signed_in_as(self) -> SignedInAs | None:
        if self.identity is None:
            return None
        by_key = None if self.identity.scopes is None else self.identity.use_key
        return SignedInAs(self.identity.account_id, by_key)

    def _may(self, ask: Ask) -> bool:
        """Whoever may not is disconnected."""
        _, granted = self._messages.spend(ask)
        if not granted:
            why = f"TOO_MANY_MESSAGES: send {MESSAGES.count} a second, {MESSAGES.burst} at once"
            self.close(POLICY_VIOLATION, why)
        return granted

    async def _handle(self, request: protocol.Request) -> None:
        match request:
            case Ping():
                self._answer({"op": "pong", "timeMs": _now_ms()}, request.id)
            case Auth():
                await self._sign_in(request)
            case Subscribe():
                await self._subscribe(request)
            case Unsubscribe():
                await self._unsubscribe(request.channels)
                self._answer({"op": "unsubscribed", "channels": request.channels}, request.id)

    async def _sign_in(self, request: Auth) -> None:
        if not self._may(_SIGN_IN):
            return
        try:
            identity = await identify(Claim(request, self._address))
        except FeedError:
            await asyncio.sleep(REFUSED_AFTER_S)
            raise
        if self.identity is not None and self.identity.account_id != identity.account_id:
            self._forget_identity()
        self.identity = identity
        self._answer({"op": "authenticated", "userId": identity.account_id}, request.id)

    def _answer(self, body: dict[str, Any], id: protocol.RequestId | None) -> None:
        self.offer(protocol.encode(body if id is None else {"id": id, **body}))

    def sign_out(self, why: FeedError) -> None:
        """The account channel ends with the token or key that opened it."""
        self._forget_identity()
        self.offer(protocol.encode(why.body()))

    def _forget_identity(self) -> None:
        self.identity = None
        self._unsubscribe_account()

    async def _subscribe(self, request: Subscribe) -> None:
        """All of the channels or none; those that it has by the terms of this request."""
        wanted = list(dict.fromkeys(request.channels))
        if len(self.channels.keys() | set(wanted)) > CHANNELS_MAX:
            raise FeedError("TOO_MANY_CHANNELS", f"Subscribe to at most {CHANNELS_MAX} channels.")
        for channel in wanted:
            if channel != ACCOUNT_CHANNEL:
                await self._hub.check_channel(channel)
        check_every_ms(request.every_ms, wanted)
        await self._check_missed(request)
        id_text = "" if request.id is None else protocol.encode(request.id)
        terms = ListenTerms(request.every_ms or 0, id_text)
        answer: dict[str, Any] = {"op": "subscribed", "channels": wanted}
        if request.every_ms:
            answer["everyMs"] = request.every_ms
        if ACCOUNT_CHANNEL not in wanted:
            if seqs := self._hub.seqs(wanted):
                answer["seq"] = seqs
            self._answer(answer, request.id)
            self._subscribe_public(wanted, terms)
            return
        if self.identity is None:
            message = 'Sign in with {"op": "auth", …} before subscribing to account.'
            raise FeedError("NOT_AUTHENTICATED", message)
        self.identity.require_reading()
        self.channels[ACCOUNT_CHANNEL], self.account_id_text = terms, id_text
        accounts, account_id = self._hub.accounts, self.identity.account_id
        seqs, epochs = accounts.subscribe(self, account_id, request.last_seq)
        # seq: what follows live is later than this, market by market.
        self._answer({**answer, "seq": seqs, "epoch": epochs}, request.id)
        self._subscribe_public([name for name in wanted if name != ACCOUNT_CHANNEL], terms)
        await accounts.replay(self, request.last_seq, request.epoch)

    async def _check_missed(self, request: Subscribe) -> None:
        if request.last_seq and ACCOUNT_CHANNEL not in request.channels:
            raise FeedError(
                "INVALID_MESSAGE", "lastSeq is of the channel account. Subscribe to it."
            )
        for market_id in request.last_seq:
            await self._hub.check_market(market_id)
        if lone := sorted(request.epoch.keys() - request.last_seq.keys()):
            message = f"epoch names {lone[0][:64]!r}, lastSeq doesn't. Send both or lastSeq alone."
            raise FeedError("INVALID_MESSAGE", message)

    def _subscribe_public(self, channels: list[str], terms: ListenTerms) -> None:
        for channel in channels:
            if (before := self.channels.get(channel)) is not None:
                self._leave(channel, before)
            self.channels[channel] = terms
            self._hub.subscribe(self, channel, terms)

    async def _unsubscribe(self, channels: list[str]) -> None:
        for channel in channels:
            if channel != ACCOUNT_CHANNEL:
                await self._hub.check_channel(channel)
        for channel in channels:
            if channel == ACCOUNT_CHANNEL:
                self._unsubscribe_account()
            elif (terms := self.channels.pop(channel, None)) is not None:
                self._leave(channel, terms)

    def _leave(self, channel: str, terms: ListenTerms) -> None:
        self._hub.unsubscribe(self, channel, terms)
        self._outbox.forget((channel, terms.every_ms))

    def _unsubscribe_account(self) -> None:
        self.channels.pop(ACCOUNT_CHANNEL, None)
        self._hub.accounts.unsubscribe(self)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
