"""Lines of rows: each table that keeps a trace of a market, read in its own order by an index."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import BigIntegerField, F, Model, Q, QuerySet, Value
from django.db.models.functions import Coalesce

from common.postgres.windows import Window, window_of_keys
from console.audit.models import AuditRow
from console.incident.sources import wording
from console.incident.sources.lines import LinePlace, LinesPage, TimelineKind, TimelineLine
from console.incident.stretch import Stretch
from ledger.models import JournalEntry
from markets.models import Market
from persistence.models import DeadLetter, PersistenceFault, QuarantinedEntry, ReconcileRun
from trading.archive.picking import oldest_fills_of
from trading.archive.rows import ArchivedFill
from trading.archive.shown import fills_shown
from trading.models import Fill, FundingSettlement, Liquidation, Order, OutboxCommand
from trading.trades import fills_of_range, first_trade_since, trade_numbers

# Keys of tables that several write to rise with their time, but for rows this far apart.
KEYS_APART = timedelta(minutes=2)
_NEVER = Q(pk__in=[])
Beside = Callable[[Stretch, LinePlace | None, int], AbstractContextManager[None]]


@dataclass(frozen=True)
class RowSource:
    """``seq``: the field of the sequence that a row's place has, empty for none. ``is_noted``: the
    row's time is when it was noted, so that of sequences only these tell whether it belongs.
    ``beside``: while it is entered, rows that lie in files are found, too: so many behind a place.
    """

    kind: TimelineKind
    rank: int
    model: type[Model]
    time: str
    rows: Callable[[Stretch], QuerySet[Any]]
    words: Callable[[Sequence[Any], Market], Sequence[wording.LineWords]]
    seq: str = ""
    is_noted: bool = False
    beside: Beside = lambda _stretch, _after, _count: nullcontext()

    def read(self, stretch: Stretch, after: LinePlace | None, lines_max: int) -> LinesPage:
        place_seq = Coalesce(F(self.seq), 0) if self.seq else Value(0)
        rows = (
            self.rows(stretch)
            .filter(self._within(stretch))
            .annotate(place_seq=Coalesce(place_seq, 0, output_field=BigIntegerField()))
        )
        if after is not None:
            rows = rows.filter(self._behind(after))
        with self.beside(stretch, after, lines_max + 1):
            found = list(rows.order_by(self.time, "place_seq", "pk")[: lines_max + 1])
        said = self.words(found[:lines_max], stretch.market)
        lines = [
            TimelineLine(self._place(row), self.kind, one.words, one.record, one.seq)
            for row, one in zip(found, said, strict=False)
        ]
        return LinesPage(lines, lines[-1].place if len(found) > lines_max else None)

    def _within(self, stretch: Stretch) -> Q:
        if not self.seq:
            return stretch.wide_window.within(self.time)
        if not stretch.is_by_seq:
            return stretch.window.within(self.time)
        of_seqs = Q(**{f"{self.seq}__gte": stretch.low_seq, f"{self.seq}__lte": stretch.high_seq})
        is_cut = stretch.was_cut and not self.is_noted
        return of_seqs & Window(None, stretch.end if is_cut else None).within(self.time)

    def _behind(self, after: LinePlace) -> Q:
        if self.rank == after.rank:
            behind_key = Q(pk__gt=after.key)
        else:
            behind_key = Q() if self.rank > after.rank else _NEVER
        at_seq = Q(place_seq__gt=after.seq) | (Q(place_seq=after.seq) & behind_key)
        return Q(**{f"{self.time}__gt": after.at}) | (Q(**{self.time: after.at}) & at_seq)

    def _place(self, row: Any) -> LinePlace:
        at: datetime = getattr(row, self.time)
        return LinePlace(at, row.place_seq, self.rank, row.pk)


def _wide(window: Window) -> Window:
    start, end = window.start, window.end
    return Window(start and start - KEYS_APART, end and end + KEYS_APART)


def _commands(stretch: Stretch) -> QuerySet[OutboxCommand]:
    rows = OutboxCommand.objects.filter(market=stretch.market).select_related("created_by")
    return window_of_keys(rows, _wide(stretch.wide_window), "id", "created_at")


def _orders(stretch: Stretch) -> QuerySet[Order]:
    rows = Order.objects.filter(market=stretch.market).select_related("user")
    window = _wide(stretch.wide_window)
    return window_of_keys(rows, window, "id", "created_at", market_id=stretch.market.pk)


def _fills(stretch: Stretch) -> QuerySet[Fill]:
    numbers = trade_numbers(stretch.market.pk, stretch.window)
    return fills_of_range(stretch.market.pk, *numbers).select_related("user")


def _old_fills(
    stretch: Stretch, after: LinePlace | None, count: int
) -> AbstractContextManager[None]:
    """Until so many are behind the place. In the order of trades, which is that of the list."""

    def is_behind(fill: ArchivedFill) -> bool:
        is_of_seqs = stretch.low_seq <= fill.seq <= stretch.high_seq
        is_within = stretch.start <= fill.executed_at < stretch.end
        return is_of_seqs and is_within and (after is None or fill.executed_at > after.at)

    first, end = trade_numbers(stretch.market.pk, stretch.window)
    if after is not None:
        first = max(first, first_trade_since(stretch.market.pk, after.at))
    return fills_shown(oldest_fills_of(stretch.market.pk, first, end, is_behind, count))


def _liquidations(stretch: Stretch) -> QuerySet[Liquidation]:
    return Liquidation.objects.filter(market=stretch.market).select_related("user")


def _settlements(stretch: Stretch) -> QuerySet[FundingSettlement]:
    rows = FundingSettlement.objects.filter(market=stretch.market)
    fixed = {"market_id": stretch.market.pk}
    return window_of_keys(rows, stretch.window, "seq", "settled_at", **fixed)


def _entries(stretch: Stretch) -> QuerySet[JournalEntry]:
    bounds = {"seq__gte": stretch.low_seq, "seq__lte": stretch.high_seq}
    return JournalEntry.objects.filter(market=stretch.market, **bounds)


def _holds(stretch: Stretch) -> QuerySet[JournalEntry]:
    rows = JournalEntry.objects.filter(market=stretch.market, seq__isnull=True)
    return window_of_keys(rows, _wide(stretch.wide_window), "id", "created_at")


def _acts(stretch: Stretch) -> QuerySet[AuditRow]:
    of_market = Q(object_kind=Market._meta.label, object_key=stretch.market.pk)
    rows = AuditRow.objects.filter(Q(market=stretch.market.pk) | of_market)
    return window_of_keys(rows, _wide(stretch.wide_window), "id", "acted_at")


def _runs(stretch: Stretch) -> QuerySet[ReconcileRun]:
    return ReconcileRun.objects.filter(market_id__in=("", stretch.market.pk))


def _of_market(model: type[Model]) -> Callable[[Stretch], QuerySet[Any]]:
    return lambda stretch: model._default_manager.filter(market=stretch.market)


SOURCES = (
    RowSource(TimelineKind.COMMAND, 0, OutboxCommand, "created_at", _commands, wording.commands),
    RowSource(TimelineKind.ORDER, 1, Order, "created_at", _orders, wording.orders),
    RowSource(
        TimelineKind.FILL, 3, Fill, "executed_at", _fills, wording.fills, "seq", beside=_old_fills
    ),
    RowSource(
        TimelineKind.LIQUIDATION,
        4,
        Liquidation,
        "liquidated_at",
        _liquidations,
        wording.liquidations,
        "seq",
    ),
    RowSource(
        TimelineKind.FUNDING,
        5,
        FundingSettlement,
        "settled_at",
        _settlements,
        wording.settlements,
        "seq",
    ),
    RowSource(TimelineKind.MONEY, 6, JournalEntry, "created_at", _entries, wording.entries, "seq"),
    RowSource(TimelineKind.MONEY, 7, JournalEntry, "created_at", _holds, wording.entries),
    RowSource(TimelineKind.OPERATOR, 8, AuditRow, "acted_at", _acts, wording.acts),
    RowSource(
        TimelineKind.DEAD_LETTER,
        9,
        DeadLetter,
        "recorded_at",
        _of_market(DeadLetter),
        wording.letters,
        "seq",
        is_noted=True,
    ),
    RowSource(
        TimelineKind.FAULT,
        10,
        PersistenceFault,
        "first_seen",
        _of_market(PersistenceFault),
        wording.faults,
        "seq",
        is_noted=True,
    ),
    RowSource(
        TimelineKind.FAULT,
        11,
        QuarantinedEntry,
        "quarantined_at",
        _of_market(QuarantinedEntry),
        wording.quarantined,
        "seq",
        is_noted=True,
    ),
    RowSource(TimelineKind.RECONCILE, 12, ReconcileRun, "started_at", _runs, wording.runs),
)
