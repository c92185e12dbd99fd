"""One at a time, whichever worker: an advisory lock, gone with the connection that holds it.

It is the lock of a transaction, on a connection of its own that does nothing else: behind a pooler
a session's lock would be some server connection's, and its holder would soon talk to another.
Between statements such a transaction holds back neither vacuum nor anybody's rows.

It is given back before the connection is closed: Postgres ends what a closed connection left a
moment later, and whoever asks at once would still find it held.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

from django.db import DatabaseError, InterfaceError, connection


@contextmanager
def alone(lock: int) -> Iterator[bool]:
    """False where somebody else has it. ``lock`` is a number of its holder's own."""
    with closing(connection.copy()) as holder:
        holder.set_autocommit(False)
        with holder.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [lock])
            is_alone = cursor.fetchone() == (True,)
        try:
            yield is_alone
        finally:
            with suppress(DatabaseError, InterfaceError):  # it went with its connection
                holder.rollback()
