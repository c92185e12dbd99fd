"""What Redis still has of a market: output entries, and the commands they came from.

An entry is believed where it is persisted and its time is the row's: a market that was set back
uses sequences again. A read costs the same however long the stream is.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import redis

from common.redis_client import request_redis_client
from markets.models import Market
from matching.messages.codec import UndecodableMessage, decode_command, decode_entry
from matching.messages.commands import Command
from matching.messages.events import MarkPriceChanged, OutputEntry, Trade
from matching.messages.streams import COMMAND_FIELD, ENTRY_FIELD, input_stream, output_stream
from persistence.models import MarketCursor

LOOKED_AT_MAX = 2_000
_PAGE = 200


@dataclass(frozen=True, order=True)
class Moment:
    """An output entry of a market: its sequence, and its time by the engine's clock."""

    seq: int
    time_ms: int

    @property
    def time(self) -> datetime:
        return datetime.fromtimestamp(self.time_ms / 1_000, UTC)

    @property
    def time_words(self) -> str:
        """To the millisecond, as the engine counts."""
        return f"{self.time:%Y-%m-%d %H:%M:%S}.{self.time_ms % 1_000:03} UTC"

    @classmethod
    def of(cls, seq: int, time: datetime) -> "Moment":
        return cls(seq, ms_of(time))


def ms_of(time: datetime) -> int:
    return round(time.timestamp() * 1_000)


def names(event: Any, order_id: int) -> bool:
    """Whether the event is about the order."""
    if isinstance(event, Trade):
        return order_id in (event.taker.order_id, event.maker.order_id)
    return getattr(event, "order_id", 0) == order_id


class Streams:
    """Of one market, for one page. ``is_away``: Redis did not answer, and is not asked again."""

    def __init__(self, market: Market) -> None:
        self.market_id = market.pk
        self.is_away = False
        cursor = MarketCursor.objects.filter(pk=market.pk).first()
        self._persisted_seq = cursor.seq if cursor else 0

    def entries(self, moments: Iterable[Moment]) -> dict[int, OutputEntry]:
        """Those that are kept, by sequence."""
        wanted = {moment.seq: moment.time_ms for moment in moments}
        pipe = request_redis_client().pipeline(transaction=False)
        for seq in wanted:
            pipe.xrange(output_stream(self.market_id), min=f"{seq}-0", max=f"{seq}-0")
        found = self._ask(pipe.execute) or [] if wanted else []
        entries = (entry for rows in found for entry in self._decoded(rows))
        return {entry.seq: entry for entry in entries if entry.time_ms == wanted.get(entry.seq)}

    def of_command(self, seq: int, command_id: int) -> OutputEntry | None:
        """The entry of a command of the outbox, whose row keeps no time of it."""
        found = self._forwards(seq, 1)
        is_its = found and found[0].seq == seq and found[0].command_id == command_id
        return found[0] if is_its else None

    def command(self, entry: OutputEntry) -> Command | None:
        """What the entry came from."""
        client, key = request_redis_client(), input_stream(self.market_id)
        found = self._ask(lambda: client.xrange(key, min=entry.input_id, max=entry.input_id))
        try:
            return decode_command(found[0][1][COMMAND_FIELD]) if found else None
        except (UndecodableMessage, KeyError):
            return None

    def mark_ticks(self, moment: Moment) -> int:
        """The mark price as the entry left it; 0 where that is not kept."""
        if not self.entries([moment]):
            return 0
        upper, left = moment.seq, LOOKED_AT_MAX
        while upper > 0 and left > 0:
            found = self._backwards(upper)
            for entry in found:
                for event in reversed(entry.events):
                    if isinstance(event, MarkPriceChanged):
                        return event.mark_price_ticks
            if not found:
                break
            upper, left = found[-1].seq - 1, left - len(found)
        return 0

    def naming(self, order_id: int, from_ms: int, to_ms: int | None = None) -> list[OutputEntry]:
        """Entries about the order, of the first `LOOKED_AT_MAX` from a time on."""
        entries = self._from(from_ms, to_ms)
        return [e for e in entries if any(names(event, order_id) for event in e.events)]

    def _from(self, from_ms: int, to_ms: int | None) -> Iterator[OutputEntry]:
        seq = self._first_from(from_ms)
        for _ in range(0, LOOKED_AT_MAX, _PAGE):
            found = self._forwards(seq, _PAGE)
            for entry in found:
                if to_ms is not None and entry.time_ms > to_ms:
                    return
                yield entry
            if not found:
                return
            seq = found[-1].seq + 1

    def _first_from(self, from_ms: int) -> int:
        """The sequence of the first entry kept that is not before this time: times never fall."""
        oldest = self._forwards(1, 1)
        low, high = oldest[0].seq if oldest else 1, self._persisted_seq + 1
        while low < high and not self.is_away:
            middle = (low + high) // 2
            found = self._forwards(middle, 1)
            if not found or found[0].time_ms >= from_ms:
                high = middle
            else:
                low = found[0].seq + 1
        return low

    def _forwards(self, seq: int, count: int) -> list[OutputEntry]:
        client, key = request_redis_client(), output_stream(self.market_id)
        last = f"{self._persisted_seq}-0"
        rows = self._ask(lambda: client.xrange(key, min=f"{seq}-0", max=last, count=count))
        return self._decoded(rows or [])

    def _backwards(self, seq: int) -> list[OutputEntry]:
        client, key = request_redis_client(), output_stream(self.market_id)
        rows = self._ask(lambda: client.xrevrange(key, max=f"{seq}-0", count=_PAGE))
        return self._decoded(rows or [])

    def _decoded(self, rows: list[Any]) -> list[OutputEntry]:
        entries = []
        for _, fields in rows:
            try:
                entry = decode_entry(fields.get(ENTRY_FIELD, b""))
            except UndecodableMessage:
                continue
            if entry.seq <= self._persisted_seq:
                entries.append(entry)
        return entries

    def _ask(self, ask: Any) -> Any:
        if self.is_away:
            return None
        try:
            return ask()
        except redis.RedisError:
            self.is_away = True
            return None
