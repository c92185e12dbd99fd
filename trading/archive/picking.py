"""Fills that are asked for, found in the files that stand for a partition. Raises
`ArchiveUnreadable` rather than leaving out a row.

What is asked of a trader or a market begins at the end that is asked for, and ends with as many as
are; a row group whose bounds have none is passed by.
"""

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from heapq import nlargest
from typing import Any, NamedTuple, cast

from django.db.models import QuerySet, Sum

from common.postgres.windows import EVER, Window
from ledger.archive.models import ArchiveFile, detached_files
from ledger.archive.picking import stored
from ledger.archive.rows import Stored
from matching.messages.limits import MAX_ID
from matching.messages.vocabulary import Role
from trading.archive.models import ArchivedTrader, told_of_market, told_of_trader, told_within
from trading.archive.rows import FILLS, ArchivedFill
from trading.models import Fill, Order

Batches = Iterator[list[ArchivedFill]]


class _Group(NamedTuple):
    place: Stored
    number: int


class Enough(NamedTuple):
    """So many of a market are, where a page looks for its rows among many of a trader's."""

    market_id: str
    rows: int


@dataclass(frozen=True)
class OfTrader:
    """A trader's fills; of an order or a market, if one is named, with ids from ``first_id`` on and
    below ``end_id``, within the window; of a market's trades those from ``first_trade`` on;
    ``is_wanted`` says of which more."""

    user_id: int
    market_id: str | None = None
    order_id: int | None = None
    first_id: int = 0
    end_id: int = MAX_ID
    first_trade: int = 0
    window: Window = EVER
    is_wanted: Callable[[ArchivedFill], bool] = lambda _fill: True

    def may_be_there(self) -> bool:
        """Whether a file has some, as far as Postgres knows; also one whose partition is back."""
        return self._told().exists()

    def newest(self, count: int, enough: Enough | None = None) -> Batches:
        """So many with the highest ids, or all there are."""
        left, left_of_market = count, enough.rows if enough else count
        for group in self._groups(is_newest_first=True):
            rows = self._rows(group)[-left:]
            yield rows
            left -= len(rows)
            if enough is not None:
                left_of_market -= sum(one.market_id == enough.market_id for one in rows)
            if min(left, left_of_market) <= 0:
                return

    def oldest(self, count: int) -> Batches:
        """So many with the lowest ids, or all there are."""
        left = count
        for group in self._groups():
            rows = self._rows(group)[:left]
            yield rows
            left -= len(rows)
            if left <= 0:
                return

    def latest(self, count: int, enough: Enough | None = None) -> Batches:
        """So many of the latest, and more; or all there are. Times of several markets don't rise
        with ids, so a group is passed by once so many are later than all that it has."""
        found: list[datetime] = []
        of_market: list[datetime] = []
        for last_at, group in self._groups_by_time():
            if len(found) - bisect_right(found, last_at) >= count:
                return
            if enough and len(of_market) - bisect_right(of_market, last_at) >= enough.rows:
                return
            rows = nlargest(count, self._rows(group), key=lambda one: (one.executed_at, one.id))
            found = sorted([*found, *(fill.executed_at for fill in rows)])
            if enough:
                own = (one.executed_at for one in rows if one.market_id == enough.market_id)
                of_market = sorted([*of_market, *own])
            yield rows

    def all(self) -> Batches:
        for group in self._groups():
            yield self._rows(group)

    def _groups(self, *, is_newest_first: bool = False) -> Iterator[_Group]:
        """One file after another: each is opened once it is come to."""
        told = {one.file_id: one for one in self._opened()}
        files = list(detached_files(FILLS).filter(pk__in=told))
        step = -1 if is_newest_first else 1
        for file in files[::step]:
            yield from self._groups_of(file, told[file.pk].groups[::step])

    def _groups_by_time(self) -> Iterator[tuple[datetime, _Group]]:
        """By the time of the latest fill in each, the latest first. A file is opened once none that
        were can have a later one than the trader has there."""
        told = sorted(self._opened(), key=lambda one: one.last_at)
        files = detached_files(FILLS).in_bulk([one.file_id for one in told])
        waiting: list[tuple[datetime, _Group]] = []
        while told or waiting:
            if told and (not waiting or told[-1].last_at > waiting[-1][0]):
                one = told.pop()
                if (file := files.get(one.file_id)) is not None:
                    opened = [
                        (min(one.last_at, _bounds(group, "executed_at")[1]), group)
                        for group in self._groups_of(file, one.groups)
                    ]
                    waiting = sorted([*waiting, *opened], key=lambda of: of[0])
            else:
                yield waiting.pop()

    def _opened(self) -> Collection[ArchivedTrader]:
        """None where the table has all of an order: no partition moves meanwhile."""
        if self.order_id is not None and _is_in_table(self.order_id, self.user_id):
            return ()
        return list(self._told())

    def _told(self) -> QuerySet[ArchivedTrader]:
        """Of the files that can have some, as far as Postgres knows."""
        told = told_of_trader(self.user_id)
        told = told.filter(file__end_id__gt=self.first_id, file__first_id__lt=self.end_id)
        if self.market_id is None and not self.window.is_bounded:
            return told
        if self.window.start is not None:
            told = told.filter(last_at__gte=self.window.start)
        within = told_within(self.window, self.market_id)
        return told.filter(
            file__in=within.filter(last_trade_id__gte=self.first_trade).values("file")
        )

    def _groups_of(self, file: ArchiveFile, numbers: Collection[int]) -> Iterator[_Group]:
        for number in numbers:
            group = _Group(stored(file, FILLS), number)
            if self._may_have(group):
                yield group

    def _may_have(self, group: _Group) -> bool:
        return (
            _is_between(group, "id", self.first_id, self.end_id)
            and (
                not self.window.is_bounded or _is_within(_bounds(group, "executed_at"), self.window)
            )
            and (self.order_id is None or _is_around(group, "order_id", [self.order_id]))
        )

    def _rows(self, group: _Group) -> list[ArchivedFill]:
        values: dict[str, Collection[Any]] = {"user_id": [self.user_id]}
        if self.market_id is not None:
            values["market_id"] = [self.market_id]
        if self.order_id is not None:
            values["order_id"] = [self.order_id]
        start, end = self.window
        return [
            fill
            for fill in _rows(group, values)
            if self.first_id <= fill.id < self.end_id
            and fill.trade_id >= self.first_trade
            and (start is None or fill.executed_at >= start)
            and (end is None or fill.executed_at < end)
            and self.is_wanted(fill)
        ]


def of_order(order: Order) -> Batches:
    """All fills of an order, where the table has less than was filled of it."""
    return OfTrader(order.user_id, order_id=order.pk).all()


def _is_in_table(order_id: int, user_id: int) -> bool:
    """Whether the table has all that was filled of an order, or the trader has no such order."""
    filled = Order.objects.filter(pk=order_id, user=user_id).values_list("filled_lots", flat=True)
    in_table = Fill.objects.filter(order=order_id).aggregate(lots=Sum("size_lots"))["lots"]
    return bool((in_table or 0) == (filled.first() or 0))


def of_position(user_id: int, market_id: str, count: int) -> Batches:
    """So many of a trader's newest in a market, where the table has fewer."""
    in_table = Fill.objects.filter(user=user_id, market=market_id)[:count].count()
    if in_table < count:
        yield from OfTrader(user_id, market_id).newest(count)


def newest_trades_of(market_id: str, first: int, end: int, count: int) -> Batches:
    """Takers' sides of so many trades with the highest numbers, from one on and below another."""
    left = count
    for group in _groups_of_market(market_id, first, end, is_newest_first=True):
        rows = _trades(group, market_id, first, end, role=Role.TAKER)[-left:]
        yield rows
        left -= len(rows)
        if left <= 0:
            return


def oldest_trades_of(market_id: str, first: int, end: int, count: int) -> Batches:
    """Takers' sides of so many with the lowest."""
    left = count
    for group in _groups_of_market(market_id, first, end):
        rows = _trades(group, market_id, first, end, role=Role.TAKER)[:left]
        yield rows
        left -= len(rows)
        if left <= 0:
            return


def oldest_fills_of(
    market_id: str, first: int, end: int, is_counted: Callable[[ArchivedFill], bool], count: int
) -> Batches:
    """Both sides of trades, from one on and below another, until so many of them count."""
    left = count
    for group in _groups_of_market(market_id, first, end):
        rows = _trades(group, market_id, first, end)
        yield rows
        left -= sum(map(is_counted, rows))
        if left <= 0:
            return


def of_trades(market_id: str, trade_ids: Collection[int]) -> Batches:
    """Both sides of these."""
    if not trade_ids:
        return
    wanted = sorted(trade_ids)
    for group in _groups_of_market(market_id, wanted[0], wanted[-1] + 1):
        if _is_around(group, "trade_id", wanted):
            yield _rows(group, {"market_id": [market_id], "trade_id": wanted})


def of_sequence(market_id: str, seq: int) -> Batches:
    """All fills of an output entry."""
    if not told_of_market(market_id).filter(last_seq__gte=seq).exists():
        return
    for group in _groups_of_market(market_id, 0, MAX_ID):
        if _is_around(group, "seq", [seq]):
            yield _rows(group, {"market_id": [market_id], "seq": [seq]})


def first_trade_since(file: ArchiveFile, market_id: str, at: datetime) -> int | None:
    """The lowest number of a market's trades in a file that was not before a time."""
    for group in _groups_of_market(market_id, 0, MAX_ID, [file]):
        if _bounds(group, "executed_at")[1] >= at:
            rows = _rows(group, {"market_id": [market_id]})
            if found := [fill.trade_id for fill in rows if fill.executed_at >= at]:
                return min(found)
    return None


def of_ids(first_id: int, end_id: int) -> Batches:
    """From an id on and below another."""
    for group in _groups(_files(first_id, end_id)):
        if _is_between(group, "id", first_id, end_id):
            yield [fill for fill in _rows(group, {}) if first_id <= fill.id < end_id]


def of_keys(fill_ids: Collection[int]) -> Batches:
    """Those with these ids."""
    wanted = sorted(fill_ids)
    if not wanted:
        return
    for group in _groups(_files(wanted[0], wanted[-1] + 1)):
        if _is_around(group, "id", wanted):
            yield _rows(group, {"id": wanted})


def ids_within(window: Window) -> tuple[int, int] | None:
    """From which id on, and below which, files have fills of a time; None where they have none."""
    found = [
        _bounds(group, "id")
        for group in _groups(_files(0, MAX_ID))
        if _is_within(_bounds(group, "executed_at"), window)
    ]
    return (min(first for first, _ in found), max(last for _, last in found) + 1) if found else None


# --- files and their groups -----------------------------------------------------------------------


def _files(first_id: int, end_id: int) -> QuerySet[ArchiveFile]:
    return detached_files(FILLS).filter(end_id__gt=first_id, first_id__lt=end_id)


def _groups(files: Collection[ArchiveFile] | QuerySet[ArchiveFile]) -> Iterator[_Group]:
    from ledger.archive import parquet  # as its first file is read

    for file in files:
        place = stored(file, FILLS)
        for number in range(parquet.group_count(place)):
            yield _Group(place, number)


def _groups_of_market(
    market_id: str,
    first: int,
    end: int,
    files: Collection[ArchiveFile] | None = None,
    *,
    is_newest_first: bool = False,
) -> Iterator[_Group]:
    """That can have trades from one on and below another. Each file is opened once it is come
    to."""
    around = told_of_market(market_id).filter(last_trade_id__gte=first, first_trade_id__lt=end)
    told = dict(around.values_list("file", "groups"))
    step = -1 if is_newest_first else 1
    those = list(detached_files(FILLS).filter(pk__in=told) if files is None else files)
    for file in those[::step]:
        for number in told.get(file.pk, ())[::step]:
            group = _Group(stored(file, FILLS), number)
            if _is_between(group, "trade_id", first, end):
                yield group


def _bounds(group: _Group, column: str) -> tuple[Any, Any]:
    """Of a column that each row has."""
    from ledger.archive import parquet  # as its first file is read

    return cast("tuple[Any, Any]", parquet.bounds(*group, column))


def _is_between(group: _Group, column: str, first: int, end: int) -> bool:
    lowest, highest = _bounds(group, column)
    return bool(highest >= first and lowest < end)


def _is_within(bounds: tuple[datetime, datetime], window: Window) -> bool:
    return (window.start is None or bounds[1] >= window.start) and (
        window.end is None or bounds[0] < window.end
    )


def _is_around(group: _Group, column: str, values: Collection[int]) -> bool:
    """Whether one of these can be in it."""
    from ledger.archive import parquet  # as its first file is read

    said = parquet.bounds(*group, column)
    return said is not None and any(said[0] <= one <= said[1] for one in values)


def _trades(
    group: _Group, market_id: str, first: int, end: int, role: Role | None = None
) -> list[ArchivedFill]:
    values: dict[str, Collection[Any]] = {"market_id": [market_id]}
    if role is not None:
        values["role"] = [role.value]
    return [fill for fill in _rows(group, values) if first <= fill.trade_id < end]


def _rows(group: _Group, values: Mapping[str, Collection[Any]]) -> list[ArchivedFill]:
    from ledger.archive import parquet  # as its first file is read

    return [ArchivedFill._make(row) for row in parquet.rows_of(*group, values)]
