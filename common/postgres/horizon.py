"""Up to which ids every row is there that will ever be.

Ids come from sequences, so a transaction that drew a low one may commit after others that drew
higher ones, and until then nobody sees its rows. Whoever draws from a sequence holds a lock on it
until his transaction ends: Postgres shows these locks. So the last id of a sequence is read, then
who holds a lock on it; once those transactions have ended, no row with an id up to that one can
come any more, and a snapshot taken then has all of them.
"""

import time
from collections.abc import Sequence

from django.db import connection

PATIENCE_S = 10.0  # with transactions that have drawn an id; the usual one takes milliseconds
_LOOK_EVERY_S = 0.05

_DRAWING = """
SELECT virtualtransaction FROM pg_locks
 WHERE locktype = 'relation' AND mode = 'RowExclusiveLock'
   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND relation = ANY(%s::regclass[])
"""


def complete_ids(sequences: Sequence[str]) -> list[int] | None:
    """The last id of each; None where a transaction that drew one doesn't end in time. Outside a
    transaction, before the one that is to see the rows."""
    names = list(sequences)
    with connection.cursor() as cursor:
        last = [_last_of(cursor, name) for name in names]
        cursor.execute(_DRAWING, [names])
        awaited = {holder for (holder,) in cursor.fetchall()}
        deadline = time.monotonic() + PATIENCE_S
        while awaited:
            if time.monotonic() >= deadline:
                return None
            time.sleep(_LOOK_EVERY_S)
            cursor.execute(_DRAWING, [names])
            awaited &= {holder for (holder,) in cursor.fetchall()}
    return last


def _last_of(cursor, name: str) -> int:  # type: ignore[no-untyped-def]  # Django's has no name
    cursor.execute(f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {name}")  # noqa: S608
    (last,) = cursor.fetchone()
    return int(last)
