"""Postings of files beside those of the table, for statements that name the table.

In a transaction, a temporary view named as the table is found before it: of the table's rows and a
temporary table's, into which rows of files are loaded. It is gone when `shadow` is left, and
with the transaction in any case. To write postings by that name fails meanwhile.

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
from ledger.archive.rows import COLUMNS, Row
from ledger.models import Posting
from matching.messages.limits import MAX_ID

_TABLE = Posting._meta.db_table
_LOADED = f"{_TABLE}_of_files"
_HOLD_STILL = f"LOCK TABLE ONLY {_TABLE} IN ACCESS SHARE MODE"
_SCHEMA_OF_TABLE = """
SELECT nspname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
 WHERE pg_class.oid = %s::regclass
"""
_FEW_ROWS = 1_000  # as plans take a table for that nobody analyzed
_COLUMNS = ", ".join(COLUMNS)


def hold_still() -> None:
    """Until the transaction's end no partition goes to a file and none comes back. Before its first
    look at the database, if it is to see one moment of it."""
    with connection.cursor() as cursor:
        cursor.execute(_HOLD_STILL)


class Shadow:
    """What is shown beside the table; at first nothing."""

    def __init__(self) -> None:
        self._count = 0

    def show(self, batches: Iterable[Collection[Row]]) -> None:
        """These rows instead of those that were shown. Raises ArchiveUnreadable."""
        self.clear()
        with connection.cursor() as cursor:
            for rows in batches:  # for which Postgres is asked, too, so not while copying
                with cursor.copy(f"COPY {_LOADED} ({_COLUMNS}) FROM STDIN") as copy:
                    for row in rows:
                        copy.write_row(row)
                self._count += len(rows)
            if self._count > _FEW_ROWS:
                cursor.execute(f"ANALYZE {_LOADED}")

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
                cursor.execute(f"TRUNCATE {_LOADED}")
            self._count = 0


@contextmanager
def shadow() -> Iterator[Shadow]:
    """In a transaction that may write, and that holds the table still."""
    with connection.cursor() as cursor:
        cursor.execute(_SCHEMA_OF_TABLE, [_TABLE])
        (schema,) = cursor.fetchone()
        cursor.execute(
            f"CREATE TEMPORARY TABLE {_LOADED} (LIKE {_TABLE} INCLUDING INDEXES) ON COMMIT DROP"
        )
        cursor.execute(
            f"CREATE TEMPORARY VIEW {_TABLE} AS"  # noqa: S608  names of ours
            f" SELECT {_COLUMNS} FROM {schema}.{_TABLE} UNION ALL SELECT {_COLUMNS} FROM {_LOADED}"
        )
    with _nothing_prepared():
        yield Shadow()
    with connection.cursor() as cursor:
        cursor.execute(f"DROP VIEW pg_temp.{_TABLE}; DROP TABLE pg_temp.{_LOADED}")


@contextmanager
def _nothing_prepared() -> Iterator[None]:
    held = connection.connection
    threshold, held.prepare_threshold = held.prepare_threshold, None
    try:
        yield
    finally:
        held.prepare_threshold = threshold


@contextmanager
def whole_journal() -> Iterator[None]:
    """Every posting there is, of files whose hash was asked for. As `shadow`, where there are any.
    Raises ArchiveUnreadable."""
    files = list(detached_files())
    if not files:
        yield
        return
    with shadow() as shown:
        shown.show(rows for file in files for rows in picking.proven_rows(file))
        yield


@contextmanager
def entries_shown(entry_ids: Collection[int]) -> Iterator[None]:
    """Postings of these entries are found, wherever they are."""
    with _beside(picking.of_entries(entry_ids)):
        yield


@contextmanager
def posting_shown(posting_id: int) -> Iterator[None]:
    """This one is found, wherever it is."""
    with _beside(picking.of_posting(posting_id)):
        yield


@contextmanager
def newest_shown(account_ids: Sequence[int], count: int, before: int = MAX_ID) -> Iterator[None]:
    """So many of the newest postings of accounts, and more, are found below an id, wherever they
    are. Fewer are only where there are no more."""
    with _beside(picking.newest_of_accounts(account_ids, count, before)):
        yield


@contextmanager
def oldest_shown(account_ids: Sequence[int], after: int, count: int) -> Iterator[None]:
    """So many of the oldest behind an id."""
    with _beside(picking.oldest_of_accounts(account_ids, after, count)):
        yield


@contextmanager
def _beside(batches: Iterator[Collection[Row]]) -> Iterator[None]:
    """As long as there is one. In a transaction of its own, or of a caller who doesn't see one
    moment of the database."""
    with transaction.atomic(), reading_now():
        hold_still()
        first = next(batches, None)
        if first is None:
            yield
            return
        with shadow() as shown:
            shown.show(chain([first], batches))
            yield
