"""Clients that ask again as soon as they are answered, whatever the answer, in a process of their
own. It stands back where cores are short: what it computes itself is not the exchange's cost.

``python -m benchmarks.hasty_clients PORT KIND TOKEN`` writes ``open`` once it is at work, and goes
on until its stdin ends.
"""

import asyncio
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

AT_ONCE = 16
AGAIN_AFTER_S = 0.05
NICENESS = 19

Say = Callable[[str, int], bytes]  # a request, of a token and a number


def _posting(path: str, body: str) -> Say:
    def say(token: str, number: int) -> bytes:
        sent = body.replace("%d", str(number)).encode()
        head = f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"
        return _head("POST", path, f"{head}Content-Length: {len(sent)}\r\n") + sent

    return say


def _getting(path: str, *, signed: bool = False) -> Say:
    return lambda token, _: _head("GET", path, f"Authorization: Bearer {token}\r\n" * signed)


def _head(method: str, path: str, headers: str) -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode()


_ORDER = (
    '{"marketId":"BTC-PERP","side":"LONG","orderType":"limit","qty":"0.01","price":"%s",'
    '"margin":"50"}'
)
HTTP_KINDS: dict[str, Say] = {
    "sign-ins": _posting("/auth/signin", '{"username":"nobody%d","password":"a wrong password"}'),
    "schema": _getting("/schema"),
    "rejected orders": _posting("/order", _ORDER % "0.01"),
    "unpaid orders": _posting("/order", _ORDER % "24990.5"),
    "bad tokens": lambda _, number: _posting("/order", "{}")(f"bad{number}", number),
    "wrong paths": _getting("/nowhere"),
    "reads": _getting("/user/orders", signed=True),
    "health": _getting("/health"),
}
# What a socket is told as fast as it takes it, whatever it answers, until it is closed.
_HANDSHAKE = _head(
    "GET",
    "/ws",
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
)
_NO_MASK = b"\0\0\0\0"
RUSHES: dict[str, tuple[bytes, bytes]] = {
    "pings": (_HANDSHAKE, (b"\x89\x80" + _NO_MASK) * 10_000),
    "small messages": (_HANDSHAKE, (b"\x81\x80" + _NO_MASK) * 10_000),
    "headers": (b"GET /markets HTTP/1.1\r\n", b"a:\r\n" * 10_000),
    "trailers": (
        b"POST /order HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
        b"a:\r\n" * 10_000,
    ),
    "pipelined": (b"", _head("GET", "/markets", "") * 2_000),
}
FEEDS = "feeds"
KINDS = (*HTTP_KINDS, FEEDS, *RUSHES)


async def _asking(port: int, say: Say, token: str, numbers: Iterator[int]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        while True:
            writer.write(say(token, next(numbers)))
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
            await reader.readexactly(length)
    finally:
        writer.close()


async def _listening(port: int, token: str) -> None:
    """Signs in with what is no token and subscribes to the same again, as fast as it is heard."""
    subscribe = json.dumps({"op": "subscribe", "channels": ["book:BTC-PERP", "ticker:BTC-PERP"]})
    async with connect(f"ws://127.0.0.1:{port}/ws") as socket:
        while True:
            await socket.send(json.dumps({"op": "auth", "token": f"{token}x"}))
            await socket.send(subscribe)
            await socket.recv()


async def _rushing(port: int, first: bytes, more: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    reading = asyncio.create_task(reader.read())
    try:
        writer.write(first)
        await asyncio.sleep(AGAIN_AFTER_S)  # what comes with a handshake is no frame yet
        while not reading.done():
            writer.write(more)
            await writer.drain()
            await asyncio.sleep(0)
    finally:
        reading.cancel()
        writer.close()


async def _again(start: Callable[[], Awaitable[None]]) -> None:
    while True:
        with suppress(OSError, EOFError, ValueError, WebSocketException):
            await start()
        await asyncio.sleep(AGAIN_AFTER_S)


async def _run(port: int, name: str, token: str) -> None:
    numbers = itertools.count()

    async def start() -> None:
        if name == FEEDS:
            await _listening(port, token)
        elif name in RUSHES:
            await _rushing(port, *RUSHES[name])
        else:
            await _asking(port, HTTP_KINDS[name], token, numbers)

    clients = [asyncio.create_task(_again(start)) for _ in range(AT_ONCE)]
    sys.stdout.write("open\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    for client in clients:
        client.cancel()


@contextmanager
def hasty_clients(port: int, name: str, token: str) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.hasty_clients", str(port), name, token],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        if process.stdout.readline() != b"open\n":
            raise RuntimeError("the hasty clients ended early")
        yield
        if process.poll() is not None:
            raise RuntimeError("the hasty clients ended early")
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    os.nice(NICENESS)
    asyncio.run(_run(int(sys.argv[1]), sys.argv[2], sys.argv[3]))
