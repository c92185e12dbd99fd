"""⑤ The SQL of persistence: whole batches in, one statement per table.

Runs on psycopg's own cursors (server-side parameters, pipelines) inside Django's transaction.
Rows go as columns through unnest: COPY costs as much, and can't share a round trip.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from common.postgres.columns import numbers
from matching.messages.events import OutputEntry
from persistence.projection.batch import Batch
from persistence.writing.candles import upsert_candles, upsert_prices
from persistence.writing.cursor import advance_cursors
from persistence.writing.journal import add_to_wallets, insert_journal, load_keys
from persistence.writing.lives import write_lives
from persistence.writing.orders import update_orders
from persistence.writing.outcomes import write_perpetual_rows
from persistence.writing.pipeline import Cursor, Statements
from persistence.writing.positions import (
    add_to_days,
    insert_fills,
    upsert_positions,
)
from persistence.writing.status import MarketChange, update_statuses
from persistence.writing.trigger_holds import grant_holds

# Foreign keys are deferred by Django; checked at once, they don't wait for the commit, when the
# wallets are already locked.
CHECK_AT_ONCE = "SET CONSTRAINTS ALL IMMEDIATE"
MARK_COMMANDS_APPLIED = """
    UPDATE trading_outboxcommand o SET applied_seq = v.seq
      FROM unnest(%s::bigint[], %s::bigint[]) AS v(id, seq)
     WHERE o.id = v.id AND o.market_id = %s AND o.applied_seq IS NULL
"""
INSERT_DEAD_LETTER = """
    INSERT INTO persistence_deadletter (market_id, seq, input_id, reason, payload, recorded_at)
    VALUES (%s, %s, %s, %s, %s, now()) ON CONFLICT (market_id, seq) DO NOTHING
"""


class DeadLetterRow(NamedTuple):
    seq: int
    input_id: str
    reason: str
    payload: bytes


def write(
    cursor: Cursor, batch: Batch, dead_letters: Sequence[DeadLetterRow], last: OutputEntry
) -> None:
    """Everything the batch changes, and the cursor behind its last entry. Wallets come late: orders
    being placed meanwhile wait only for them."""
    cursor.execute(CHECK_AT_ONCE)
    grant_holds(cursor, batch)
    write_perpetual_rows(cursor, batch)
    keys = load_keys(cursor, batch)
    statements = Statements()
    insert_fills(statements, batch)
    add_to_days(statements, batch)
    upsert_candles(statements, batch.market_id, batch.trade_figures)
    upsert_prices(statements, [(batch.market_id, batch.prices)])
    insert_journal(statements, batch, keys)
    update_orders(statements, batch)
    upsert_positions(statements, batch)
    write_lives(statements, batch.market_id, batch.lives)
    update_statuses(statements, _status_changes([batch]))
    if batch.applied_commands:
        ids, seqs = numbers(batch.applied_commands), numbers(batch.applied_commands.values())
        statements.add(MARK_COMMANDS_APPLIED, (ids, seqs, batch.market_id))
    for letter in dead_letters:
        statements.add(INSERT_DEAD_LETTER, (batch.market_id, *letter))
    add_to_wallets(statements, batch)
    advance_cursors(statements, {batch.market_id: last})
    statements.execute(cursor)


def write_prices(
    cursor: Cursor, batches: Sequence[Batch], lasts: Mapping[str, OutputEntry]
) -> None:
    """The same of many markets whose entries did nothing but move a price, in one round trip."""
    statements = Statements()
    upsert_prices(statements, [(batch.market_id, batch.prices) for batch in batches])
    update_statuses(statements, _status_changes(batches))
    advance_cursors(statements, lasts)
    statements.execute(cursor)


def _status_changes(batches: Iterable[Batch]) -> list[MarketChange]:
    return [MarketChange(one.market_id, one.status) for one in batches if one.status is not None]
