"""Fills of files beside those of the table, for statements that name the table."""

from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import TypeVar

from accounts.people.kept import register_beside
from ledger.archive import shadow
from ledger.archive.rows import Row
from trading.archive.models import last_archived_at
from trading.archive.rows import FILLS
from trading.archive.traders import OfTrader

Found = TypeVar("Found")


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


def _kept_shown(user_id: int, after: int, count: int) -> AbstractContextManager[None]:
    return fills_shown(OfTrader(user_id, first_id=after + 1).oldest(count))


register_beside("trading.Fill", lambda user_id: partial(_kept_shown, user_id))
