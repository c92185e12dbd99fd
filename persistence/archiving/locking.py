"""The table to oneself for a moment, tried until nobody is in the way."""

import time
from collections.abc import Callable

from django.db import OperationalError, connection, transaction

from common.postgres.partitions import LOCK_WAIT_MS, is_held, wait_shortly
from persistence.archiving.kinds import ArchiveRefused

TRIES = 150
BETWEEN_TRIES_S = 2.0  # others have the table to themselves for that long


def with_table_locked(table: str, step: Callable[[], None]) -> None:
    """In a transaction of its own. All who write wait behind the lock, so it is not waited for long
    at a time. Raises ArchiveRefused where a transaction that reads the table doesn't end."""
    for _ in range(TRIES):
        try:
            with transaction.atomic(durable=True):
                with connection.cursor() as cursor:
                    wait_shortly(cursor, LOCK_WAIT_MS)
                    cursor.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
                step()
            return
        except OperationalError as error:
            if not is_held(error):
                raise
        time.sleep(BETWEEN_TRIES_S)
    raise ArchiveRefused(
        f"{table} is held by a transaction that doesn't end (pg_stat_activity says which):"
        " try again after it"
    )
