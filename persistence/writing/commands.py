"""⑤ Rows of the outbox: which commands took effect, and under which sequence first."""

from common.postgres.columns import numbers
from persistence.writing.pipeline import Cursor

APPLIED_BEFORE = """
    SELECT id FROM trading_outboxcommand
     WHERE id = ANY(%s::bigint[]) AND market_id = %s AND applied_seq IS NOT NULL
"""


def applied_before(cursor: Cursor, market_id: str, command_ids: list[int]) -> frozenset[int]:
    """Those of the commands that an earlier batch marked as applied."""
    if not command_ids:
        return frozenset()
    rows = cursor.execute(APPLIED_BEFORE, (numbers(command_ids), market_id))
    return frozenset(row[0] for row in rows)
