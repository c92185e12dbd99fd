"""Clients of the feeds that say too much, or come too often."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from common.sockets.closing import TRY_AGAIN_LATER
from common.sockets.entrance import HANDSHAKES
from feeds.app import Feeds
from feeds.connection import MESSAGES
from tests.feeds.conftest import MARKET, Ear, drain
from tests.feeds.conftest import Feeds as Served


def test_who_sends_messages_in_a_rush_is_disconnected(feeds: Served) -> None:
    calm = _listening(feeds)
    rushes: list[dict[str, Any]] = [
        {"op": "ping"},
        {"op": "auth", "token": "no token"},
        {"op": "subscribe", "channels": [f"book:{MARKET}"]},
        {"op": "rubbish"},
    ]

    def rush(message: dict[str, Any]) -> None:
        hasty = _listening(feeds)
        with pytest.raises(ConnectionClosed) as closed:
            _rush(hasty, message)
        assert closed.value.rcvd is not None, message
        assert closed.value.rcvd.code == 1008
        assert closed.value.rcvd.reason.startswith("TOO_MANY_MESSAGES")

    with ThreadPoolExecutor(len(rushes)) as pool:  # each takes seconds
        list(pool.map(rush, rushes))
    assert calm.ask(op="ping")["op"] == "pong"


def test_messages_that_cant_be_read_count_as_five(feeds: Served) -> None:
    hasty = _listening(feeds)
    with pytest.raises(ConnectionClosed) as closed:
        _rush(hasty, {"op": "rubbish"}, MESSAGES.burst // 2)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.reason.startswith("TOO_MANY_MESSAGES")


def _listening(feeds: Served) -> Ear:
    """Who subscribes to nothing is disconnected for that."""
    ear = feeds.connect()
    ear.ask(op="subscribe", channels=[f"trades:{MARKET}"])
    return ear


def _rush(ear: Ear, message: dict[str, Any], count: int = MESSAGES.burst * 5) -> None:
    for _ in range(count):
        ear.say(**message)
    drain(ear)


class _Hub:
    def __init__(self) -> None:
        self.connections: set[Any] = set()

    def forget(self, connection: Any) -> None:
        self.connections.discard(connection)


def test_an_address_connects_only_so_often() -> None:
    codes: dict[str, list[int]] = {"192.0.2.1": [], "192.0.2.2": []}

    async def connect(app: Feeds, address: str) -> None:
        messages = iter([{"type": "websocket.connect"}, {"type": "websocket.disconnect"}])

        async def receive() -> Any:
            return next(messages)

        async def send(message: Any) -> None:
            if message["type"] == "websocket.close":
                codes[address].append(message["code"])

        scope = {"path": "/ws", "headers": [(b"host", b"localhost")], "client": (address, 1)}
        await app.websocket(scope, receive, send)

    async def rush() -> None:
        app = Feeds()
        hub: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        hub.set_result(_Hub())
        app._starting = hub  # type: ignore[assignment]
        for _ in range(HANDSHAKES.burst * 2):
            await connect(app, "192.0.2.1")
        await connect(app, "192.0.2.2")

    asyncio.run(rush())
    assert set(codes["192.0.2.1"]) == {TRY_AGAIN_LATER}
    assert codes["192.0.2.2"] == []
