"""⑤ The cursor: where a market is persisted to, locked before a batch and moved behind it."""

from typing import NamedTuple

import psycopg
from django.db import connection

from matching.messages.events import OutputEntry
from matching.messages.limits import MONEY_UNITS_PER_CURRENCY
from persistence.writing.pipeline import Cursor, Statements

LOCK_CURSOR = """
    SELECT c.seq, c.input_id, (m.tick_size * m.lot_size * %s)::bigint
      FROM persistence_marketcursor c JOIN markets_market m ON m.id = c.market_id
     WHERE c.market_id = %s FOR NO KEY UPDATE OF c SKIP LOCKED
"""
CURSOR_EXISTS = "SELECT 1 FROM persistence_marketcursor WHERE market_id = %s"
# Whatever stopped the market in front of these entries did not last.
ADVANCE_CURSOR = """
    WITH overcome AS (
        UPDATE persistence_persistencefault
           SET resolved_at = clock_timestamp(), resolution = 'persisted'
         WHERE market_id = %(market_id)s AND resolved_at IS NULL AND seq <= %(seq)s
    )
    UPDATE persistence_marketcursor
       SET seq = %(seq)s, input_id = %(input_id)s, entry_time_ms = %(entry_time_ms)s,
           applied_at = clock_timestamp()
     WHERE market_id = %(market_id)s
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
    lock = Statements()  # goes together with the BEGIN before it
    lock.add(LOCK_CURSOR, (MONEY_UNITS_PER_CURRENCY, market_id))
    row = lock.execute(cursor)[0].fetchone()
    if row is None:
        if cursor.execute(CURSOR_EXISTS, (market_id,)).fetchone() is None:
            raise LookupError(f"there is no market {market_id} to persist")
        return None
    return LockedCursor(*row)


def advance_cursor(statements: Statements, market_id: str, last: OutputEntry) -> None:
    values = {
        "market_id": market_id,
        "seq": last.seq,
        "input_id": last.input_id,
        "entry_time_ms": last.time_ms,
    }
    statements.add(ADVANCE_CURSOR, values)
