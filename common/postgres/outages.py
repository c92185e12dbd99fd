"""Whether Postgres is away: then what failed is no one row's fault, and the next fails too."""

from django.db import InterfaceError, OperationalError, connection


def is_outage(error: Exception) -> bool:
    """Whether the connection to Postgres is gone, and what was on its way done or not."""
    if not isinstance(error, (OperationalError, InterfaceError)):
        return False
    return connection.connection is None or connection.connection.closed
