"""What Redis still keeps of a market's output stream, found by sequence or by time."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import redis

from matching.messages.codec import UndecodableMessage, decode_entry
from matching.messages.events import OutputEntry
from matching.messages.streams import ENTRY_FIELD, output_stream, seq_of

PAGE = 500
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class KeptEntry(NamedTuple):
    """``entry`` None: what was published can't be decoded; ``why`` says so. Its time is then that
    of the entry before, as far as that was read."""

    seq: int
    at: datetime
    entry: OutputEntry | None
    why: str = ""


def moment_of(time_ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=time_ms)


class KeptOutput:
    """Every method raises redis.RedisError."""

    def __init__(self, client: redis.Redis, market_id: str) -> None:
        self._client = client
        self._key = output_stream(market_id)

    def first(self) -> KeptEntry | None:
        return next(self.entries(0, count=1), None)

    def last_seq(self) -> int:
        """0 where nothing is kept."""
        newest: Any = self._client.xrevrange(self._key, count=1)
        return seq_of(newest[0][0]) if newest else 0

    def entries(self, from_seq: int, count: int = PAGE) -> Iterator[KeptEntry]:
        """From a sequence on, read ``count`` at a time."""
        start, at = f"{from_seq}-0", _EPOCH
        while True:
            page: Any = self._client.xrange(self._key, min=start, count=count)
            for raw_id, fields in page:
                kept = _read(seq_of(raw_id), fields.get(ENTRY_FIELD, b""), at)
                at = kept.at
                yield kept
            if len(page) < count:
                return
            start = f"({page[-1][0].decode()}"

    def time_of(self, seq: int) -> datetime | None:
        """None where that entry is not kept."""
        kept = next(self.entries(seq, count=1), None)
        return kept.at if kept is not None and kept.seq == seq and kept.entry else None

    def seq_since(self, at: datetime) -> int:
        """Of the first entry that is not before this time; behind the last where there is none."""
        oldest = self.first()
        low, high = oldest.seq if oldest else 0, self.last_seq() + 1
        while low < high:
            middle = (low + high) // 2
            kept = next((k for k in self.entries(middle, count=8) if k.entry), None)
            if kept is not None and kept.at < at:
                low = kept.seq + 1
            else:
                high = middle
        return low


def _read(seq: int, data: bytes, before: datetime) -> KeptEntry:
    try:
        entry = decode_entry(data)
        return KeptEntry(seq, moment_of(entry.time_ms), entry)
    except (UndecodableMessage, OverflowError) as error:
        return KeptEntry(seq, before, None, str(error))
