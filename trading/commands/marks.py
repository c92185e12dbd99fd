"""Marks of markets of which something is committed and not published. See
`trading.commands.backlog`."""

from collections.abc import Iterable

import structlog
from django.db import DatabaseError, InterfaceError, connection

log = structlog.get_logger(__name__)


def marks_held(market_ids: str) -> str:
    """A query of those that are marked of these, in SQL. Whoever asks holds the marks until it
    commits, so none is taken away before its rows are seen."""
    return (
        "SELECT market_id FROM trading_unsentmarket"  # noqa: S608  a part of the statement
        f" WHERE market_id IN ({market_ids}) FOR KEY SHARE"
    )


# One that is being taken away is waited for, and then made anew.
_MARK = """
INSERT INTO trading_unsentmarket (market_id, since)
SELECT market_id, now() FROM unnest(%s::text[]) AS market_id ORDER BY market_id
ON CONFLICT (market_id) DO UPDATE SET since = trading_unsentmarket.since
"""


def mark_unsent(market_ids: Iterable[str]) -> None:
    """Whoever called has its answer already: where Postgres is away, too, sending again is left to
    the sweep."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(_MARK, [sorted(market_ids)])
    except (DatabaseError, InterfaceError) as error:
        log.error("backlog_not_marked", why=str(error).partition("\n")[0])
