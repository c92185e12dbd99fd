"""Many clients of the feeds, in a process of their own, cheap enough not to be what is measured.

A `Plan` on stdin; once all listen, ``ready`` on stdout, and after the plan's seconds a `Heard`. All
read everything; a few look into what they read, and note how old each message is.
"""

import asyncio
import base64
import os
import statistics
import struct
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
import uvloop

PER_ADDRESS = 20  # sockets from one address of this machine's own
LOOKED_INTO_EVERY = 25
OPENED_AT_ONCE = 50
WITHIN_S = 300.0


class Plan(msgspec.Struct):
    """``path``: of the socket; the gateway's names its streams, and there are no channels."""

    port: int
    clients: int
    channels: list[str]
    seconds: float
    path: str = "/ws"


class Heard(msgspec.Struct):
    """``age_percentiles_ms``: 1 to 99, of messages as those that look into them got them; none of
    streams of the gateway. ``closed``: how many were disconnected."""

    age_percentiles_ms: list[float]
    messages: int
    bytes_read: int
    closed: int


class _Moment(msgspec.Struct):
    timeMs: int = 0
    channel: str = ""
    type: str = ""
    stream: str = ""


_PING, _PONG = 9, 10
_LENGTH_16 = 126
_decode = msgspec.json.Decoder(_Moment).decode


class _Client(asyncio.Protocol):
    def __init__(
        self,
        plan: Plan,
        looks: bool,
        heard: Heard,
        ages_ms: list[float],
        ready: Callable[[], None],
    ) -> None:
        self._plan = plan
        self._looks = looks
        self._heard = heard
        self._ages_ms = ages_ms
        self._ready = ready
        self._has_head = False
        self._has_begun = False
        self._rest = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            f"GET {self._plan.path} HTTP/1.1\r\nHost: localhost\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        self._heard.closed += 1

    def data_received(self, data: bytes) -> None:
        self._heard.bytes_read += len(data)
        if not self._has_head:
            self._rest += data
            head, end, self._rest = self._rest.partition(b"\r\n\r\n")
            if not end:
                self._rest = head
                return
            self._has_head = True
            if self._plan.channels:
                ask = {"op": "subscribe", "channels": self._plan.channels}
                self._transport.write(_masked(msgspec.json.encode(ask)))
            return
        if not self._has_begun:
            self._has_begun = True
            self._ready()
        self._read(self._rest + data)

    def _read(self, data: bytes) -> None:
        now_ms = time.time() * 1_000
        at = 0
        while (found := _frame(data, at)) is not None:
            opcode, begin, at = found
            if opcode == _PING:
                self._transport.write(_masked(data[begin:at], _PONG))
            elif self._looks:
                self._note(_decode(data[begin:at]), now_ms)
        self._rest = data[at:]

    def _note(self, moment: _Moment, now_ms: float) -> None:
        if moment.channel and moment.type != "snapshot":
            self._ages_ms.append(now_ms - moment.timeMs)
            self._heard.messages += 1
        elif moment.stream:
            self._heard.messages += 1


def _frame(data: bytes, at: int) -> tuple[int, int, int] | None:
    """Opcode, begin and end of the payload of the frame that begins here; None if it isn't all
    there."""
    if len(data) < at + 2:
        return None
    length, begin = data[at + 1], at + 2
    if length >= _LENGTH_16:
        shape = "!H" if length == _LENGTH_16 else "!Q"
        if len(data) < begin + struct.calcsize(shape):
            return None
        (length,) = struct.unpack_from(shape, data, begin)
        begin += struct.calcsize(shape)
    end = begin + length
    return (data[at] & 0x0F, begin, end) if len(data) >= end else None


def _masked(payload: bytes, opcode: int = 1) -> bytes:
    """As a client sends it; a mask of zeros leaves it as it is."""
    if len(payload) < _LENGTH_16:
        return struct.pack("!BB4x", 0x80 | opcode, 0x80 | len(payload)) + payload
    return struct.pack("!BBH4x", 0x80 | opcode, 0x80 | _LENGTH_16, len(payload)) + payload


def _groups(clients: int) -> list[range]:
    starts = range(0, clients, OPENED_AT_ONCE)
    return [range(start, min(start + OPENED_AT_ONCE, clients)) for start in starts]


async def _listen(plan: Plan) -> Heard:
    loop = asyncio.get_running_loop()
    heard = Heard([], 0, 0, 0)
    ages_ms: list[float] = []
    ready = asyncio.Semaphore(0)
    for group in _groups(plan.clients):
        for number in group:
            address = number // PER_ADDRESS
            looks = number % LOOKED_INTO_EVERY == 0
            await loop.create_connection(
                partial(_Client, plan, looks, heard, ages_ms, ready.release),
                "127.0.0.1",
                plan.port,
                local_addr=(f"127.1.{address // 200}.{address % 200 + 1}", 0),
            )
        async with asyncio.timeout(WITHIN_S):
            for _ in group:
                await ready.acquire()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.sleep(plan.seconds / 4)  # until those that came last are at rest
    ages_ms.clear()
    heard.messages = heard.bytes_read = 0
    await asyncio.sleep(plan.seconds)
    return msgspec.structs.replace(
        heard,
        messages=heard.messages * LOOKED_INTO_EVERY,
        age_percentiles_ms=statistics.quantiles(ages_ms, n=100) if ages_ms else [],
    )


if __name__ == "__main__":
    asked = msgspec.json.decode(sys.stdin.buffer.readline(), type=Plan)
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(_listen(asked))) + b"\n")
