"""Files held against what is known of them, and whether each row has one place."""

from collections.abc import Iterator

from common.postgres.partitions import partitions_of
from ledger.archive.models import ArchiveFile, detached_files
from ledger.archive.picking import proven_rows
from ledger.archive.rows import ArchiveUnreadable
from persistence.archiving.kinds import ArchivedKind


def wrong_places(kind: ArchivedKind) -> Iterator[str]:
    """Ids that are in no partition and no file, or in two."""
    partitions, files = partitions_of(kind.layout.table), detached_files(kind.layout)
    places = [(one.first, one.end, one.name) for one in partitions]
    places += [(one.first_id, one.end_id, str(one)) for one in files]
    reached: int | None = 0
    before = ""
    for file in files.filter(first_id__gt=partitions[0].first):
        yield f"{file} has younger {kind.rows} than the oldest partition: readers pass it by"
    for first, end, name in sorted(places, key=lambda place: place[0]):
        if reached is None or first < reached:
            yield f"{name} and {before} have the same ids"
        elif first > reached:
            yield f"{kind.rows} from {reached:,} to {first - 1:,} are in no partition and no file"
        reached, before = end, name


def wrong_with(kind: ArchivedKind, file: ArchiveFile, *, is_by_row: bool = False) -> Iterator[str]:
    """What is wrong with a file that stands for a partition. By row: also that it has what Postgres
    was told."""
    try:
        if is_by_row:
            yield from _wrong_rows(kind, file)
        else:
            next(proven_rows(file, kind.layout), None)
    except ArchiveUnreadable as error:
        yield str(error)


def _wrong_rows(kind: ArchivedKind, file: ArchiveFile) -> Iterator[str]:
    contents = kind.contents()
    for number, rows in enumerate(proven_rows(file, kind.layout)):
        contents.add(number, rows)
    if (contents.row_count, contents.amount_units) != (file.row_count, int(file.amount_units)):
        yield f"{file} has {contents.row_count:,} {kind.rows}, and should have {file.row_count:,}"
    yield from kind.wrong_with(file, contents)
