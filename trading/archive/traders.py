"""Fills of a trader, found in the files that stand for a partition. Raises `ArchiveUnreadable`
rather than leaving out a row.

What is asked for begins at the end that is asked for, and ends with as many as are. A row group
whose bounds have none is passed by, and a page reads no more of them than its `Reach`.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from heapq import nlargest
from math import inf
from typing import Any, NamedTuple

from django.db.models import QuerySet, Sum

from common.postgres.windows import EVER, TimedPlace, Window
from ledger.archive.models import ArchiveFile, detached_files
from ledger.archive.picking import stored
from ledger.archive.reach import Reach
from matching.messages.limits import MAX_ID
from trading.archive.groups import RowGroup
from trading.archive.models import ArchivedTrader, told_of_trader, told_within
from trading.archive.picking import Batches
from trading.archive.rows import FILLS, ArchivedFill
from trading.models import Fill, Order


class Enough(NamedTuple):
    """So many of a market are, where a page looks for its rows among many of a trader's."""

    market_id: str
    rows: int


@dataclass(frozen=True)
class OfTrader:
    """A trader's fills; of an order or a market, if one is named, with ids from ``first_id`` on and
    below ``end_id``, within the window; of a market's trades those from ``first_trade`` on; of a
    list by time those ``behind`` a place."""

    user_id: int
    market_id: str | None = None
    order_id: int | None = None
    first_id: int = 0
    end_id: int = MAX_ID
    first_trade: int = 0
    window: Window = EVER
    behind: TimedPlace | None = None

    def may_be_there(self) -> bool:
        """Whether a file has some, as far as Postgres knows; also one whose partition is back."""
        return self._told().exists()

    def newest(
        self, count: int, enough: Enough | None = None, reach: Reach[int] | None = None
    ) -> Batches:
        """So many with the highest ids, or all there are, or all within reach."""
        if (whole := self._whole_order()) is not None:
            yield whole[-count:]
            return
        left, left_of_market = count, enough.rows if enough else count
        for found in self._found(reach, is_newest_first=True):
            rows = found[-left:]
            yield rows
            left -= len(rows)
            if enough is not None:
                left_of_market -= sum(one.market_id == enough.market_id for one in rows)
            if min(left, left_of_market) <= 0:
                return

    def oldest(self, count: int) -> Batches:
        """So many with the lowest ids, or all there are."""
        left = count
        for found in self._found():
            rows = found[:left]
            yield rows
            left -= len(rows)
            if left <= 0:
                return

    def all(self) -> Batches:
        yield from self._found()

    def latest(self, count: int, enough: Enough | None, reach: Reach[TimedPlace]) -> Batches:
        """So many of the latest, and more; or all there are, or all within reach. Times of several
        markets don't rise with ids, so a group is passed by once so many are later than all that it
        has. What lies around the place where a page begins is read in any case: none of it is known
        to be later than the rest."""
        if (whole := self._whole_order()) is not None:
            yield nlargest(count, whole, key=_time_and_id)
            return
        found: list[datetime] = []
        of_market: list[datetime] = []
        begin = self._begin()
        for place, group in self._groups_by_time():
            if len(found) - bisect_right(found, place.at) >= count:
                return
            if enough and len(of_market) - bisect_right(of_market, place.at) >= enough.rows:
                return
            if not (begin and place > begin) and not reach.may_read(place):
                return
            rows = nlargest(count, self._rows(group), key=_time_and_id)
            found = sorted([*found, *(fill.executed_at for fill in rows)])
            if enough:
                own = (one.executed_at for one in rows if one.market_id == enough.market_id)
                of_market = sorted([*of_market, *own])
            yield rows

    def _begin(self) -> TimedPlace | None:
        """Before which none is asked for, in a list by time."""
        end = None if self.window.end is None else TimedPlace(self.window.end, 0)
        places = [place for place in (self.behind, end) if place is not None]
        return min(places, default=None)

    def _whole_order(self) -> list[ArchivedFill] | None:
        """Those of an order, if as many groups as a page may read have all of it, from where it was
        placed on: most orders end soon. A trader's youngest groups tell little of an old one, as
        its number lies between theirs as long as others rest."""
        if self.order_id is None:
            return None
        reach = Reach[int]()
        whole = OfTrader(self.user_id, order_id=self.order_id)
        rows = [fill for found in whole._found(reach) for fill in found if self._wants(fill)]
        return rows if reach.ended_at is None else None

    def _found(
        self, reach: Reach[int] | None = None, *, is_newest_first: bool = False
    ) -> Iterator[list[ArchivedFill]]:
        """Group by group, until an order has all its lots."""
        missing = self._missing_lots()
        for group in self._groups(is_newest_first) if missing else ():
            if reach is not None and not reach.may_read(group.last_id + 1):
                return
            rows = self._rows(group)
            missing -= sum(one.size_lots for one in rows)
            yield rows
            if missing <= 0:
                return

    def _missing_lots(self) -> float:
        """Of an order, those filled that the table hasn't: no partition moves meanwhile, and what
        is filled between the two looks makes them more, not less. Without an order, no end."""
        if self.order_id is None:
            return inf
        in_table = Fill.objects.filter(order=self.order_id).aggregate(lots=Sum("size_lots"))["lots"]
        orders = Order.objects.filter(pk=self.order_id, user=self.user_id)
        filled = orders.values_list("filled_lots", flat=True).first()
        return max(0, (filled or 0) - (in_table or 0))

    def _groups(self, is_newest_first: bool) -> Iterator[RowGroup]:
        """One file after another: each is opened once it is come to."""
        told = {one.file_id: one for one in self._told()}
        files = list(detached_files(FILLS).filter(pk__in=told))
        step = -1 if is_newest_first else 1
        for file in files[::step]:
            yield from self._groups_of(file, told[file.pk].groups[::step])

    def _groups_by_time(self) -> Iterator[tuple[TimedPlace, RowGroup]]:
        """Each with a place that is before all that the trader has in it, those before the others
        first. A file is opened once none that were can have a later one than the trader has
        there."""
        told = sorted(self._told().select_related("file"), key=_place_of)
        files = detached_files(FILLS).in_bulk([one.file_id for one in told])
        waiting: list[tuple[TimedPlace, RowGroup]] = []
        while told or waiting:
            if told and (not waiting or _place_of(told[-1]) >= waiting[-1][0]):
                one = told.pop()
                if (file := files.get(one.file_id)) is not None:
                    opened = [
                        (_place_in(group, one), group)
                        for group in self._groups_of(file, one.groups)
                    ]
                    waiting = sorted([*waiting, *opened], key=lambda of: of[0])
            else:
                yield waiting.pop()

    def _told(self) -> QuerySet[ArchivedTrader]:
        """Of the files that can have some, as far as Postgres knows."""
        told = told_of_trader(self.user_id)
        told = told.filter(file__end_id__gt=self.first_id, file__first_id__lt=self.end_id)
        if self.market_id is None and not self.window.is_bounded:
            return told
        if self.window.start is not None:
            told = told.filter(last_at__gte=self.window.start)
        within = told_within(self.window, self.market_id)
        within = within.filter(last_trade_id__gte=self.first_trade)
        if self.behind is not None:
            within = within.filter(first_at__lte=self.behind.at)
        return told.filter(file__in=within.values("file"))

    def _groups_of(self, file: ArchiveFile, numbers: Collection[int]) -> Iterator[RowGroup]:
        for number in numbers:
            group = RowGroup(stored(file, FILLS), number)
            if self._may_have(group):
                yield group

    def _may_have(self, group: RowGroup) -> bool:
        return (
            group.is_between("id", self.first_id, self.end_id)
            and (not self.window.is_bounded or group.is_within(self.window))
            and (self.behind is None or _earliest_place(group) < self.behind)
            and (self.order_id is None or group.is_around("order_id", [self.order_id]))
        )

    def _rows(self, group: RowGroup) -> list[ArchivedFill]:
        values: dict[str, Collection[Any]] = {"user_id": [self.user_id]}
        if self.market_id is not None:
            values["market_id"] = [self.market_id]
        if self.order_id is not None:
            values["order_id"] = [self.order_id]
        return [fill for fill in group.rows(values) if self._wants(fill)]

    def _wants(self, fill: ArchivedFill) -> bool:
        start, end = self.window
        return (
            self.first_id <= fill.id < self.end_id
            and fill.trade_id >= self.first_trade
            and (start is None or fill.executed_at >= start)
            and (end is None or fill.executed_at < end)
            and (self.behind is None or _time_and_id(fill) < self.behind)
        )


def _time_and_id(fill: ArchivedFill) -> tuple[datetime, int]:
    return fill.executed_at, fill.id


def _place_of(one: ArchivedTrader) -> TimedPlace:
    """Before all that a trader has in a file."""
    return TimedPlace(one.last_at, one.file.end_id)


def _place_in(group: RowGroup, one: ArchivedTrader) -> TimedPlace:
    """Before all that he has in a group of it."""
    return TimedPlace(min(one.last_at, group.times[1]), group.last_id + 1)


def _earliest_place(group: RowGroup) -> TimedPlace:
    return TimedPlace(group.times[0], group.bounds("id")[0])


def of_order(order: Order) -> Batches:
    """All fills of an order, where the table has less than was filled of it."""
    return OfTrader(order.user_id, order_id=order.pk).all()


def of_position(user_id: int, market_id: str, count: int) -> Batches:
    """So many of a trader's newest in a market, where the table has fewer."""
    in_table = Fill.objects.filter(user=user_id, market=market_id)[:count].count()
    if in_table < count:
        yield from OfTrader(user_id, market_id).newest(count)
