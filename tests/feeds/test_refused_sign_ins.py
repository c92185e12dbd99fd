"""A refused sign-in takes its time, as it does over HTTP: who asks again at once asks no faster."""

import asyncio
from typing import Any

import pytest

from common.limits.haste import REFUSED_AFTER_S
from feeds import connection
from feeds.connection import Connection
from feeds.protocol import FeedError
from tests.feeds.conftest import NoOrders


class _Hub:
    accounts: Any = None

    def forget(self, _connection: Connection) -> None: ...


def test_a_refusal_waits_before_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    happened: list[str] = []
    sleep = asyncio.sleep
    asked = iter([{"type": "websocket.receive", "text": '{"op": "auth", "token": "forged"}'}])

    async def refuse(_token: str) -> None:
        happened.append("refused")
        raise FeedError("TOKEN_INVALID", "The token is not valid here.")

    async def noted(seconds: float) -> None:
        if seconds == REFUSED_AFTER_S:
            happened.append("waited")
            seconds = 0
        await sleep(seconds)

    async def receive() -> Any:
        for message in asked:
            return message
        return await asyncio.Event().wait()

    async def run() -> None:
        heard = asyncio.Event()

        async def send(message: Any) -> None:
            if "TOKEN_INVALID" in message.get("text", ""):
                happened.append("said")
                heard.set()

        client = Connection(receive, send, _Hub(), NoOrders)  # type: ignore[arg-type]  # nothing else is asked
        running = asyncio.create_task(client.run())
        await heard.wait()
        client.close(1000, "enough")
        await running

    monkeypatch.setattr(connection, "identify", refuse)
    monkeypatch.setattr(asyncio, "sleep", noted)
    asyncio.run(run())
    assert happened == ["refused", "waited", "said"]
