"""A partition goes to a file: see the package."""

import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

import structlog
from django.conf import settings
from django.db import connection, transaction

from common.postgres.partitions import Partition, detach_and_drop, partitions_of
from ledger.archive import parquet
from ledger.archive.models import (
    DETACHED,
    ArchivedAccount,
    ArchivedHold,
    ArchiveFile,
    ArchiveStep,
    ArchiveStepKind,
)
from ledger.archive.picking import held, path_of
from ledger.archive.rows import COLUMNS, ArchiveUnreadable, Contents, Row
from persistence.archiving.due import TABLE, ArchiveRefused, Closed
from persistence.archiving.locking import with_table_locked
from persistence.sealing.models import JournalSeal
from persistence.sealing.scope import newest_seal

_BATCH_ROWS = 5_000
_TOTALS_BEFORE = f"""
SELECT DISTINCT ON (told.account_id) told.account_id, told.total_units
  FROM ledger_archivedaccount told JOIN ledger_archivefile file ON file.id = told.file_id
 WHERE told.account_id = ANY(%s) AND file.end_id <= %s AND file.id IN ({DETACHED})
 ORDER BY told.account_id, file.end_id DESC
"""  # noqa: S608  words of ours
# Of orders that reconciliation will look at again, all that was held in the partition.
_HOLDS = """
SELECT entry.order_id, entry.market_id, sum(posting.amount_units)::bigint
  FROM (SELECT order_id AS id FROM persistence_carriedorder
         UNION SELECT id FROM trading_order WHERE id > %(after_order)s) looked_at
 CROSS JOIN LATERAL (SELECT id, order_id, market_id FROM ledger_journalentry
                      WHERE order_id = looked_at.id AND id <= %(last_entry)s OFFSET 0) entry
 CROSS JOIN LATERAL (SELECT account_id, amount_units FROM {partition}
                      WHERE entry_id = entry.id OFFSET 0) posting
  JOIN ledger_account account ON account.id = posting.account_id AND account.kind = 'held'
 GROUP BY entry.order_id, entry.market_id
"""

log = structlog.get_logger(__name__)


def archive(closed: Closed) -> ArchiveFile:
    """Afterwards the partition is gone, and its file read in its place. Alone, outside a
    transaction. Raises ArchiveRefused, OSError and DatabaseError."""
    seal = newest_seal()
    if closed.why_not or seal is None:
        raise ArchiveRefused(f"{closed.partition.name} stays: {closed.why_not}")
    path, contents = _written(closed.partition)
    file = _told(closed.partition, path, contents, seal)
    with_table_locked(TABLE, lambda: _replace(closed.partition, file))
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {TABLE}")  # by which joins are planned
    log.info("partition_archived", partition=closed.partition.name, sha256=file.sha256)
    return file


# --- the file -------------------------------------------------------------------------------------


def _written(partition: Partition) -> tuple[Path, Contents]:
    folder = Path(settings.ARCHIVE_DIR)
    folder.mkdir(mode=stat.S_IRWXU, parents=True, exist_ok=True)
    path = folder / f"{partition.name}.parquet"
    if path.exists():
        try:
            return path, _compared(path, partition)
        except (ArchiveUnreadable, _Differs) as error:
            raise ArchiveRefused(
                f"{path} is there and not what {partition.name} has ({error}): move it away"
            ) from error
    part = path.with_suffix(".parquet.part")
    parquet.write(part, rows_of(partition))
    try:
        contents = _compared(part, partition)
    except (ArchiveUnreadable, _Differs) as error:
        raise ArchiveRefused(f"{part} does not hold what was written to it: {error}") from error
    part.rename(path)
    parquet.keep_name(folder)
    return path, contents


def rows_of(partition: Partition) -> Iterator[list[Row]]:
    after = -1
    while rows := _rows_after(partition, after, parquet.GROUP_ROWS):
        after = rows[-1][0]
        yield rows


def _rows_after(partition: Partition, posting_id: int, count: int) -> list[Row]:
    columns = ", ".join(COLUMNS)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {columns} FROM {partition.name}"  # noqa: S608  names of ours
            " WHERE id > %s ORDER BY id LIMIT %s",
            [posting_id, count],
        )
        return cast("list[Row]", cursor.fetchall())


class _Differs(Exception):
    """A file from its partition."""


def _compared(path: Path, partition: Partition) -> Contents:
    """What is in the file, which is what is in the partition. Its groups may be of another size
    than a file has that is written now."""
    contents = Contents()
    after = -1
    for number, rows in enumerate(parquet.groups_of(path, parquet.held_by(path))):
        if rows != _rows_after(partition, after, len(rows)):
            raise _Differs(f"rows from posting {rows[0][0]:,} on")
        after = rows[-1][0]
        contents.add(number, rows)
    if missing := _rows_after(partition, after, 1):
        raise _Differs(f"it ends before posting {missing[0][0]:,}")
    return contents


# --- what Postgres is told ------------------------------------------------------------------------


@transaction.atomic(durable=True)
def _told(partition: Partition, path: Path, contents: Contents, seal: JournalSeal) -> ArchiveFile:
    """Once for a file, however often it is come back to."""
    as_held = parquet.held_by(path)
    file, is_new = ArchiveFile.objects.get_or_create(
        first_id=partition.first,
        sha256=parquet.sha256_of(path),
        defaults={
            "end_id": cast("int", partition.end),
            "row_count": contents.row_count,
            "first_entry_id": contents.first_entry_id,
            "last_entry_id": contents.last_entry_id,
            "amount_units": contents.amount_units,
            "name": path.name,
            "size_bytes": as_held.size_bytes,
            "footer_sha256": as_held.footer_sha256,
            "schema_version": parquet.SCHEMA_VERSION,
            "seal": seal.pk,
        },
    )
    if is_new:
        _tell_accounts(file, contents)
        ArchivedHold.objects.bulk_create(
            ArchivedHold(file=file, order_id=order, market_id=market, amount_units=units)
            for order, market, units in _holds(partition, contents, seal)
        )
    return file


def _tell_accounts(file: ArchiveFile, contents: Contents) -> None:
    accounts = sorted(contents.rows_of)
    for first in range(0, len(accounts), _BATCH_ROWS):
        some = accounts[first : first + _BATCH_ROWS]
        before = _totals_before(file.first_id, some)
        ArchivedAccount.objects.bulk_create(
            ArchivedAccount(
                file=file,
                account_id=account,
                row_count=contents.rows_of[account],
                amount_units=contents.units_of[account],
                total_units=before.get(account, 0) + contents.units_of[account],
                groups=contents.groups_of[account],
            )
            for account in some
        )


def _totals_before(first_id: int, account_ids: list[int]) -> Mapping[int, int]:
    """All before the oldest partition lies in files."""
    with connection.cursor() as cursor:
        cursor.execute(_TOTALS_BEFORE, [account_ids, first_id])
        return dict(cursor.fetchall())


def _holds(
    partition: Partition, contents: Contents, seal: JournalSeal
) -> list[tuple[int, str, int]]:
    values = {"after_order": seal.last_order_id, "last_entry": contents.last_entry_id}
    with connection.cursor() as cursor:
        cursor.execute(_HOLDS.format(partition=partition.name), values)
        return list(cursor.fetchall())


# --- its place ------------------------------------------------------------------------------------


def _replace(partition: Partition, file: ArchiveFile) -> None:
    """In a transaction that has locked the table."""
    if partition not in partitions_of(TABLE):
        raise ArchiveRefused(f"{partition.name} is not what it was any more: try again")
    if parquet.held_by(path_of(file)) != held(file):
        raise ArchiveRefused(f"{path_of(file)} changed since it was compared: move it away")
    with connection.cursor() as cursor:
        detach_and_drop(cursor, TABLE, partition.name)
    ArchiveStep.objects.create(file=file, kind=ArchiveStepKind.DETACHED)
