"""A client of the venue's calls over a socket that goes on whatever is killed behind it.

It places orders under client order ids of its own, asks how each stands and cancels every second
one. What it wasn't told the outcome of it asks again, signed anew, as the venue's documents say: so
it knows at the end which orders it has.
"""

import asyncio
import json
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import websockets
from binance import AsyncClient
from binance.exceptions import BinanceAPIException, BinanceWebsocketUnableToConnect
from binance.ws.websocket_api import WebsocketAPI

from tests.flow.venue import BUY, Account
from tests.patience import PATIENCE_S

PAUSE_S = 0.03
AGAIN_AFTER_S = 0.5
AT_ONCE = 20  # orders that are seen to
# Refused for now; whether it was done can't be known.
AWAY = {-1007, -1008}
DUPLICATE, NOT_OPEN = -4116, -2011
GONE = "gone"  # the connection ended before the answer


@dataclass
class Closed:
    code: int
    reason: str


@dataclass
class Caller:
    """``orders``: how each is meant to end. ``closed``: how connections ended."""

    account: Account
    orders: dict[str, str] = field(default_factory=dict)
    answers: Counter[str] = field(default_factory=Counter)
    closed: list[Closed] = field(default_factory=list)
    refused: Counter[int] = field(default_factory=Counter)
    unasked: list[Any] = field(default_factory=list)
    tries: int = 0  # to connect, or to be answered
    _waiting: dict[str, asyncio.Future[Any]] = field(default_factory=dict)
    _socket: Any = None
    _connected: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, stop: threading.Event) -> None:
        """Until it is told to stop, and each order has come to what it is meant to."""
        places = asyncio.Semaphore(AT_ONCE)
        connecting = asyncio.create_task(self._stay_connected())
        try:
            async with asyncio.TaskGroup() as group:
                while not stop.is_set():
                    await places.acquire()
                    name = f"order-{len(self.orders)}"
                    self.orders[name] = "CANCELED" if len(self.orders) % 2 else "NEW"
                    seeing = group.create_task(self._see_to(name, self.orders[name]))
                    seeing.add_done_callback(lambda _: places.release())
                    await asyncio.sleep(PAUSE_S)
        finally:
            connecting.cancel()
            with suppress(asyncio.CancelledError):
                await connecting

    async def _see_to(self, name: str, end: str) -> None:
        placed = await self._do("order.place", DUPLICATE, **BUY, newClientOrderId=name)
        known = {"symbol": "BTCUSDT", "origClientOrderId": name}
        found = await self._do("order.status", None, **known)
        assert placed is None or placed["orderId"] == found["orderId"], (placed, found)
        if end == "CANCELED":
            await self._do("order.cancel", NOT_OPEN, **known)

    async def _do(self, method: str, done: int | None, **params: Any) -> Any:
        """What it was answered; None where a refusal with the code ``done`` says that it was done
        before."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                answer = await self._ask(method, params)
                if answer is GONE:
                    continue
                if answer["status"] == 200:
                    return answer["result"]
                code = answer["error"]["code"]
                self.refused[code] += 1
                if code == done:
                    return None
                assert code in AWAY, (method, answer)
                await asyncio.sleep(AGAIN_AFTER_S)

    async def _ask(self, method: str, params: dict[str, Any]) -> Any:
        await self._connected.wait()
        self.tries += 1
        id = f"{method}-{self.tries}"
        heard = self._waiting[id] = asyncio.get_running_loop().create_future()
        message = {"id": id, "method": method, "params": self._signed(params)}
        with suppress(websockets.ConnectionClosed):
            await self._socket.send(json.dumps(message))
        return await heard

    def _signed(self, params: dict[str, Any]) -> dict[str, Any]:
        said = {"apiKey": self.account.key, "timestamp": time.time_ns() // 1_000_000}
        said |= {"recvWindow": 60_000, **params}
        joined = "&".join(f"{name}={value}" for name, value in sorted(said.items()))
        return said | {"signature": self.account.sign(joined)}

    async def _stay_connected(self) -> None:
        url = url_of(self.account)
        while True:
            try:
                self.tries += 1
                async with websockets.connect(url, max_queue=None) as socket:
                    self._socket = socket
                    self._connected.set()
                    await self._hear(socket)
            except (OSError, websockets.InvalidHandshake, websockets.ConnectionClosed):
                await asyncio.sleep(PAUSE_S)  # nobody is there yet

    async def _hear(self, socket: Any) -> None:
        try:
            async for text in socket:
                answer = json.loads(text)
                self.answers[answer["id"]] += 1
                heard = self._waiting.pop(answer["id"], None)
                if heard is None:
                    self.unasked.append(answer)
                else:
                    heard.set_result(answer)
        except websockets.ConnectionClosed:
            pass
        self._connected.clear()
        self.closed.append(Closed(socket.close_code, socket.close_reason))
        waiting, self._waiting = self._waiting, {}
        for heard in waiting.values():
            heard.set_result(GONE)


def url_of(account: Account) -> str:
    return f"{account.url.replace('http', 'ws', 1)}/ws-fapi/v1"


@dataclass
class PythonBinance:
    """The same by that client: one order after the other, by a socket anew where one was lost."""

    account: Account
    placed: list[str] = field(default_factory=list)

    async def run(self, stop: threading.Event) -> None:
        client: Any = AsyncClient(self.account.key, self.account.secret)
        client.ws_future = WebsocketAPI(url=url_of(self.account))
        try:
            while not stop.is_set():
                name = f"python-binance-{len(self.placed)}"
                known = {"symbol": "BTCUSDT", "origClientOrderId": name}
                place, cancel = client.ws_futures_create_order, client.ws_futures_cancel_order
                async with asyncio.timeout(PATIENCE_S):
                    await self._do(client, place, DUPLICATE, **BUY, newClientOrderId=name)
                    await self._do(client, cancel, NOT_OPEN, **known)
                self.placed.append(name)
        finally:
            await client.close_connection()

    async def _do(self, client: Any, call: Any, done: int, **params: Any) -> None:
        while True:
            try:
                await call(**params)
            except BinanceAPIException as refusal:
                if refusal.code == done:
                    return
                if refusal.code not in AWAY:
                    raise
            except (BinanceWebsocketUnableToConnect, websockets.ConnectionClosed, OSError):
                client.ws_future = WebsocketAPI(url=url_of(self.account))
            else:
                return
            await asyncio.sleep(AGAIN_AFTER_S)
