"""Fills that are asked for, found in the files that stand for a partition. Raises
`ArchiveUnreadable` rather than leaving out a row.

What is asked of a market begins at the end that is asked for, and ends with as many as are; a row
group whose bounds have none is passed by.
"""

from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from common.postgres.windows import Window
from ledger.archive.models import ArchiveFile, detached_files
from ledger.archive.picking import stored
from matching.messages.limits import MAX_ID
from matching.messages.vocabulary import Role
from trading.archive.groups import RowGroup
from trading.archive.models import told_of_market
from trading.archive.rows import FILLS, ArchivedFill

Batches = Iterator[list[ArchivedFill]]


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
        if group.is_around("trade_id", wanted):
            yield group.rows({"market_id": [market_id], "trade_id": wanted})


def of_sequence(market_id: str, seq: int) -> Batches:
    """All fills of an output entry."""
    if not told_of_market(market_id).filter(last_seq__gte=seq).exists():
        return
    for group in _groups_of_market(market_id, 0, MAX_ID):
        if group.is_around("seq", [seq]):
            yield group.rows({"market_id": [market_id], "seq": [seq]})


def first_trade_since(file: ArchiveFile, market_id: str, at: datetime) -> int | None:
    """The lowest number of a market's trades in a file that was not before a time."""
    for group in _groups_of_market(market_id, 0, MAX_ID, [file]):
        if group.bounds("executed_at")[1] >= at:
            rows = group.rows({"market_id": [market_id]})
            if found := [fill.trade_id for fill in rows if fill.executed_at >= at]:
                return min(found)
    return None


def of_ids(first_id: int, end_id: int) -> Batches:
    """From an id on and below another."""
    for group in _groups(_files(first_id, end_id)):
        if group.is_between("id", first_id, end_id):
            yield [fill for fill in group.rows({}) if first_id <= fill.id < end_id]


def of_keys(fill_ids: Collection[int]) -> Batches:
    """Those with these ids."""
    wanted = sorted(fill_ids)
    if not wanted:
        return
    for group in _groups(_files(wanted[0], wanted[-1] + 1)):
        if group.is_around("id", wanted):
            yield group.rows({"id": wanted})


def ids_within(window: Window) -> tuple[int, int] | None:
    """From which id on, and below which, files have fills of a time; None where they have none."""
    found = [group.bounds("id") for group in _groups(_files(0, MAX_ID)) if group.is_within(window)]
    return (min(first for first, _ in found), max(last for _, last in found) + 1) if found else None


# --- files and their groups -----------------------------------------------------------------------


def _files(first_id: int, end_id: int) -> QuerySet[ArchiveFile]:
    return detached_files(FILLS).filter(end_id__gt=first_id, first_id__lt=end_id)


def _groups(files: Collection[ArchiveFile] | QuerySet[ArchiveFile]) -> Iterator[RowGroup]:
    from ledger.archive import parquet  # as its first file is read

    for file in files:
        place = stored(file, FILLS)
        for number in range(parquet.group_count(place)):
            yield RowGroup(place, number)


def _groups_of_market(
    market_id: str,
    first: int,
    end: int,
    files: Collection[ArchiveFile] | None = None,
    *,
    is_newest_first: bool = False,
) -> Iterator[RowGroup]:
    """That can have trades from one on and below another. Each file is opened once it is come
    to."""
    around = told_of_market(market_id).filter(last_trade_id__gte=first, first_trade_id__lt=end)
    told = dict(around.values_list("file", "groups"))
    step = -1 if is_newest_first else 1
    those = list(detached_files(FILLS).filter(pk__in=told) if files is None else files)
    for file in those[::step]:
        for number in told.get(file.pk, ())[::step]:
            group = RowGroup(stored(file, FILLS), number)
            if group.is_between("trade_id", first, end):
                yield group


def _trades(
    group: RowGroup, market_id: str, first: int, end: int, role: Role | None = None
) -> list[ArchivedFill]:
    values: dict[str, Collection[Any]] = {"market_id": [market_id]}
    if role is not None:
        values["role"] = [role.value]
    return [fill for fill in group.rows(values) if first <= fill.trade_id < end]
