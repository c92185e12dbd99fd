"""A file's rows come back as the partition that they were."""

from pathlib import Path

import structlog
from django.db import connection, transaction

from common.postgres.partitions import (
    Partition,
    attach,
    make_apart,
    partition_name,
    partitions_of,
)
from ledger.archive.models import ArchiveFile, ArchiveStep, ArchiveStepKind, detached_files
from ledger.archive.picking import proven_rows
from ledger.archive.rows import Layout
from persistence.archiving.due import KINDS
from persistence.archiving.kinds import ArchivedKind, ArchiveRefused
from persistence.archiving.locking import with_table_locked

log = structlog.get_logger(__name__)


def file_named(name: str) -> tuple[ArchivedKind, ArchiveFile]:
    """One that stands for a partition; by its name, or that of its partition. Raises
    ArchiveRefused."""
    stem = Path(name).name.removesuffix(".parquet")
    for kind in KINDS:
        file = detached_files(kind.layout).filter(name=f"{stem}.parquet").first()
        if file is not None:
            return kind, file
    raise ArchiveRefused(
        f"no file stands for {stem}: archivepartitions --list says which there are"
    )


def restore(kind: ArchivedKind, file: ArchiveFile) -> Partition:
    """The newest comes first, as the oldest goes first: whoever finds enough in the table need not
    ask for files. The file stays where it is. Alone, outside a transaction. Raises ArchiveRefused,
    ArchiveUnreadable and DatabaseError."""
    table = kind.layout.table
    newest = detached_files(kind.layout).latest("first_id")
    if file != newest:
        raise ArchiveRefused(f"{file} comes after younger ones: restore {newest} first")
    partition = Partition(partition_name(table, file.first_id), file.first_id, file.end_id)
    if any(one.name == partition.name for one in partitions_of(table)):
        raise ArchiveRefused(f"{partition.name} is there, beside its file: verifyarchive says more")
    _load(kind.layout, file, partition)
    with_table_locked(table, lambda: _return(table, file, partition))
    log.info("partition_restored", partition=partition.name, sha256=file.sha256)
    return partition


@transaction.atomic(durable=True)
def _load(layout: Layout, file: ArchiveFile, partition: Partition) -> None:
    with connection.cursor() as cursor:
        make_apart(cursor, layout.table, partition)
        with cursor.copy(f"COPY {partition.name} ({', '.join(layout.names)}) FROM STDIN") as copy:
            for rows in proven_rows(file, layout):
                for row in rows:
                    copy.write_row(row)
        cursor.execute(f"ANALYZE {partition.name}")
        cursor.execute(
            f"SELECT count(*), COALESCE(sum({layout.summed}), 0)"  # noqa: S608  names of ours
            f" FROM {partition.name}"
        )
        found = cursor.fetchone()
    if found != (file.row_count, file.amount_units):
        raise ArchiveRefused(
            f"{file} has {found}, and should have {file.row_count, file.amount_units}"
        )


def _return(table: str, file: ArchiveFile, partition: Partition) -> None:
    """In a transaction that has locked the table."""
    with connection.cursor() as cursor:
        attach(cursor, table, partition)
    ArchiveStep.objects.create(file=file, kind=ArchiveStepKind.ATTACHED)
