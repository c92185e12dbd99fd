"""Reading the input streams of many markets through the engine's consumer group.

Theory of operation. One command asks for what is new in every stream. Right behind it goes, for
each stream, the question which entry follows the last one known: where that is the first one
delivered, nothing lies between, and the runner need not ask. (Something does lie between where two
processes run under one name, and each is delivered a part.)

Where a stream gave as much as was asked for there is more, and it is asked for ahead: Redis
prepares it while the engine applies what came before. What was asked for ahead is taken before any
market recovers, so that no market ever meets an entry from before its recovery.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

import redis

from matching.messages.streams import by_server, is_one_server, server_of, streams_read
from matching.runtime.lines import QUESTION_WAITS_MS, Lines

InputEntry = tuple[bytes, dict[bytes, bytes]]


class Delivery(NamedTuple):
    """Entries of one input stream; ``follows`` is the input id they come right after, empty if that
    is not known."""

    entries: Sequence[InputEntry]
    follows: str


class Reader:
    """Of one engine process.

    Where the streams are on several servers (`Lines`) each server is asked by itself, and what one
    call gives is of those that have answered: a question that waits stays open behind it.
    """

    def __init__(self, client: redis.Redis, group: str, consumer: str, count: int) -> None:
        self._client = client
        self._is_spread = not is_one_server(client)
        self._lines = Lines()
        self._group = group
        self._consumer = consumer
        self._count = count
        self._asked: dict[Hashable, dict[str, str]] = {}  # server → stream → last id known
        self._waits_ms = 0
        self.is_ahead = False

    def ask(self, known: Mapping[str, str], block_ms: int | None) -> None:
        """Ask for what is new in these streams, whose last ids known are given; with ``block_ms``
        wait so long for something."""
        self.is_ahead = block_ms is None
        self._waits_ms = block_ms or 0
        if block_ms is not None and self._is_spread:
            block_ms = QUESTION_WAITS_MS
        for server, streams in by_server(self._client, known):
            if not self._lines.is_open(id(server)):
                self._ask(server, {stream: known[stream] for stream in streams}, block_ms)

    def _ask(self, server: redis.Redis, known: dict[str, str], block_ms: int | None) -> None:
        block = () if block_ms is None else ("BLOCK", block_ms)
        news = (
            "XREADGROUP", "GROUP", self._group, self._consumer, "COUNT", self._count, *block,
            "STREAMS", *known, *([">"] * len(known)),
        )  # fmt: skip
        following = [
            ("XRANGE", stream, f"({input_id}", "+", "COUNT", 1)
            for stream, input_id in known.items()
        ]
        self._lines.ask(id(server), server, (news, *following))
        self._asked[id(server)] = known

    def take(self) -> dict[str, Delivery]:
        """What was asked for. Raises redis.ResponseError as Redis answered it, where nothing was
        delivered, and redis.RedisError where it can't be known what was."""
        self.is_ahead = False
        if not self._is_spread:
            return self._take(next(iter(self._asked)))
        delivered: dict[str, Delivery] = {}
        refused: redis.ResponseError | None = None
        for server in self._lines.wait(self._waits_ms / 1_000):
            try:
                delivered |= self._take(server)
            except redis.ResponseError as error:
                refused = error  # and is again, the next time
        if refused is not None and not delivered:
            raise refused
        return delivered

    def _take(self, server: Hashable) -> dict[str, Delivery]:
        asked = self._asked.pop(server)
        answer, *answers = self._lines.take(server)
        following = dict(zip(asked, answers, strict=True))
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

    def forget(self, stream: str) -> None:
        """No answer of before may come, as its market recovers."""
        server = id(server_of(self._client, stream))
        if self._asked.pop(server, None) is not None:
            self._lines.drop(server)

    def drop(self) -> None:
        self.is_ahead = False
        self._asked = {}
        self._lines.drop_all()


def _fields(flat: list[bytes]) -> dict[bytes, bytes]:
    return dict(zip(flat[::2], flat[1::2], strict=True))
