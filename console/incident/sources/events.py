"""Lines of the output stream: what each command caused, where it is still kept."""

from collections.abc import Iterator

import msgspec
import redis

from common.admin import NOTHING
from common.admin.base import Cell, link
from common.redis_client import request_redis_client
from console.incident.kept import KeptEntry, KeptOutput
from console.incident.sources.fields import fields_words, name_words
from console.incident.sources.lines import LinePlace, LinesPage, TimelineKind, TimelineLine
from console.incident.stretch import Stretch
from markets.models import Market
from matching.messages.events import Event, MarketStateChanged, MarkPriceChanged
from trading.models import Order

RANK = 2
KINDS_OF_EVENTS = frozenset({TimelineKind.EVENT, TimelineKind.STATE, TimelineKind.PRICE})
# Of which few may be of the kinds asked for.
ENTRIES_READ_MAX = 5_000
_LAST_KEY = 10**9


def event_lines(
    stretch: Stretch, kinds: frozenset[TimelineKind], after: LinePlace | None, lines_max: int
) -> LinesPage:
    """An empty page where Redis doesn't answer, which the stretch's notes say."""
    lines: list[TimelineLine] = []
    try:
        for read, kept in enumerate(_entries(stretch, after), 1):
            lines += [
                line
                for line in _lines_of(kept, stretch.market)
                if line.kind in kinds and (after is None or line.place > after)
            ]
            if len(lines) > lines_max:
                return LinesPage(lines[:lines_max], lines[lines_max - 1].place)
            if read == ENTRIES_READ_MAX:
                return LinesPage(lines, LinePlace(kept.at, kept.seq, RANK, _LAST_KEY))
    except redis.RedisError:
        return LinesPage([], None)
    return LinesPage(lines, None)


def _entries(stretch: Stretch, after: LinePlace | None) -> Iterator[KeptEntry]:
    output = KeptOutput(request_redis_client(), stretch.market.pk)
    start = max(stretch.start, after.at) if after is not None else stretch.start
    from_seq = output.seq_since(start)
    if stretch.is_by_seq:
        from_seq = max(from_seq, stretch.low_seq)
    for kept in output.entries(from_seq):
        if kept.seq > stretch.high_seq and stretch.is_by_seq:
            return
        if kept.entry is not None and kept.at >= stretch.end:
            return
        yield kept


def _lines_of(kept: KeptEntry, market: Market) -> Iterator[TimelineLine]:
    def line(key: int, kind: TimelineKind, words: str, record: Cell = NOTHING) -> TimelineLine:
        return TimelineLine(LinePlace(kept.at, kept.seq, RANK, key), kind, words, record, kept.seq)

    if kept.entry is None:
        yield line(0, TimelineKind.EVENT, f"what was published can’t be decoded: {kept.why}")
    elif not kept.entry.events:
        yield line(0, TimelineKind.EVENT, f"nothing changed (input {kept.entry.input_id})")
    else:
        for key, event in enumerate(kept.entry.events):
            yield line(key, _kind_of(event), _words(event, market), _record(event))


def _kind_of(event: Event) -> TimelineKind:
    if isinstance(event, MarketStateChanged):
        return TimelineKind.STATE
    return TimelineKind.PRICE if isinstance(event, MarkPriceChanged) else TimelineKind.EVENT


def _words(event: Event, market: Market) -> str:
    name = name_words(type(event).__name__)
    return f"{name}: {fields_words(msgspec.to_builtins(event), market)}"


def _record(event: Event) -> Cell:
    order_id = getattr(event, "order_id", 0)
    return link(Order, order_id, f"order {order_id}") if order_id else NOTHING
