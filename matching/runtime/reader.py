"""Reading the input streams of many markets through the engine's consumer group.

Theory of operation. One command asks for what is new in every stream. Right behind it goes, for
each stream, the question which entry follows the last one known: where that is the first one
delivered, nothing lies between, and the runner need not ask. (Something does lie between where two
processes run under one name, and each is delivered a part.)

Where a stream gave as much as was asked for there is more, and it is asked for ahead: Redis
prepares it while the engine applies what came before. What was asked for ahead is taken before any
market recovers, so that no market ever meets an entry from before its recovery.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import redis

from matching.messages.streams import streams_read
from matching.runtime.line import Line

InputEntry = tuple[bytes, dict[bytes, bytes]]


class Delivery(NamedTuple):
    """Entries of one input stream; ``follows`` is the input id they come right after, empty if that
    is not known."""

    entries: Sequence[InputEntry]
    follows: str


class Reader:
    """Of one engine process."""

    def __init__(self, client: redis.Redis, group: str, consumer: str, count: int) -> None:
        self._line = Line(client)
        self._group = group
        self._consumer = consumer
        self._count = count
        self._asked: dict[str, str] = {}  # stream → last id known, of what is open

    @property
    def is_ahead(self) -> bool:
        return bool(self._asked)

    def ask(self, known: Mapping[str, str], block_ms: int | None) -> None:
        """Ask for what is new in these streams, whose last ids known are given; with ``block_ms``
        wait so long for something."""
        self._asked = dict(known)
        block = () if block_ms is None else ("BLOCK", block_ms)
        self._line.send(
            "XREADGROUP", "GROUP", self._group, self._consumer, "COUNT", self._count, *block,
            "STREAMS", *known, *([">"] * len(known)),
        )  # fmt: skip
        for stream, input_id in known.items():
            self._line.send("XRANGE", stream, f"({input_id}", "+", "COUNT", 1)

    def take(self) -> dict[str, Delivery]:
        """What was asked for. Raises redis.ResponseError as Redis answered it, and
        redis.RedisError where it can't be known what was delivered."""
        asked, self._asked = self._asked, {}
        answer = self._line.receive()
        following = {stream: self._line.receive() for stream in asked}
        if isinstance(answer, Exception):
            raise answer
        delivered: dict[str, Delivery] = {}
        for key, raw_entries in streams_read(answer).items():
            stream = key.decode()
            first = following[stream]
            follows = ""
            if isinstance(first, list) and first and first[0][0] == raw_entries[0][0]:
                follows = asked[stream]
            entries = [(raw_id, _fields(flat)) for raw_id, flat in raw_entries]
            delivered[stream] = Delivery(entries, follows)
        return delivered

    def has_more(self, delivery: Delivery) -> bool:
        """Whether there may be more than was delivered."""
        return len(delivery.entries) == self._count

    def drop(self) -> None:
        self._asked = {}
        self._line.drop()


def _fields(flat: list[bytes]) -> dict[bytes, bytes]:
    return dict(zip(flat[::2], flat[1::2], strict=True))
