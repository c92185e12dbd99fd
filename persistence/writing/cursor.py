"""⑤ The cursor: where a market is persisted to, locked before a batch and moved behind it."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import psycopg
from django.db import connection

from common.postgres.columns import numbers, words
from matching.messages.events import OutputEntry
from matching.messages.limits import MONEY_UNITS_PER_CURRENCY
from persistence.writing.pipeline import Cursor, Statements

LOCK_CURSORS = """
    SELECT c.market_id, c.seq, c.input_id, (m.tick_size * m.lot_size * %s)::bigint
      FROM persistence_marketcursor c JOIN markets_market m ON m.id = c.market_id
     WHERE c.market_id = ANY(%s::text[]) FOR NO KEY UPDATE OF c SKIP LOCKED
"""
CURSOR_EXISTS = "SELECT 1 FROM persistence_marketcursor WHERE market_id = %s"
# Whatever stopped a market in front of these entries did not last.
ADVANCE_CURSORS = """
    WITH reached AS (
        SELECT * FROM unnest(%(market_ids)s::text[], %(seqs)s::bigint[],
                             %(input_ids)s::text[], %(times_ms)s::bigint[])
            AS v(market_id, seq, input_id, entry_time_ms)
    ), overcome AS (
        UPDATE persistence_persistencefault f
           SET resolved_at = clock_timestamp(), resolution = 'persisted'
          FROM reached
         WHERE f.market_id = reached.market_id AND f.resolved_at IS NULL AND f.seq <= reached.seq
    )
    UPDATE persistence_marketcursor c
       SET seq = reached.seq, input_id = reached.input_id, entry_time_ms = reached.entry_time_ms,
           applied_at = clock_timestamp()
      FROM reached WHERE c.market_id = reached.market_id
"""


def raw_cursor() -> Cursor:
    """Psycopg's cursor on Django's connection; only inside a transaction."""
    return psycopg.Cursor(connection.connection)


class LockedCursor(NamedTuple):
    seq: int
    input_id: str
    units_per_tick_lot: int


def lock_cursor(cursor: Cursor, market_id: str) -> LockedCursor | None:
    """Where the market is persisted to, locked until the transaction ends.

    None while another transaction has it. Raises LookupError for a market without a cursor.
    """
    locked = lock_cursors(cursor, [market_id]).get(market_id)
    if locked is None and cursor.execute(CURSOR_EXISTS, (market_id,)).fetchone() is None:
        raise LookupError(f"there is no market {market_id} to persist")
    return locked


def lock_cursors(cursor: Cursor, market_ids: Iterable[str]) -> dict[str, LockedCursor]:
    """The same of many; those that another transaction has, or nobody, are left out."""
    lock = Statements()  # goes together with the BEGIN before it
    lock.add(LOCK_CURSORS, (MONEY_UNITS_PER_CURRENCY, words(market_ids)))
    rows = lock.execute(cursor)[0].fetchall()
    return {market_id: LockedCursor(*row) for market_id, *row in rows}


def advance_cursors(statements: Statements, lasts: Mapping[str, OutputEntry]) -> None:
    """Each market's to its last entry."""
    values = {
        "market_ids": words(lasts),
        "seqs": numbers(last.seq for last in lasts.values()),
        "input_ids": [last.input_id for last in lasts.values()],  # whatever was in the stream
        "times_ms": numbers(last.time_ms for last in lasts.values()),
    }
    statements.add(ADVANCE_CURSORS, values, expected=len(lasts), what="cursors")
