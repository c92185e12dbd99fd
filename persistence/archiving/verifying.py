"""Files held against what is known of them, and whether each posting has one place."""

from collections.abc import Iterator

from common.postgres.partitions import partitions_of
from ledger.archive.models import ArchivedAccount, ArchiveFile, detached_files
from ledger.archive.picking import proven_rows
from ledger.archive.rows import ArchiveUnreadable, Contents
from persistence.archiving.due import TABLE


def wrong_places() -> Iterator[str]:
    """Ids that are in no partition and no file, or in two."""
    places = [(one.first, one.end, one.name) for one in partitions_of(TABLE)]
    places += [(one.first_id, one.end_id, str(one)) for one in detached_files()]
    reached: int | None = 0
    before = ""
    for file in detached_files().filter(first_id__gt=partitions_of(TABLE)[0].first):
        yield f"{file} has younger postings than the oldest partition: readers pass it by"
    for first, end, name in sorted(places, key=lambda place: place[0]):
        if reached is None or first < reached:
            yield f"{name} and {before} have the same ids"
        elif first > reached:
            yield f"postings from {reached:,} to {first - 1:,} are in no partition and no file"
        reached, before = end, name


def wrong_with(file: ArchiveFile, *, is_by_row: bool = False) -> Iterator[str]:
    """What is wrong with a file that stands for a partition. By row: also that accounts have in it
    what Postgres was told."""
    try:
        if is_by_row:
            yield from _wrong_rows(file)
        else:
            next(proven_rows(file), None)
    except ArchiveUnreadable as error:
        yield str(error)


def _wrong_rows(file: ArchiveFile) -> Iterator[str]:
    contents = Contents()
    for number, rows in enumerate(proven_rows(file)):
        contents.add(number, rows)
    if (contents.row_count, contents.amount_units) != (file.row_count, int(file.amount_units)):
        yield f"{file} has {contents.row_count:,} postings, and should have {file.row_count:,}"
    told = {one.account_id: one for one in ArchivedAccount.objects.filter(file=file)}
    for account_id in sorted({*told, *contents.rows_of}):
        one = told.get(account_id)
        said = one and (one.row_count, one.amount_units, one.groups)
        found = tuple(
            of[account_id] for of in (contents.rows_of, contents.units_of, contents.groups_of)
        )
        if said != found:
            yield f"{file}: account {account_id} has {found}, and was told to have {said}"
