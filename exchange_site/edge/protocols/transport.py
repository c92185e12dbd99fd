"""What arrives is parsed a slice at a time, and between two slices the loop serves others.

Theory of operation. The loop reads up to 256 kB of a socket at once and has them parsed at once:
that is 40,000 pings, or 14,000 requests, and seconds in which nobody else is served. So a transport
hands its protocol a slice, and the next in a later turn of the loop. Meanwhile, and while the
protocol wants nothing, the socket isn't read: what waits here is at most what one reading brought.
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any


class Transport:
    """Around one of the loop's. Writing is no error once it is closed: uvicorn looks whether a
    client is still there only of the newest of its requests; each of the others would be a
    traceback in the log, of which a stranger could make as many as they like."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._rest = bytearray()  # cheap to take from at its front
        self._is_paused = False  # by the protocol
        self._turn: asyncio.Handle | None = None
        self._take: Callable[[bytes], None] = _nobody
        self._slice_bytes = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)

    def feed(self, take: Callable[[bytes], None], slice_bytes: int) -> None:
        """From now on ``take`` is given what arrives, at most so much in a turn."""
        self._take, self._slice_bytes = take, slice_bytes

    def arrived(self, data: bytes) -> None:
        if self._rest or self._is_paused:
            self._rest += data
            self._transport.pause_reading()  # a new one's reading may begin after it was paused
        elif len(data) <= self._slice_bytes:
            self._take(data)
        else:
            self._rest += data
            self._next()

    def pause_reading(self) -> None:
        self._is_paused = True
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._is_paused = False
        self._go_on()

    def reset(self) -> None:
        """Now, and in the kernel, too: what it has not sent it would keep for a client that doesn't
        read."""
        if (connected := self._transport.get_extra_info("socket")) is not None:
            linger = struct.pack("ii", 1, 0)
            with suppress(OSError):  # it is closed
                connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._transport.abort()

    def _next(self) -> None:
        self._turn = None
        if self._transport.is_closing():
            self._rest.clear()
        if self._is_paused or not self._rest:
            return
        data = bytes(self._rest[: self._slice_bytes])
        del self._rest[: self._slice_bytes]
        self._take(data)
        self._go_on()

    def _go_on(self) -> None:
        if self._is_paused or self._transport.is_closing():
            return
        if not self._rest:
            self._transport.resume_reading()
        elif self._turn is None:
            self._transport.pause_reading()
            self._turn = self._loop.call_soon(self._next)


def _nobody(_: bytes) -> None:
    raise AssertionError("a transport that feeds nobody")
