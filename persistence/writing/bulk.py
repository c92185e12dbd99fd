"""⑤ The SQL of persistence: whole batches in, one statement per table.

Runs on psycopg's own cursors (server-side parameters, pipelines) inside Django's transaction.
Rows go as columns through unnest: COPY costs as much, and can't share a round trip.
"""

from collections.abc import Sequence
from typing import NamedTuple

import psycopg
from django.db import connection

from ledger.posting_rules import Owner
from matching.messages.events import OutputEntry
from matching.messages.limits import MONEY_UNITS_PER_CURRENCY
from persistence.projection.batch import Batch, OrderRow
from persistence.writing.bulk_perps import update_amended_orders, write_perpetual_rows
from persistence.writing.candles import upsert_candles
from persistence.writing.columns import numbers, numbers_or_nulls, words, words_or_nulls
from persistence.writing.lives import write_lives
from persistence.writing.pipeline import Cursor, RowsMissing, Statements
from persistence.writing.status import upsert_status
from persistence.writing.trigger_holds import grant_holds

LOCK_CURSOR = """
    SELECT c.seq, c.input_id, (m.tick_size * m.lot_size * %s)::bigint
      FROM persistence_marketcursor c JOIN markets_market m ON m.id = c.market_id
     WHERE c.market_id = %s FOR NO KEY UPDATE OF c SKIP LOCKED
"""
CURSOR_EXISTS = "SELECT 1 FROM persistence_marketcursor WHERE market_id = %s"
LOAD_ORDERS = """
    SELECT id, user_id, side, size_lots, held_units, filled_lots, cancelled_lots,
           filled_cost_units, status, reason, arrival, price_ticks, margin_units, hold_units,
           (extract(epoch FROM triggered_at) * 1000)::bigint, leverage
      FROM trading_order WHERE id = ANY(%s::bigint[]) AND market_id = %s
"""
LOAD_ACCOUNTS = """
    SELECT kind, user_id, market_id, id FROM ledger_account WHERE user_id = ANY(%s::bigint[])
     UNION ALL
    SELECT kind, user_id, market_id, id FROM ledger_account WHERE market_id = %s
     UNION ALL
    SELECT kind, user_id, market_id, id FROM ledger_account
     WHERE user_id IS NULL AND market_id IS NULL
"""
# Foreign keys are deferred by Django; checked at once, they don't wait for the commit, when the
# wallets are already locked.
CHECK_AT_ONCE = "SET CONSTRAINTS ALL IMMEDIATE"
INSERT_FILLS = """
    INSERT INTO trading_fill (market_id, trade_id, role, execution, order_id, user_id, side,
                              price_ticks, size_lots, fee_units, realized_pnl_units,
                              insurance_units, seq, executed_at)
    SELECT %s, v.* FROM unnest(
        %s::bigint[], %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::text[],
        %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],
        %s::timestamptz[]) AS v
"""
RESERVE_ENTRY_IDS = """
    SELECT array_agg(nextval(sequence.name))
      FROM (SELECT pg_get_serial_sequence('ledger_journalentry', 'id')::regclass AS name
            OFFSET 0) AS sequence, generate_series(1, %s)
"""
INSERT_ENTRIES = """
    INSERT INTO ledger_journalentry (market_id, id, kind, seq, order_id, trade_id, created_at)
    SELECT %s, v.* FROM unnest(
        %s::bigint[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::timestamptz[]) AS v
"""
INSERT_POSTINGS = """
    INSERT INTO ledger_posting (entry_id, account_id, amount_units, kind)
    SELECT v.* FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::text[]) AS v
"""
UPDATE_ORDERS = """
    UPDATE trading_order o
       SET held_units = v.held, filled_lots = v.filled, cancelled_lots = v.cancelled,
           filled_cost_units = v.cost, status = v.status, reason = v.reason,
           arrival = v.arrival,
           updated_at = timestamptz 'epoch' + v.touched_ms * interval '1 millisecond'
      FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],
                  %s::text[], %s::text[], %s::bigint[], %s::bigint[])
           AS v(id, held, filled, cancelled, cost, status, reason, arrival, touched_ms)
     WHERE o.id = v.id
"""
UPSERT_POSITIONS = """
    INSERT INTO trading_position AS p
           (market_id, user_id, position_lots, entry_cost_units, margin_units, seq,
            realized_pnl_units, updated_at, leverage)
    SELECT %s, v.user_id, v.lots, v.cost, v.margin, v.seq, v.pnl,
           timestamptz 'epoch' + v.updated_ms * interval '1 millisecond',
           CASE WHEN v.is_new THEN v.leverage ELSE greatest(v.leverage, held.leverage, 0) END
      FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],
                  %s::bigint[], %s::bigint[], %s::bigint[], %s::boolean[])
           AS v(user_id, lots, cost, margin, seq, pnl, updated_ms, leverage, is_new)
      LEFT JOIN trading_position held ON held.user_id = v.user_id AND held.market_id = %s
        ON CONFLICT (user_id, market_id) DO UPDATE
       SET position_lots = excluded.position_lots, entry_cost_units = excluded.entry_cost_units,
           margin_units = excluded.margin_units, seq = excluded.seq,
           realized_pnl_units = p.realized_pnl_units + excluded.realized_pnl_units,
           leverage = excluded.leverage, updated_at = excluded.updated_at
"""
MARK_COMMANDS_APPLIED = """
    UPDATE trading_outboxcommand o SET applied_seq = v.seq
      FROM unnest(%s::bigint[], %s::bigint[]) AS v(id, seq)
     WHERE o.id = v.id AND o.market_id = %s AND o.applied_seq IS NULL
"""
INSERT_DEAD_LETTER = """
    INSERT INTO persistence_deadletter (market_id, seq, input_id, reason, payload, recorded_at)
    VALUES (%s, %s, %s, %s, %s, now()) ON CONFLICT (market_id, seq) DO NOTHING
"""
# In key order, so that batches of different markets wait for each other and never in a circle.
LOCK_WALLETS = """
    SELECT count(*) FROM (
        SELECT 1 FROM ledger_wallet WHERE user_id = ANY(%s::bigint[])
         ORDER BY user_id FOR NO KEY UPDATE
    ) AS locked
"""
ADD_TO_WALLETS = """
    UPDATE ledger_wallet w
       SET available_units = w.available_units + v.available, held_units = w.held_units + v.held
      FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS v(user_id, available, held)
     WHERE w.user_id = v.user_id
"""
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


class DeadLetterRow(NamedTuple):
    seq: int
    input_id: str
    reason: str
    payload: bytes


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


def load_orders(cursor: Cursor, market_id: str, order_ids: set[int]) -> dict[int, OrderRow]:
    if not order_ids:
        return {}
    rows = cursor.execute(LOAD_ORDERS, (numbers(order_ids), market_id))
    return {row[0]: OrderRow(*row) for row in rows}


def write(
    cursor: Cursor, batch: Batch, dead_letters: Sequence[DeadLetterRow], last: OutputEntry
) -> None:
    """Everything the batch changes, and the cursor behind its last entry. Wallets come late: orders
    being placed meanwhile wait only for them."""
    cursor.execute(CHECK_AT_ONCE)
    grant_holds(cursor, batch)
    write_perpetual_rows(cursor, batch)
    keys = _load_keys(cursor, batch)
    statements = Statements()
    _insert_fills(statements, batch)
    upsert_candles(statements, batch.market_id, batch.trade_figures)
    _insert_journal(statements, batch, keys)
    _update_orders(statements, batch)
    _upsert_positions(statements, batch)
    write_lives(statements, batch.market_id, batch.lives)
    upsert_status(statements, batch)
    if batch.applied_commands:
        ids, seqs = numbers(batch.applied_commands), numbers(batch.applied_commands.values())
        statements.add(MARK_COMMANDS_APPLIED, (ids, seqs, batch.market_id))
    for letter in dead_letters:
        statements.add(INSERT_DEAD_LETTER, (batch.market_id, *letter))
    _add_to_wallets(statements, batch)
    _advance_cursor(statements, batch.market_id, last)
    statements.execute(cursor)


def _advance_cursor(statements: Statements, market_id: str, last: OutputEntry) -> None:
    values = {
        "market_id": market_id,
        "seq": last.seq,
        "input_id": last.input_id,
        "entry_time_ms": last.time_ms,
    }
    statements.add(ADVANCE_CURSOR, values)


def _insert_fills(statements: Statements, batch: Batch) -> None:
    fills = batch.fills
    if not fills:
        return
    values = (
        numbers(row.trade_id for row in fills),
        words(row.role for row in fills),
        words(row.execution for row in fills),
        numbers_or_nulls(row.order_id for row in fills),
        numbers(row.user_id for row in fills),
        words(row.side for row in fills),
        numbers(row.price_ticks for row in fills),
        numbers(row.size_lots for row in fills),
        numbers(row.fee_units for row in fills),
        numbers(row.realized_pnl_units for row in fills),
        numbers(row.insurance_units for row in fills),
        numbers(row.seq for row in fills),
        words(row.executed_at for row in fills),
    )
    statements.add(INSERT_FILLS, (batch.market_id, *values))


class JournalKeys(NamedTuple):
    """Ids of the entries to be, and of the accounts they post to."""

    entry_ids: list[int]
    accounts: dict[tuple[str, Owner], int]


def _load_keys(cursor: Cursor, batch: Batch) -> JournalKeys:
    if not batch.journal:
        return JournalKeys([], {})
    queries = Statements()
    queries.add(RESERVE_ENTRY_IDS, (len(batch.journal),))
    queries.add(LOAD_ACCOUNTS, (numbers(batch.wallets), batch.market_id))
    reserved, accounts = queries.execute(cursor)
    row = reserved.fetchone()
    assert row is not None  # noqa: S101  an aggregate always answers one row
    return JournalKeys(
        row[0],
        {
            (kind, market_id if user_id is None else user_id): account_id
            for kind, user_id, market_id, account_id in accounts
        },
    )


def _insert_journal(statements: Statements, batch: Batch, keys: JournalKeys) -> None:
    journal = batch.journal
    if not journal:
        return
    entries = (
        numbers(keys.entry_ids),
        words(row.movement.kind for row in journal),
        numbers(row.seq for row in journal),
        numbers_or_nulls(row.movement.order_id for row in journal),
        numbers_or_nulls(row.movement.trade_id for row in journal),
        words(row.created_at for row in journal),
    )
    statements.add(INSERT_ENTRIES, (batch.market_id, *entries))
    entry_ids, account_ids, amounts, kinds = [], [], [], []
    for entry_id, row in zip(keys.entry_ids, journal, strict=True):
        for account_kind, owner, amount_units, line_kind in row.movement.lines:
            account_id = keys.accounts.get((account_kind, owner))
            if account_id is None:
                raise RowsMissing(f"{owner or 'the exchange'} has no {account_kind} account")
            entry_ids.append(entry_id)
            account_ids.append(account_id)
            amounts.append(amount_units)
            kinds.append(line_kind)
    columns = numbers(entry_ids), numbers(account_ids), numbers(amounts), words_or_nulls(kinds)
    statements.add(INSERT_POSTINGS, columns)


def _update_orders(statements: Statements, batch: Batch) -> None:
    touched = [row for row in batch.orders.values() if row.touched_ms]
    amended = [row for row in touched if row.is_amended]
    if amended:
        update_amended_orders(statements, amended)
    rows = [row for row in touched if not row.is_amended]
    if rows:
        columns = (
            numbers(row.id for row in rows),
            numbers(row.held_units for row in rows),
            numbers(row.filled_lots for row in rows),
            numbers(row.cancelled_lots for row in rows),
            numbers(row.filled_cost_units for row in rows),
            words(row.status for row in rows),
            words(row.reason for row in rows),
            numbers(row.arrival for row in rows),
            numbers(row.touched_ms for row in rows),
        )
        statements.add(UPDATE_ORDERS, columns, expected=len(rows), what="orders")


def _upsert_positions(statements: Statements, batch: Batch) -> None:
    if batch.positions:
        rows = [batch.positions[user_id] for user_id in batch.positions]
        columns = (
            numbers(batch.positions),
            numbers(row.position_lots for row in rows),
            numbers(row.entry_cost_units for row in rows),
            numbers(row.margin_units for row in rows),
            numbers(row.seq for row in rows),
            numbers(row.realized_pnl_units for row in rows),
            numbers(row.updated_ms for row in rows),
            numbers(row.leverage for row in rows),
            words("t" if row.is_new else "f" for row in rows),
        )
        statements.add(UPSERT_POSITIONS, (batch.market_id, *columns, batch.market_id))


def _add_to_wallets(statements: Statements, batch: Batch) -> None:
    changed = [
        (user_id, delta.available_units, delta.held_units)
        for user_id, delta in batch.wallets.items()
        if delta.available_units or delta.held_units
    ]
    if changed:
        user_ids, available, held = (numbers(column) for column in zip(*changed, strict=True))
        statements.add(LOCK_WALLETS, (user_ids,))
        wallets = (user_ids, available, held)
        statements.add(ADD_TO_WALLETS, wallets, expected=len(changed), what="wallets")
