"""Orders over a socket of their own, for asyncio: less on the wire than a request each.

Theory of operation. One task reads, and hands each answer to whoever waits for its id. A socket
that is cut leaves requests without an answer: they are sent again on the next one, in their order,
which is safe, as orders have client order ids and the rest says how something is to be.
`OutcomeUnknown` is raised only where none comes in time.
"""

import asyncio
import itertools
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Self, TypeVar

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from exchange_client.calls.call import body_of
from exchange_client.codec import decode, encode
from exchange_client.errors import (
    ExchangeError,
    OutcomeUnknown,
    RateLimited,
    api_error,
)
from exchange_client.http.async_client import AsyncClient
from exchange_client.models import orders as models
from exchange_client.models.orders import NewOrder, OrderChange
from exchange_client.models.words import Side
from exchange_client.retries import Retries, is_token_over

T = TypeVar("T")

BACKOFF = Retries(first_s=0.2, longest_s=5.0)
SILENCE_S = 40.0


class _Said(msgspec.Struct, frozen=True, rename="camel"):
    op: str
    id: str | int | None = None
    status: int = 0
    code: str = ""
    retry_after_s: int | None = None
    answer: msgspec.Raw = msgspec.Raw(b"null")


class OrderSocket:
    """``async with OrderSocket(client) as socket``: signs in as the client does, with a key that
    may trade or with a session. May be used by several tasks at once; ``url`` as of a feed."""

    def __init__(
        self, client: AsyncClient, *, url: str | None = None, timeout_s: float = 15.0
    ) -> None:
        self._client = client
        self._url = url
        self._timeout_s = timeout_s
        self._ids = itertools.count(1)
        self._asked: dict[int, tuple[bytes, asyncio.Future[_Said]]] = {}  # and not answered
        self._socket: ClientConnection | None = None
        self._reading: asyncio.Task[None] | None = None
        self._fault: ExchangeError | None = None

    async def __aenter__(self) -> Self:
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Whoever still waits hears `OutcomeUnknown`."""
        if self._reading is not None:
            self._reading.cancel()
            with suppress(asyncio.CancelledError):
                await self._reading
        if self._socket is not None:
            await self._socket.close()
        self._end(OutcomeUnknown("The socket was closed before the answer came."))

    # --- what may be asked ------------------------------------------------------------------------

    async def place(self, order: NewOrder) -> models.Placed:
        return await self._ask(models.Placed, "place", order=order)

    async def amend(self, change: OrderChange) -> models.Placed:
        return await self._ask(models.Placed, "amend", order=change)

    async def cancel(
        self, order_id: int | None = None, *, client_order_id: str | None = None
    ) -> models.Placed:
        if (order_id is None) == (client_order_id is None):
            raise ValueError("Give order_id or client_order_id, one of both.")
        named = {"order_id": order_id, "client_order_id": client_order_id}
        return await self._ask(models.Placed, "cancel", **named)

    async def cancel_all(
        self,
        market_id: str | None = None,
        *,
        side: Side | None = None,
        protective: bool | None = None,
    ) -> models.Cancelling:
        terms = {"market_id": market_id, "side": side, "protective": protective}
        return await self._ask(models.Cancelling, "cancelAll", **terms)

    async def place_many(self, orders: Sequence[NewOrder]) -> models.Batch:
        return await self._ask(models.Batch, "batch", orders=list(orders))

    async def amend_many(self, changes: Sequence[OrderChange]) -> models.Batch:
        return await self._ask(models.Batch, "batch", amendments=list(changes))

    async def cancel_many(self, order_ids: Sequence[int]) -> models.Batch:
        return await self._ask(models.Batch, "batch", order_ids=list(order_ids))

    async def set_countdown(self, market_id: str, countdown_ms: int) -> models.CountdownSent:
        terms = {"market_id": market_id, "countdown_ms": countdown_ms}
        return await self._ask(models.CountdownSent, "countdown", **terms)

    # --- asking and hearing -----------------------------------------------------------------------

    async def _ask(self, into: type[T], op: str, **terms: Any) -> T:
        try:
            async with asyncio.timeout(self._timeout_s):
                while True:
                    try:
                        return await self._ask_once(into, op, terms)
                    except RateLimited as error:
                        await asyncio.sleep(error.retry_after_s or 1)
        except TimeoutError as error:
            what = f"{op} was not answered within {self._timeout_s} s."
            raise OutcomeUnknown(what) from error

    async def _ask_once(self, into: type[T], op: str, terms: dict[str, Any]) -> T:
        if self._fault is not None:
            raise self._fault
        number = next(self._ids)
        message = encode({"op": op, "id": number, **body_of(**terms)})
        future: asyncio.Future[_Said] = asyncio.get_running_loop().create_future()
        self._asked[number] = (message, future)
        try:
            if self._socket is not None:
                with suppress(OSError, WebSocketException):  # then it is sent on the next one
                    await self._socket.send(message.decode())
            said = await future
        finally:
            self._asked.pop(number, None)
        return decode(bytes(said.answer), into)

    async def _read(self) -> None:
        """For as long as the socket is open; ends with what another try won't mend."""
        failed = 0
        while True:
            try:
                socket = await self._connect()
                for message, _ in list(self._asked.values()):
                    await socket.send(message.decode())
                self._socket, failed = socket, 0
                while True:
                    async with asyncio.timeout(SILENCE_S):
                        self._on_message(await socket.recv())
            except (OSError, WebSocketException, TimeoutError):
                self._socket, failed = None, failed + 1
                await asyncio.sleep(BACKOFF.pause_s(min(failed, 10)))
            except ExchangeError as error:
                self._socket, self._fault = None, error
                self._end(error)
                return

    async def _connect(self) -> ClientConnection:
        """Signed in. A token that is over is renewed, once."""
        socket = await connect(self._url or self._client.feed_url, open_timeout=SILENCE_S)
        for is_last in (False, True):
            auth = await self._client.feed_auth()
            await socket.send(encode(auth).decode())
            try:
                await self._signed_in(socket)
            except ExchangeError as error:
                if is_last or not is_token_over(error) or "token" not in auth:
                    await socket.close()
                    raise
                await self._client.renew(auth["token"])
            else:
                break
        return socket

    async def _signed_in(self, socket: ClientConnection) -> None:
        while True:
            async with asyncio.timeout(SILENCE_S):
                text = await socket.recv()
            said = decode(text, _Said)
            if said.op == "authenticated":
                return
            if said.op == "error":
                raise api_error(401, decode(text, dict[str, Any]))

    def _on_message(self, text: str | bytes) -> None:
        said = decode(text, _Said)
        asked = self._asked.get(said.id) if isinstance(said.id, int) else None
        if said.op == "error" and asked is None and said.id is None:
            raise OSError(f"signed out: {said.code}")  # and in again, on the next socket
        if asked is None or asked[1].done() or said.op not in {"ack", "error"}:
            return
        if said.op == "ack":
            asked[1].set_result(said)
            return
        error = api_error(said.status or _STATUS.get(said.code, 400), decode(text, dict[str, Any]))
        if isinstance(error, RateLimited):
            error.retry_after_s = said.retry_after_s
        asked[1].set_exception(error)

    def _end(self, error: ExchangeError) -> None:
        for _, future in self._asked.values():
            if not future.done():
                future.set_exception(error)


# What is refused at the socket has no status of its own.
_STATUS = {"NOT_AUTHENTICATED": 401, "TOO_MANY_REQUESTS": 429, "TOO_MANY_UNANSWERED": 429}
