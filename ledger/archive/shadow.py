"""Rows of files beside those of their table, for statements that name the table.

In a transaction, a temporary view named as the table is found before it: of the table's rows and a
temporary table's, into which rows of files are loaded. It is gone when `shadow` is left, and
with the transaction in any case. To write rows by that name fails meanwhile.

A statement that was prepared before goes on to mean the table: Postgres looks anew when what it
knows changes, not when something comes to stand before it. So none is prepared meanwhile.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain

from django.db import connection, transaction

from common.postgres.replica import reading_now
from ledger.archive import picking
from ledger.archive.models import detached_files
from ledger.archive.reach import Reach
from ledger.archive.rows import POSTINGS, Layout, Row
from matching.messages.limits import MAX_ID

_HOLD_STILL = "LOCK TABLE ONLY {} IN ACCESS SHARE MODE"
_SCHEMA_OF_TABLE = """
SELECT nspname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
 WHERE pg_class.oid = %s::regclass
"""
_FEW_ROWS = 1_000  # as plans take a table for that nobody analyzed


def hold_still(layout: Layout) -> None:
    """Until the transaction's end no partition of the table goes to a file and none comes back.
    Before its first look at the database, if it is to see one moment of it."""
    with connection.cursor() as cursor:
        cursor.execute(_HOLD_STILL.format(layout.table))


class Shadow:
    """What is shown beside the table; at first nothing."""

    def __init__(self, layout: Layout) -> None:
        self._loaded = f"{layout.table}_of_files"
        self._columns = ", ".join(layout.names)
        self._count = 0

    def show(self, batches: Iterable[Collection[Row]]) -> None:
        """These rows instead of those that were shown. Raises ArchiveUnreadable."""
        self.clear()
        into = f"COPY {self._loaded} ({self._columns}) FROM STDIN"
        with connection.cursor() as cursor:
            for rows in batches:  # for which Postgres is asked, too, so not while copying
                with cursor.copy(into) as copy:
                    for row in rows:
                        copy.write_row(row)
                self._count += len(rows)
            if self._count > _FEW_ROWS:
                cursor.execute(f"ANALYZE {self._loaded}")

    def show_accounts(self, account_ids: Collection[int], first_id: int, last_id: int) -> None:
        """All that they have in files with ids from the first to the last."""
        self.show(
            rows
            for file in picking.files_of_accounts(account_ids, first_id, last_id)
            for rows in picking.of_accounts(file, account_ids)
        )

    def clear(self) -> None:
        if self._count:
            with connection.cursor() as cursor:
                cursor.execute(f"TRUNCATE {self._loaded}")
            self._count = 0


@contextmanager
def shadow(layout: Layout) -> Iterator[Shadow]:
    """In a transaction that may write, and that holds the table still."""
    table, loaded, columns = layout.table, f"{layout.table}_of_files", ", ".join(layout.names)
    with connection.cursor() as cursor:
        cursor.execute(_SCHEMA_OF_TABLE, [table])
        (schema,) = cursor.fetchone()
        cursor.execute(
            f"CREATE TEMPORARY TABLE {loaded} (LIKE {table} INCLUDING INDEXES) ON COMMIT DROP"
        )
        cursor.execute(
            f"CREATE TEMPORARY VIEW {table} AS"  # noqa: S608  names of ours
            f" SELECT {columns} FROM {schema}.{table} UNION ALL SELECT {columns} FROM {loaded}"
        )
    with _nothing_prepared():
        yield Shadow(layout)
    with connection.cursor() as cursor:
        cursor.execute(f"DROP VIEW pg_temp.{table}; DROP TABLE pg_temp.{loaded}")


@contextmanager
def _nothing_prepared() -> Iterator[None]:
    held = connection.connection
    threshold, held.prepare_threshold = held.prepare_threshold, None
    try:
        yield
    finally:
        held.prepare_threshold = threshold


@contextmanager
def all_rows_shown(layout: Layout) -> Iterator[None]:
    """Every row there is, of files whose hash was asked for. As `shadow`, where there are any.
    Raises ArchiveUnreadable."""
    files = list(detached_files(layout))
    if not files:
        yield
        return
    with shadow(layout) as shown:
        shown.show(rows for file in files for rows in picking.proven_rows(file, layout))
        yield


@contextmanager
def entries_shown(entry_ids: Collection[int]) -> Iterator[None]:
    """Postings of these entries are found, wherever they are."""
    with beside(POSTINGS, picking.of_entries(entry_ids)):
        yield


@contextmanager
def posting_shown(posting_id: int) -> Iterator[None]:
    """This one is found, wherever it is."""
    with beside(POSTINGS, picking.of_posting(posting_id)):
        yield


@contextmanager
def newest_shown(
    account_ids: Sequence[int], count: int, before: int = MAX_ID, reach: Reach[int] | None = None
) -> Iterator[None]:
    """So many of the newest postings of accounts, and more, are found below an id, wherever they
    are. Fewer are only where there are no more, or none within reach."""
    with beside(POSTINGS, picking.newest_of_accounts(account_ids, count, before, reach)):
        yield


@contextmanager
def newest_of_entries_shown(
    entry_ids: Collection[int],
    account_ids: Collection[int],
    count: int,
    before: int,
    reach: Reach[int],
) -> Iterator[None]:
    """The same of what these entries moved on the accounts."""
    rows = picking.newest_of_entries(entry_ids, account_ids, count, before, reach)
    with beside(POSTINGS, rows):
        yield


@contextmanager
def oldest_shown(account_ids: Sequence[int], after: int, count: int) -> Iterator[None]:
    """So many of the oldest behind an id."""
    with beside(POSTINGS, picking.oldest_of_accounts(account_ids, after, count)):
        yield


@contextmanager
def beside(layout: Layout, batches: Iterator[Collection[Row]]) -> Iterator[None]:
    """As long as there is one. In a transaction of its own, or of a caller who doesn't see one
    moment of the database."""
    with transaction.atomic(), reading_now():
        hold_still(layout)
        first = next(batches, None)
        if first is None:
            yield
            return
        with shadow(layout) as shown:
            shown.show(chain([first], batches))
            yield
