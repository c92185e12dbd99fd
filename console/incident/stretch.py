"""The stretch of a market's past that a page is about, known by time and by sequence."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import redis
from django.utils import timezone

from common.postgres.windows import Window
from common.redis_client import request_redis_client
from console.incident.kept import KeptOutput
from ledger.models import JournalEntry
from markets.models import Market
from trading.trades import Trades, first_trade_since

SPAN_MAX = timedelta(hours=1)
SEQ_MAX = 2**63 - 1
# What caused the first sequence was written before its engine took it.
LEAD = timedelta(seconds=2)
_ONE_MS = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Stretch:
    """From ``start`` on and before ``end``, sequences ``low_seq`` to ``high_seq`` of rows that have
    one. ``lead``: how much earlier rows without a sequence begin. ``notes``: what isn't known."""

    market: Market
    start: datetime
    end: datetime
    low_seq: int = 0
    high_seq: int = SEQ_MAX
    is_by_seq: bool = False
    lead: timedelta = timedelta(0)
    was_cut: bool = False
    notes: tuple[str, ...] = ()

    @property
    def window(self) -> Window:
        return Window(self.start, self.end)

    @property
    def wide_window(self) -> Window:
        return Window(self.start - self.lead, self.end)


def stretch_of_time(market: Market, start: datetime, length: timedelta) -> Stretch:
    """Sequences rise with time, so all of it are between those of the trades around it."""
    end = start + min(length, SPAN_MAX)
    trades = Trades(market.pk)
    before = trades.newest(1, first_trade_since(market.pk, start))
    behind = trades.oldest(1, first_trade_since(market.pk, end))
    return _with_notes(
        Stretch(
            market,
            start,
            end,
            low_seq=before[0].seq if before else 0,
            high_seq=behind[0].seq if behind else SEQ_MAX,
            was_cut=length > SPAN_MAX,
        )
    )


def stretch_of_seqs(market: Market, low_seq: int, high_seq: int) -> Stretch:
    """Where the output stream doesn't keep them, the journal says when they were, or about when."""
    start, end = _time_of(market, low_seq, "lte"), _time_of(market, high_seq, "gte")
    start = start or end or timezone.now()
    end = (end or timezone.now()) + _ONE_MS
    was_cut = end - start > SPAN_MAX
    return _with_notes(
        Stretch(
            market,
            start,
            min(end, start + SPAN_MAX),
            low_seq,
            high_seq,
            is_by_seq=True,
            lead=LEAD,
            was_cut=was_cut,
        )
    )


def _time_of(market: Market, seq: int, side: str) -> datetime | None:
    try:
        at = KeptOutput(request_redis_client(), market.pk).time_of(seq)
    except redis.RedisError:
        at = None
    if at is not None:
        return at
    entries = JournalEntry.objects.filter(market=market, **{f"seq__{side}": seq})
    order = "-seq" if side == "lte" else "seq"
    return entries.order_by(order).values_list("created_at", flat=True).first()


def _with_notes(stretch: Stretch) -> Stretch:
    """Says which part of it the output stream no longer keeps."""
    try:
        first = KeptOutput(request_redis_client(), stretch.market.pk).first()
    except redis.RedisError:
        note = "Redis doesn’t answer: there are no events in the list."
        return replace(stretch, notes=(note,))
    if first is None:
        return replace(stretch, notes=("Redis keeps no events of this market.",))
    is_before = first.seq > stretch.low_seq if stretch.is_by_seq else first.at > stretch.start
    if first.seq > 1 and is_before:
        note = f"Events before sequence {first.seq:,} are no longer kept, and are not in the list."
        return replace(stretch, notes=(note,))
    return stretch
