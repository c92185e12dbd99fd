"""Clients that keep a server waiting, many at a time, in a process of their own.

``python -m benchmarks.slow_sockets PORT KIND COUNT`` opens them, writes ``open`` once it has, and
keeps them open until its stdin ends: whichever the server closes is opened again.
"""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

AGAIN_AFTER_S = 0.25  # a closed one is opened again
_SIGNING_IN = b"POST /auth/signin HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@dataclass(frozen=True)
class Kind:
    """``first`` is said at once, then ``more`` once a second."""

    first: bytes
    more: bytes = b""


KINDS = {
    "silent": Kind(b""),
    "headers": Kind(b"POST /order HTTP/1.1\r\nHost: localhost\r\n"),
    "header bytes": Kind(b"GET /markets HTTP/1.1\r\nHost: localhost\r\nX-A: ", b"a"),
    "body": Kind(_SIGNING_IN + b"Content-Length: 100\r\n\r\n{"),
    "body bytes": Kind(_SIGNING_IN + b"Content-Length: 100\r\n\r\n", b" "),
    "chunks": Kind(_SIGNING_IN + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "order body": Kind(
        b"POST /order HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Authorization: Bearer x\r\nContent-Length: 100\r\n\r\n{"
    ),
    "unread": Kind(
        b"GET /schema HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n" * 8
    ),
}


async def _one(port: int, kind: Kind) -> None:
    """Until the server has had enough. Whoever doesn't read has a small window, too."""
    loop = asyncio.get_running_loop()
    with socket.socket() as client:
        client.setblocking(False)
        if not kind.more:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        await loop.sock_connect(client, ("127.0.0.1", port))
        await loop.sock_sendall(client, kind.first)
        while kind.more:
            await asyncio.sleep(1)
            await loop.sock_sendall(client, kind.more)
        while not await _is_reset(client):
            await asyncio.sleep(1)


async def _is_reset(client: socket.socket) -> bool:
    """Without reading what was answered: a closed end shows when a byte is looked at, a reset one
    as an error."""
    try:
        data = client.recv(65_536, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    return not data or b"connection: close" in data


async def _keep_open(port: int, kind: Kind) -> None:
    while True:
        with suppress(OSError):
            await _one(port, kind)
        await asyncio.sleep(AGAIN_AFTER_S)


async def _run(port: int, name: str, count: int) -> None:
    keeping = [asyncio.create_task(_keep_open(port, KINDS[name])) for _ in range(count)]
    await asyncio.sleep(1)
    sys.stdout.write("open\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    for task in keeping:
        task.cancel()


@contextmanager
def slow_sockets(port: int, name: str, count: int) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.slow_sockets", str(port), name, str(count)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        if process.stdout.readline() != b"open\n":
            raise RuntimeError("the slow sockets ended early")
        yield
        if process.poll() is not None:
            raise RuntimeError("the slow sockets ended early")
    finally:
        process.kill()
        process.wait()


NICENESS = 19  # as `benchmarks.hasty_clients`

if __name__ == "__main__":
    os.nice(NICENESS)
    asyncio.run(_run(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
