"""Messages as MessagePack, for those who asked for it."""

from functools import lru_cache
from typing import Any

import msgspec
from msgspec import Raw

from feeds.protocol import FeedError

MADE_MAX = 256  # messages kept: each is made once for all who hear it about now

_FIXED_MAP, _MAP_16, _MAP_32 = range(0x80, 0x90), 0xDE, 0xDF
_ARRAYS = (*range(0x90, 0xA0), 0xDC, 0xDD)


@lru_cache(maxsize=MADE_MAX)
def packed(text: str) -> bytes:
    return msgspec.msgpack.encode(msgspec.json.decode(text))


def unpacked(data: bytes) -> bytes:
    """What a client packed, as JSON. Raises FeedError."""
    try:
        has_twice = _has_key_twice(data)
        text = msgspec.json.encode(msgspec.msgpack.decode(data))
    except (msgspec.MsgspecError, RecursionError, TypeError, ValueError, IndexError) as error:
        message = "Send one MessagePack map per binary message, or JSON as text."
        raise FeedError("MALFORMED_MESSAGE", message) from error
    if has_twice:
        raise FeedError("INVALID_MESSAGE", "A key is given twice: give it once.")
    return text


def _has_key_twice(data: bytes) -> bool:
    """A map says how many keys it was written with."""
    kind = data[0]
    inside: list[Raw] = []
    if kind in _FIXED_MAP or kind in (_MAP_16, _MAP_32):
        entries: dict[Any, Raw] = msgspec.msgpack.decode(data, type=dict[Any, Raw])
        size = {_MAP_16: 2, _MAP_32: 4}.get(kind, 0)
        count = int.from_bytes(data[1 : 1 + size]) if size else kind & 0x0F
        if count != len(entries):
            return True
        inside = list(entries.values())
    elif kind in _ARRAYS:
        inside = msgspec.msgpack.decode(data, type=list[Raw])
    return any(_has_key_twice(bytes(one)) for one in inside)
