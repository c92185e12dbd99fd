"""How a socket speaks, as its client asked for in the handshake.

``/ws?format=msgpack``, or the subprotocol ``msgpack``: messages are MessagePack, in binary frames.
What the client sends may be that or JSON as text. ``/ws?deflate=true``: frames are compressed one
by one, where the client offers it; who sees to that is the server (`exchange_site.edge.protocols`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qsl

from common.errors import invalid
from feeds.streams.packing import unpacked


class Format(StrEnum):
    JSON = "json"
    MSGPACK = "msgpack"


@dataclass(frozen=True, slots=True)
class Wire:
    """``subprotocol``: the one of those offered that was chosen."""

    packs: bool = False
    subprotocol: Format | None = None

    def accept(self) -> dict[str, Any]:
        return {"type": "websocket.accept", "subprotocol": self.subprotocol}

    def read(self, data: bytes) -> bytes:
        """A binary message as JSON. Raises FeedError."""
        return unpacked(data) if self.packs else data


PLAIN = Wire()


def wire_of(query: bytes, subprotocols: Sequence[str]) -> Wire:
    """Raises DomainError."""
    asked = dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True))
    if unknown := sorted(asked.keys() - {"format", "deflate"}):
        name = unknown[0][:64]
        raise invalid(name, f"There is no {name!r} here. Known are format and deflate.")
    if asked.get("deflate", "true") not in ("true", "false"):
        raise invalid("deflate", "deflate is true or false.")
    if asked.get("format", Format.JSON) not in set(Format):
        raise invalid("format", f"format is one of {', '.join(Format)}.")
    offered = [Format(word) for word in subprotocols if word in set(Format)]
    chosen = offered[0] if offered else None
    if "format" not in asked:
        return Wire(chosen is Format.MSGPACK, chosen)
    asked_for = Format(asked["format"])
    return Wire(asked_for is Format.MSGPACK, asked_for if asked_for in offered else None)
