"""How long a request waits for Postgres.

Only the web parts have these limits: somebody waits there, and would rather hear 503 than nothing.
Workers' bulk statements and migrations take the time they need.
"""

from django.db import connections

STATEMENT_TIMEOUT_MS = 5_000
LOCK_TIMEOUT_MS = 3_000  # less, so that the log says which of the two it was


def limit_waiting() -> None:
    """For all connections this process opens from now on."""
    options = connections.settings["default"]["OPTIONS"]
    limits = f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c lock_timeout={LOCK_TIMEOUT_MS}"
    options["options"] = limits
