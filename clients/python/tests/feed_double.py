"""A WebSocket server that plays an exchange's feeds and its snapshot, as a test wrote it down."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import httpx
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

EQUITY = dict.fromkeys(("available", "locked", "margin", "unrealizedPnl", "equity"), "0")


def snapshot(seq: int, money: str = "100") -> dict[str, Any]:
    equity = EQUITY | {"available": money}
    return {"seq": {"X": seq}, "equity": equity, "positions": [], "orders": []}


def fill(seq: int, epoch: str = "e1") -> dict[str, Any]:
    """Of one lot, which costs 1 in fees."""
    event = {
        "event": "Fill",
        "tradeId": seq,
        "orderId": None,
        "clientOrderId": None,
        "status": None,
        "remainingQty": None,
        "execution": "TRADE",
        "side": "LONG",
        "role": "TAKER",
        "price": "10",
        "qty": "1",
        "fee": "1",
        "liquidationFee": "0",
        "insuranceCover": "0",
        "lossShare": "0",
        "realizedPnl": "0",
    }
    head = {"channel": "account", "type": "events", "marketId": "X", "timeMs": seq}
    return head | {"seq": seq, "epoch": epoch, "events": [event]}


def gap(after_seq: int, next_seq: int, epoch: str = "e2") -> dict[str, Any]:
    head = {"channel": "account", "type": "gap", "marketId": "X", "epoch": epoch}
    return head | {"afterSeq": after_seq, "nextSeq": next_seq}


def book(kind: str, first: int, last: int, bids: list[list[str]]) -> dict[str, Any]:
    numbers = {"U": first, "u": last, "pu": first - 1, "timeMs": last}
    return {"channel": "book:X", "type": kind, "bids": bids, "asks": []} | numbers


class Peer:
    """One connection, as the double sees it."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket

    async def say(self, *messages: dict[str, Any]) -> None:
        for message in messages:
            await self.socket.send(json.dumps(message))

    async def hear(self) -> dict[str, Any]:
        return dict(json.loads(await self.socket.recv()))

    async def sign_in(self) -> dict[str, Any]:
        said = await self.hear()
        assert said["op"] == "auth"
        await self.say({"op": "authenticated", "userId": 1})
        return said

    async def subscribe(self, **told: Any) -> dict[str, Any]:
        said = await self.hear()
        assert said["op"] == "subscribe"
        await self.say({"op": "subscribed", "channels": said["channels"], **told})
        return said

    def cut(self) -> None:
        self.socket.transport.abort()

    async def stay(self) -> None:
        with suppress(ConnectionClosed):
            await self.socket.wait_closed()


Act = Callable[[Peer], Awaitable[None]]


class FeedDouble:
    """Each connection plays the next act; each snapshot asked for is the next one."""

    def __init__(self, *acts: Act, snapshots: list[dict[str, Any]] | None = None) -> None:
        self._acts = list(acts)
        self._snapshots = snapshots or []
        self.asked: list[str] = []
        self.faults: list[BaseException] = []
        self.url = ""

    async def __aenter__(self) -> "FeedDouble":
        self._server = await serve(self._play, "127.0.0.1", 0)
        port = next(iter(self._server.sockets)).getsockname()[1]
        self.url = f"ws://127.0.0.1:{port}/v1/ws"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()
        assert not self.faults

    async def _play(self, socket: ServerConnection) -> None:
        try:
            await self._acts.pop(0)(Peer(socket))
        except ConnectionClosed:
            pass
        except (AssertionError, IndexError) as fault:
            self.faults.append(fault)
            raise

    def http(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/v1")
        self.asked.append(path)
        if path == "/user/snapshot":
            return httpx.Response(200, json=self._snapshots.pop(0))
        if path == "/auth/refresh":
            session = {"token": "t2", "refresh": "r2", "userId": 1, "username": "ada"}
            return httpx.Response(200, json=session)
        return httpx.Response(200, json={"serverTimeMs": 5_000_000})


async def take(feed: Any, count: int) -> list[Any]:
    async with asyncio.timeout(20):
        return [await anext(feed) for _ in range(count)]
