"""Fills of files beside those of the table, for statements that name the table."""

from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import TypeVar

from django.db import connection

from accounts.people.kept import register_beside
from common.errors import DomainError, ErrorCode
from ledger.archive import reach, shadow
from ledger.archive.rows import Row
from trading.archive.models import last_archived_at
from trading.archive.rows import FILLS
from trading.archive.traders import OfTrader

Found = TypeVar("Found")
_LOCK = 0x66617261  # "fara": the advisory lock of whoever reads far


def fills_shown(batches: Iterator[Collection[Row]]) -> AbstractContextManager[None]:
    """While it is entered, these are found, too: as `trading.archive.picking` has them from files.
    In a transaction of its own, or of a caller who doesn't see one moment of the database."""
    return shadow.beside(FILLS, batches)


def with_old_fills(
    user_id: int,
    read: Callable[[], Found],
    is_whole: Callable[[Found], bool],
    batches: Iterator[Collection[Row]],
) -> Found:
    """What is read of a trader's fills; read anew beside what files have of them, where the table
    may have too few. Raises ArchiveUnreadable."""
    found = read()
    if is_whole(found) or last_archived_at(user_id) is None:
        return found
    with fills_shown(batches):
        return read()


def in_turn(batches: Iterator[Collection[Row]]) -> Iterator[Collection[Row]]:
    """For answers that must not end short, as no cursor of theirs goes on: beyond what a page
    reads, one at a time in the whole exchange, so that no two threads of those that all reads have
    are held for seconds. In a transaction. Raises DomainError."""
    for number, rows in enumerate(batches):
        if number == reach.GROUPS_READ_MAX:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
                if cursor.fetchone() != (True,):
                    raise DomainError(
                        ErrorCode.TOO_MANY_REQUESTS,
                        "Old trades that lie far apart are being read for somebody else: wait some"
                        f" seconds, or ask for fewer, at most {number} or between two times.",
                    )
        yield rows


def _kept_shown(user_id: int, after: int, count: int) -> AbstractContextManager[None]:
    return fills_shown(OfTrader(user_id, first_id=after + 1).oldest(count))


register_beside("trading.Fill", lambda user_id: partial(_kept_shown, user_id))
