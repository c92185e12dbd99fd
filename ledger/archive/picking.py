"""Postings that are asked for, found in the files that stand for a partition.

Files are read where `ARCHIVE_DIR` is; Postgres says which of them, and which groups of each, have
rows of an account. Raises `ArchiveUnreadable` rather than leaving out a row.
"""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from django.conf import settings
from django.db.models import QuerySet

from ledger.archive.models import ArchiveFile, detached_files, told_of_accounts
from ledger.archive.reach import Reach
from ledger.archive.rows import POSTINGS, Held, Layout, Row, Stored, unreadable
from matching.messages.limits import MAX_ID


def path_of(file: ArchiveFile) -> Path:
    return Path(settings.ARCHIVE_DIR) / file.name


def stored(file: ArchiveFile, layout: Layout) -> Stored:
    return Stored(path_of(file), Held(file.size_bytes, file.footer_sha256), layout)


def files_of_accounts(
    account_ids: Collection[int], first_id: int, last_id: int
) -> QuerySet[ArchiveFile]:
    """Those that have rows of these accounts, and ids from the first to the last."""
    told = told_of_accounts(account_ids).values("file")
    files = detached_files(POSTINGS).filter(end_id__gt=first_id, first_id__lte=last_id)
    return files.filter(pk__in=told)


def proven_rows(file: ArchiveFile, layout: Layout) -> Iterator[list[Row]]:
    """All of a file, once it was found to have the hash that it was written with."""
    from ledger.archive import parquet  # as its first file is read

    if (found := parquet.sha256_of(path_of(file))) != file.sha256:
        raise unreadable(f"{path_of(file)} has SHA-256 {found}, not {file.sha256}: it was changed")
    yield from parquet.groups_of(stored(file, layout))


def may_have(account_ids: Collection[int]) -> bool:
    """Whether a file has rows of these accounts, or had and they are back in the table."""
    return told_of_accounts(account_ids).exists()


def of_accounts(
    file: ArchiveFile,
    account_ids: Collection[int],
    first_id: int = 0,
    last_id: int = MAX_ID,
    *,
    newest_first: bool = False,
    reach: Reach[int] | None = None,
) -> Iterator[list[Row]]:
    """What they have in the groups of a file that have ids from the first to the last, group by
    group; of a whole file as many as Postgres says there are, if it is within reach."""
    from ledger.archive import parquet  # as its first file is read

    told = list(told_of_accounts(account_ids).filter(file=file))
    found = 0
    groups = sorted({number for one in told for number in one.groups}, reverse=newest_first)
    place = stored(file, POSTINGS)
    asked = [number for number in groups if parquet.has_ids_of(place, number, first_id, last_id)]
    for number in asked:
        if reach is not None and not reach.may_read(parquet.last_id_of(place, number) + 1):
            return
        rows = parquet.rows_of(place, number, {"account_id": account_ids})
        found += len(rows)
        yield rows
    expected = sum(one.row_count for one in told)
    if asked == groups and found != expected:
        raise unreadable(f"{file} has {found} postings of accounts with {expected}")


def newest_of_accounts(
    account_ids: Sequence[int], count: int, before: int, reach: Reach[int] | None = None
) -> Iterator[list[Row]]:
    """So many of the newest below an id, all accounts together, or all there are, or all within
    reach."""
    left = count
    for file in files_of_accounts(account_ids, 0, before - 1).order_by("-first_id"):
        for rows in of_accounts(
            file, account_ids, last_id=before - 1, newest_first=True, reach=reach
        ):
            wanted = [row for row in rows if row[0] < before][-left:]
            yield wanted
            left -= len(wanted)
            if left <= 0:
                return
        if reach is not None and reach.ended_at is not None:
            return


def newest_of_entries(
    entry_ids: Collection[int],
    account_ids: Collection[int],
    count: int,
    before: int,
    reach: Reach[int],
) -> Iterator[list[Row]]:
    """The same of what these entries moved on the accounts."""
    from ledger.archive import parquet  # as its first file is read

    left = count
    for file in files_of_accounts(account_ids, 0, before - 1).order_by("-first_id"):
        place = stored(file, POSTINGS)
        told = told_of_accounts(account_ids).filter(file=file)
        for number in sorted({group for one in told for group in one.groups}, reverse=True):
            if not parquet.has_ids_of(place, number, 0, before - 1):
                continue
            first, last = parquet.bounds(place, number, "entry_id") or (0, 0)
            around = [entry for entry in entry_ids if first <= entry <= last]
            if not around:
                continue
            if not reach.may_read(parquet.last_id_of(place, number) + 1):
                return
            asked = {"account_id": account_ids, "entry_id": around}
            rows = [row for row in parquet.rows_of(place, number, asked) if row[0] < before][-left:]
            yield rows
            left -= len(rows)
            if left <= 0:
                return


def oldest_of_accounts(account_ids: Sequence[int], after: int, count: int) -> Iterator[list[Row]]:
    """So many of the oldest behind an id, all accounts together, or all there are."""
    left = count
    for file in files_of_accounts(account_ids, after + 1, MAX_ID):
        for rows in of_accounts(file, account_ids, after + 1):
            wanted = [row for row in rows if row[0] > after][:left]
            yield wanted
            left -= len(wanted)
            if left <= 0:
                return


def of_posting(posting_id: int) -> Iterator[list[Row]]:
    """The one with this id, if it lies in a file."""
    around = detached_files(POSTINGS).filter(first_id__lte=posting_id, end_id__gt=posting_id)
    for file in around:
        yield from _rows_with(file, "id", [posting_id])


def of_entries(entry_ids: Collection[int]) -> Iterator[list[Row]]:
    """All postings of these entries that lie in files."""
    around = detached_files(POSTINGS).filter(
        first_entry_id__lte=max(entry_ids, default=0), last_entry_id__gte=min(entry_ids, default=0)
    )
    for file in around:
        yield from _rows_with(file, "entry_id", entry_ids)


def _rows_with(file: ArchiveFile, column: str, values: Collection[int]) -> Iterator[list[Row]]:
    from ledger.archive import parquet  # as its first file is read

    yield from parquet.rows_with(stored(file, POSTINGS), column, values)
