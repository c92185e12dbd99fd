"""Which of many output streams have news, from wherever each is read on."""

from collections.abc import Mapping
from typing import Any

from common.redis_client import redis_client
from matching.messages.streams import is_one_server, server_of, streams_read
from matching.runtime.lines import QUESTION_WAITS_MS, Lines

# Only news of something is wanted here, the batch is read under the lock: as many as may be looked
# through for one that says more than a price.
ENTRIES_AT_ONCE = 10


class OutputNews:
    """Of one thread. One server is asked for all of them at once, each of several for its own."""

    def __init__(self) -> None:
        self._lines = Lines()
        self._asked: dict[str, str] = {}

    def wait(self, positions: Mapping[str, str], block_ms: int) -> dict[bytes, list[Any]]:
        """The next entries of each stream that has any after its position, once one has. Raises
        redis.ResponseError where a key is no stream, and redis.RedisError."""
        client = redis_client()
        if is_one_server(client):
            asked: Any = dict(positions)
            return streams_read(client.xread(asked, count=ENTRIES_AT_ONCE, block=block_ms))
        try:
            return self._wait_for_any(client, positions, block_ms)
        except BaseException:
            self.forget()
            raise

    def forget(self) -> None:
        """What was asked, and the connections."""
        self._asked.clear()
        self._lines.drop_all()

    def _wait_for_any(
        self, client: Any, positions: Mapping[str, str], block_ms: int
    ) -> dict[bytes, list[Any]]:
        self._lines.keep(positions.keys())
        for stream, position in positions.items():
            if self._lines.is_open(stream) and self._asked[stream] != position:
                self._lines.drop(stream)
            if not self._lines.is_open(stream):
                news = (
                    "XREAD",
                    "COUNT",
                    ENTRIES_AT_ONCE,
                    "BLOCK",
                    QUESTION_WAITS_MS,
                    "STREAMS",
                    stream,
                    position,
                )
                self._lines.ask(stream, server_of(client, stream), [news])
                self._asked[stream] = position
        found: dict[bytes, list[Any]] = {}
        for ready in self._lines.wait(block_ms / 1_000):
            (answer,) = self._lines.take(ready)
            if isinstance(answer, Exception):
                raise answer
            for name, rows in streams_read(answer).items():
                found[name] = [
                    (row, dict(zip(flat[::2], flat[1::2], strict=True))) for row, flat in rows
                ]
        return found
