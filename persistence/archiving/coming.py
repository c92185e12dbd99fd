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
from ledger.archive.rows import COLUMNS
from persistence.archiving.due import TABLE, ArchiveRefused
from persistence.archiving.locking import with_table_locked

log = structlog.get_logger(__name__)


def file_named(name: str) -> ArchiveFile:
    """One that stands for a partition; by its name, or that of its partition. Raises
    ArchiveRefused."""
    stem = Path(name).name.removesuffix(".parquet")
    file = detached_files().filter(name=f"{stem}.parquet").first()
    if file is None:
        raise ArchiveRefused(
            f"no file stands for {stem}: archivepartitions --list says which there are"
        )
    return file


def restore(file: ArchiveFile) -> Partition:
    """The newest comes first, as the oldest goes first: whoever finds enough in the table need not
    ask for files. The file stays where it is. Alone, outside a transaction. Raises ArchiveRefused,
    ArchiveUnreadable and DatabaseError."""
    newest = detached_files().latest("first_id")
    if file != newest:
        raise ArchiveRefused(f"{file} comes after younger ones: restore {newest} first")
    partition = Partition(partition_name(TABLE, file.first_id), file.first_id, file.end_id)
    if any(one.name == partition.name for one in partitions_of(TABLE)):
        raise ArchiveRefused(f"{partition.name} is there, beside its file: verifyarchive says more")
    _load(file, partition)
    with_table_locked(TABLE, lambda: _return(file, partition))
    log.info("partition_restored", partition=partition.name, sha256=file.sha256)
    return partition


@transaction.atomic(durable=True)
def _load(file: ArchiveFile, partition: Partition) -> None:
    with connection.cursor() as cursor:
        make_apart(cursor, TABLE, partition)
        with cursor.copy(f"COPY {partition.name} ({', '.join(COLUMNS)}) FROM STDIN") as copy:
            for rows in proven_rows(file):
                for row in rows:
                    copy.write_row(row)
        cursor.execute(f"ANALYZE {partition.name}")
        cursor.execute(
            f"SELECT count(*), COALESCE(sum(amount_units), 0) FROM {partition.name}"  # noqa: S608
        )
        found = cursor.fetchone()
    if found != (file.row_count, file.amount_units):
        raise ArchiveRefused(
            f"{file} has {found}, and should have {file.row_count, file.amount_units}"
        )


def _return(file: ArchiveFile, partition: Partition) -> None:
    """In a transaction that has locked the table."""
    with connection.cursor() as cursor:
        attach(cursor, TABLE, partition)
    ArchiveStep.objects.create(file=file, kind=ArchiveStepKind.ATTACHED)
