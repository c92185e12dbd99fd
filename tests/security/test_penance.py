"""Whoever's sockets are closed for what they said, again and again, is listened to later."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import uvicorn

from common.sockets.closing import POLICY_VIOLATION
from exchange_site.edge import connections as known
from exchange_site.edge.connections import BREACHES
from exchange_site.edge.protocols.http import Http
from exchange_site.edge.protocols.websocket import WebSocket
from tests.patience import PATIENCE_S
from tests.security.test_slow_clients import HANDSHAKE, frame

GET = b"GET /time HTTP/1.1\r\nHost: localhost\r\n"
SILENT = 15  # connections that say nothing, and count


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answers who asks, and hears three messages of who talks."""
    if scope["type"] == "http":
        headers = [(b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
        return
    await send({"type": "websocket.accept"})
    for _ in range(4):
        await receive()
    await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": "too many"})


@asynccontextmanager
async def serving(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    monkeypatch.setattr(known, "_connections", None)
    config = uvicorn.Config(
        application, port=0, http=Http, ws=WebSocket, lifespan="off", log_config=None
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = server.force_exit = True
    await running


async def said(port: int, *parts: bytes) -> bytes:
    """All that comes until the server has had enough."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = b""
    with suppress(OSError, asyncio.IncompleteReadError):
        for number, part in enumerate(parts):
            writer.write(part)
            if number < len(parts) - 1:
                answer += await reader.readuntil(b"\r\n\r\n")
        while data := await reader.read(65_536):
            answer += data
    writer.close()
    return answer


GARBAGE = {
    "nothing that can be read": (b"\0\0\0\0\r\n\r\n",),
    "headers": (GET + b"a:\r\n" * 200,),
    "a long header": (GET + b"X-A: " + b"a" * 100_000,),
    "pipelined": ((GET + b"\r\n") * 1_000,),
    "no handshake": (HANDSHAKE[:-2] + b"X-A: " + b"a" * 10_000 + b"\r\n\r\n",),
    "control frames": (HANDSHAKE, frame(0x9, b"", fin=True) * 300),
    "messages": (HANDSHAKE, frame(1, b"", fin=True) * 300),
    "no text": (HANDSHAKE, frame(1, b"\xff", fin=True)),
    "fragments": (HANDSHAKE, frame(1, b"", fin=False) + frame(0, b"", fin=False) * 100),
    "no frame": (HANDSHAKE, b"\xff" * 20),
}


@pytest.mark.parametrize("name", GARBAGE)
def test_who_broke_the_rules_waits_at_first_and_is_answered(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        async with serving(monkeypatch) as port, asyncio.timeout(PATIENCE_S):
            while not await answered_late(port):
                pass  # so slow a machine that the budget filled up meanwhile

    async def answered_late(port: int) -> bool:
        """A second and a half after it asked. The others wait as long, so they are still there."""
        await asyncio.gather(*(said(port, *GARBAGE[name]) for _ in range(BREACHES.burst + 2)))
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(SILENT)]
        answer = asyncio.create_task(said(port, GET + b"Connection: close\r\n\r\n"))
        done, _ = await asyncio.wait([answer], timeout=0.5)
        assert b" 200 OK" in await answer
        for _, writer in silent:
            writer.close()
        return not done

    asyncio.run(run())


def test_who_kept_them_is_answered_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often, and however much a socket was told after it was over."""

    async def run() -> None:
        async with serving(monkeypatch) as port, asyncio.timeout(PATIENCE_S):
            for _ in range(2 * BREACHES.burst):
                assert b" 200 OK" in await said(port, GET + b"Connection: close\r\n\r\n")
            closing = frame(0x8, b"\x03\xe8", fin=True)
            for _ in range(2 * BREACHES.burst):
                assert b"\x88\x02\x03\xe8" in await said(port, HANDSHAKE, closing)
            newest = Silent()
            known.connections().join(newest, "127.0.0.1")
            assert known.connections().penance_s(newest) == 0.0

    asyncio.run(run())


class Silent:
    has_head = False
    unread_max_s = 1.0

    def end_late_head(self) -> None: ...
    def abort(self) -> None: ...
