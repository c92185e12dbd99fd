"""How long a request waits for Postgres.

Only the web parts have these limits: somebody waits there, and would rather hear 503 than nothing.
Workers' bulk statements and migrations take the time they need.

A pooler gives each transaction another server connection and passes no options on: behind one the
limits are the pool's own (``connect_query`` in ``deploy/pgbouncer/pgbouncer.ini``), and web parts
look at their first connection whether it has any.
"""

import threading

import structlog
from django.conf import settings
from django.db import DatabaseError, connection, connections

STATEMENT_TIMEOUT_MS = 5_000
LOCK_TIMEOUT_MS = 3_000  # less, so that the log says which of the two it was

log = structlog.get_logger(__name__)


def limit_waiting() -> None:
    """For all connections this process opens from now on."""
    if settings.POOLED:
        # Servers call this on their loop, where nobody waits for Postgres.
        threading.Thread(target=_look_at_the_pool, name="pool", daemon=True).start()
        return
    limits = f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c lock_timeout={LOCK_TIMEOUT_MS}"
    for database in connections.settings.values():
        database["OPTIONS"]["options"] = limits


def _look_at_the_pool() -> None:
    """One line where requests may wait for ever. Postgres that is away now is nobody's mistake."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('statement_timeout')")
            (limit,) = cursor.fetchone()
    except DatabaseError as error:
        log.warning("pool_not_looked_at", why=str(error).partition("\n")[0])
    else:
        if limit == "0":
            log.error("pool_has_no_limits", what="give this pool a connect_query that sets them")
    finally:
        connection.close()
