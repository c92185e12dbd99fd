"""Prepared statements on Django's connection, for what every order asks.

Django's own cursors have Postgres parse and plan each statement anew, and ask before the first of a
request whether the connection still lives. Behind a pooler the next statement may be another
server connection's, which has nothing prepared: then none are (``POOLED``).
"""

from collections.abc import Sequence
from typing import Any

import psycopg
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection


def fetch_all(statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Its rows. A transaction of its own unless one is open. Raises django.db.Error."""
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        return cursor.execute(statement, parameters, prepare=not settings.POOLED).fetchall()


def read_all(statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """As `fetch_all`, of a statement that only reads: a connection that was lost since it was last
    used is replaced. What is written next is written on a connection that just answered."""
    try:
        return fetch_all(statement, parameters)
    except (OperationalError, InterfaceError):
        if connection.in_atomic_block or not is_lost():
            raise
        connection.close()
        return fetch_all(statement, parameters)


def is_lost() -> bool:
    """Whether this thread's connection broke: what was on its way may have been done or not."""
    return connection.connection is not None and connection.connection.closed
