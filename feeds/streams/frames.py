"""Messages as frames of a WebSocket, made once for all who hear them.

A server's frame has no mask and, without compression, nothing of its connection's: the same bytes
go to everybody. A server of ours offers to take such bytes (`exchange_site.edge.protocols`), in the
scope of a socket; elsewhere, and for who has its frames compressed, messages go one by one.

The server imports this before Django is set up.
"""

import struct
from collections.abc import Callable
from typing import Any, Protocol

EXTENSION = "exchange.frames"

_TEXT, _BINARY = 0x81, 0x82  # of one frame
_LENGTH_16, _LENGTH_64 = 126, 127


class FrameWriter(Protocol):
    """A socket that takes whole frames, as long as its client reads them."""

    on_ready: Callable[[], None] | None  # called when it takes more again

    @property
    def is_ready(self) -> bool: ...
    def write_frames(self, data: bytes) -> None: ...


def writer_of(scope: dict[str, Any]) -> FrameWriter | None:
    writer: FrameWriter | None = scope.get("extensions", {}).get(EXTENSION)
    return writer


def text_frame(payload: bytes) -> bytes:
    return _frame(_TEXT, payload)


def binary_frame(payload: bytes) -> bytes:
    return _frame(_BINARY, payload)


def _frame(kind: int, payload: bytes) -> bytes:
    length = len(payload)
    if length < _LENGTH_16:
        return bytes((kind, length)) + payload
    if length < 1 << 16:
        return struct.pack("!BBH", kind, _LENGTH_16, length) + payload
    return struct.pack("!BBQ", kind, _LENGTH_64, length) + payload
