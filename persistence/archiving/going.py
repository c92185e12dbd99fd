"""A partition goes to a file: see the package."""

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import structlog
from django.conf import settings
from django.db import connection, transaction

from common.postgres.partitions import Partition, detach_and_drop, partitions_of
from ledger.archive import parquet
from ledger.archive.models import ArchiveFile, ArchiveStep, ArchiveStepKind
from ledger.archive.picking import stored
from ledger.archive.rows import ArchiveUnreadable, Layout, Row, Stored
from persistence.archiving.due import Closed
from persistence.archiving.kinds import ArchivedKind, ArchiveRefused, FileContents
from persistence.archiving.locking import with_table_locked
from persistence.sealing.models import JournalSeal
from persistence.sealing.scope import newest_seal

log = structlog.get_logger(__name__)


def archive(closed: Closed) -> ArchiveFile:
    """Afterwards the partition is gone, and its file read in its place. Alone, outside a
    transaction. Raises ArchiveRefused, OSError and DatabaseError."""
    seal = newest_seal()
    if closed.why_not or seal is None:
        raise ArchiveRefused(f"{closed.partition.name} stays: {closed.why_not}")
    table = closed.kind.layout.table
    path, contents = _written(closed.kind, closed.partition)
    file = _told(closed, path, contents, seal)
    with_table_locked(table, lambda: _replace(closed, file))
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {table}")  # by which joins are planned
    log.info("partition_archived", partition=closed.partition.name, sha256=file.sha256)
    return file


# --- the file -------------------------------------------------------------------------------------


def _written(kind: ArchivedKind, partition: Partition) -> tuple[Path, FileContents]:
    folder = Path(settings.ARCHIVE_DIR)
    folder.mkdir(mode=stat.S_IRWXU, parents=True, exist_ok=True)
    path = folder / f"{partition.name}.parquet"
    if path.exists():
        try:
            return path, _compared(kind, path, partition)
        except (ArchiveUnreadable, _Differs) as error:
            raise ArchiveRefused(
                f"{path} is there and not what {partition.name} has ({error}): move it away"
            ) from error
    part = path.with_suffix(".parquet.part")
    try:
        parquet.write(part, kind.layout, rows_of(kind.layout, partition))
    except OSError:  # a disk that is full is Postgres', too: what can't be used leaves it
        part.unlink(missing_ok=True)
        raise
    try:
        contents = _compared(kind, part, partition)
    except (ArchiveUnreadable, _Differs) as error:
        raise ArchiveRefused(f"{part} does not hold what was written to it: {error}") from error
    part.rename(path)
    parquet.keep_name(folder)
    return path, contents


def rows_of(layout: Layout, partition: Partition) -> Iterator[list[Row]]:
    after = -1
    while rows := _rows_after(layout, partition, after, parquet.GROUP_ROWS):
        after = rows[-1][0]
        yield rows


def _rows_after(layout: Layout, partition: Partition, row_id: int, count: int) -> list[Row]:
    columns = ", ".join(layout.names)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {columns} FROM {partition.name}"  # noqa: S608  names of ours
            " WHERE id > %s ORDER BY id LIMIT %s",
            [row_id, count],
        )
        return cast("list[Row]", cursor.fetchall())


class _Differs(Exception):
    """A file from its partition."""


def _compared(kind: ArchivedKind, path: Path, partition: Partition) -> FileContents:
    """What is in the file, which is what is in the partition. Its groups may be of another size
    than a file has that is written now."""
    contents = kind.contents()
    after = -1
    found = Stored(path, parquet.held_by(path), kind.layout)
    for number, rows in enumerate(parquet.groups_of(found)):
        if rows != _rows_after(kind.layout, partition, after, len(rows)):
            raise _Differs(f"{kind.rows} from {rows[0][0]:,} on")
        after = rows[-1][0]
        contents.add(number, rows)
    if missing := _rows_after(kind.layout, partition, after, 1):
        raise _Differs(f"it ends before {kind.rows} {missing[0][0]:,}")
    return contents


# --- what Postgres is told ------------------------------------------------------------------------


@transaction.atomic(durable=True)
def _told(closed: Closed, path: Path, contents: FileContents, seal: JournalSeal) -> ArchiveFile:
    """Once for a file, however often it is come back to."""
    kind, partition = closed.kind, closed.partition
    as_held = parquet.held_by(path)
    file, is_new = ArchiveFile.objects.get_or_create(
        table=kind.layout.table,
        first_id=partition.first,
        sha256=parquet.sha256_of(path),
        defaults={
            "end_id": cast("int", partition.end),
            "row_count": contents.row_count,
            "amount_units": contents.amount_units,
            "name": path.name,
            "size_bytes": as_held.size_bytes,
            "footer_sha256": as_held.footer_sha256,
            "schema_version": kind.layout.version,
            "seal": seal.pk,
            **kind.columns_of(contents),
        },
    )
    if is_new:
        kind.tell(file, partition, contents, seal)
    return file


# --- its place ------------------------------------------------------------------------------------


def _replace(closed: Closed, file: ArchiveFile) -> None:
    """In a transaction that has locked the table."""
    layout, partition = closed.kind.layout, closed.partition
    if partition not in partitions_of(layout.table):
        raise ArchiveRefused(f"{partition.name} is not what it was any more: try again")
    place = stored(file, layout)
    if parquet.held_by(place.path) != place.held:
        raise ArchiveRefused(f"{place.path} changed since it was compared: move it away")
    with connection.cursor() as cursor:
        detach_and_drop(cursor, layout.table, partition.name)
    ArchiveStep.objects.create(file=file, kind=ArchiveStepKind.DETACHED)
