"""⑤ The SQL of persistence: whole batches in, one statement per table.

Runs on psycopg's own cursor (server-side parameters and COPY) inside Django's transaction. COPY
text needs no escaping here: every value is a number, a word of the vocabulary, a market id or a
timestamp.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import psycopg
from django.db import connection

from ledger.arrays import numbers, words
from ledger.batch import Batch, JournalRow, OrderRow
from ledger.bulk_perps import update_amended_orders, write_perpetual_rows
from ledger.posting_rules import Owner
from ledger.trigger_holds import grant_holds
from matching.messages.limits import MONEY_UNITS_PER_CURRENCY

Cursor = psycopg.Cursor[Any]

LOCK_CURSOR = """
    SELECT c.seq, c.input_id, (m.tick_size * m.lot_size * %s)::bigint
      FROM ledger_marketcursor c JOIN trading_market m ON m.id = c.market_id
     WHERE c.market_id = %s FOR NO KEY UPDATE OF c SKIP LOCKED
"""
CURSOR_EXISTS = "SELECT 1 FROM ledger_marketcursor WHERE market_id = %s"
LOAD_ORDERS = """
    SELECT id, user_id, side, size_lots, held_units, filled_lots, cancelled_lots,
           filled_cost_units, status, reason, arrival, price_ticks, margin_units, hold_units,
           (extract(epoch FROM triggered_at) * 1000)::bigint
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
COPY_FILLS = """
    COPY trading_fill (market_id, trade_id, role, execution, order_id, user_id, side, price_ticks,
                       size_lots, fee_units, realized_pnl_units, insurance_units, seq, executed_at)
    FROM STDIN
"""
RESERVE_ENTRY_IDS = """
    SELECT array_agg(nextval(sequence.name))
      FROM (SELECT pg_get_serial_sequence('ledger_journalentry', 'id')::regclass AS name
            OFFSET 0) AS sequence, generate_series(1, %s)
"""
COPY_ENTRIES = """
    COPY ledger_journalentry (id, kind, market_id, seq, order_id, trade_id, created_at) FROM STDIN
"""
COPY_POSTINGS = "COPY ledger_posting (entry_id, account_id, amount_units) FROM STDIN"
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
            realized_pnl_units, updated_at)
    SELECT %s, v.user_id, v.lots, v.cost, v.margin, v.seq, v.pnl,
           timestamptz 'epoch' + v.updated_ms * interval '1 millisecond'
      FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],
                  %s::bigint[], %s::bigint[])
           AS v(user_id, lots, cost, margin, seq, pnl, updated_ms)
        ON CONFLICT (user_id, market_id) DO UPDATE
       SET position_lots = excluded.position_lots, entry_cost_units = excluded.entry_cost_units,
           margin_units = excluded.margin_units, seq = excluded.seq,
           realized_pnl_units = p.realized_pnl_units + excluded.realized_pnl_units,
           updated_at = excluded.updated_at
"""
UPSERT_STATUS = """
    INSERT INTO trading_marketstatus AS s
           (market_id, state, applied_config_version, mark_price_ticks, index_price_ticks,
            last_price_ticks, mark_price_at, index_ms, index_stale, premium_sum_ppb,
            premium_count, funding_rate_ppb, funding_carry, next_funding_ms, breaker_armed,
            insurance_units)
    VALUES (%(market_id)s, COALESCE(%(state)s::text, 'PRE_OPEN'),
            COALESCE(%(config)s::bigint, 0), COALESCE(%(mark)s::bigint, 0),
            COALESCE(%(index)s::bigint, 0), COALESCE(%(last)s::bigint, 0),
            timestamptz 'epoch' + %(mark_ms)s::bigint * interval '1 millisecond',
            COALESCE(%(index_ms)s::bigint, 0), COALESCE(%(stale)s::boolean, false),
            COALESCE(%(premium_sum)s::bigint, 0), COALESCE(%(premium_count)s::bigint, 0),
            COALESCE(%(rate)s::bigint, 0), COALESCE(%(carry)s::bigint, 0),
            COALESCE(%(next_funding)s::bigint, 0), COALESCE(%(armed)s::boolean, true),
            %(insurance)s::bigint)
        ON CONFLICT (market_id) DO UPDATE
       SET state = COALESCE(%(state)s::text, s.state),
           applied_config_version = COALESCE(%(config)s::bigint, s.applied_config_version),
           mark_price_ticks = COALESCE(%(mark)s::bigint, s.mark_price_ticks),
           index_price_ticks = COALESCE(%(index)s::bigint, s.index_price_ticks),
           last_price_ticks = COALESCE(%(last)s::bigint, s.last_price_ticks),
           mark_price_at = COALESCE(excluded.mark_price_at, s.mark_price_at),
           index_ms = COALESCE(%(index_ms)s::bigint, s.index_ms),
           index_stale = COALESCE(%(stale)s::boolean, s.index_stale),
           premium_sum_ppb = COALESCE(%(premium_sum)s::bigint, s.premium_sum_ppb),
           premium_count = COALESCE(%(premium_count)s::bigint, s.premium_count),
           funding_rate_ppb = COALESCE(%(rate)s::bigint, s.funding_rate_ppb),
           funding_carry = COALESCE(%(carry)s::bigint, s.funding_carry),
           next_funding_ms = COALESCE(%(next_funding)s::bigint, s.next_funding_ms),
           breaker_armed = COALESCE(%(armed)s::boolean, s.breaker_armed),
           insurance_units = s.insurance_units + %(insurance)s::bigint
"""
MARK_COMMANDS_APPLIED = """
    UPDATE trading_outboxcommand o SET applied_seq = v.seq
      FROM unnest(%s::bigint[], %s::bigint[]) AS v(id, seq)
     WHERE o.id = v.id AND o.market_id = %s AND o.applied_seq IS NULL
"""
INSERT_DEAD_LETTER = """
    INSERT INTO ledger_deadletter (market_id, seq, input_id, reason, payload, recorded_at)
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
        UPDATE ledger_persistencefault SET resolved_at = clock_timestamp(), resolution = 'persisted'
         WHERE market_id = %(market_id)s AND resolved_at IS NULL AND seq <= %(seq)s
    )
    UPDATE ledger_marketcursor
       SET seq = %(seq)s, input_id = %(input_id)s, entry_time_ms = %(entry_time_ms)s,
           applied_at = clock_timestamp()
     WHERE market_id = %(market_id)s
"""


class RowsMissing(Exception):
    """Accounts or rows that an entry speaks of are not there."""


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
    row = cursor.execute(LOCK_CURSOR, (MONEY_UNITS_PER_CURRENCY, market_id)).fetchone()
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


def write(cursor: Cursor, batch: Batch, dead_letters: Sequence[DeadLetterRow]) -> None:
    """Everything the batch changes, save the cursor. Wallets come last: orders being placed
    meanwhile wait only for them."""
    cursor.execute(CHECK_AT_ONCE)
    grant_holds(cursor, batch)
    _insert_fills(cursor, batch)
    _insert_journal(cursor, batch)
    _update_orders(cursor, batch)
    _upsert_positions(cursor, batch)
    _upsert_status(cursor, batch)
    write_perpetual_rows(cursor, batch)
    if batch.applied_commands:
        ids, seqs = numbers(batch.applied_commands), numbers(batch.applied_commands.values())
        cursor.execute(MARK_COMMANDS_APPLIED, (ids, seqs, batch.market_id))
    for letter in dead_letters:
        cursor.execute(INSERT_DEAD_LETTER, (batch.market_id, *letter))
    _add_to_wallets(cursor, batch)


def advance_cursor(
    cursor: Cursor, market_id: str, seq: int, input_id: str, entry_time_ms: int
) -> None:
    values = {
        "market_id": market_id,
        "seq": seq,
        "input_id": input_id,
        "entry_time_ms": entry_time_ms,
    }
    cursor.execute(ADVANCE_CURSOR, values)


def _insert_fills(cursor: Cursor, batch: Batch) -> None:
    if not batch.fills:
        return
    market_id = batch.market_id
    lines = [
        f"{market_id}\t{f[0]}\t{f[1]}\t{f[2]}\t{_or_null(f[3])}\t{f[4]}\t{f[5]}\t{f[6]}\t{f[7]}"
        f"\t{f[8]}\t{f[9]}\t{f[10]}\t{f[11]}\t{f[12]}\n"
        for f in batch.fills
    ]
    with cursor.copy(COPY_FILLS) as copy:
        copy.write("".join(lines))


def _or_null(number: int | None) -> int | str:
    return r"\N" if number is None else number


def _insert_journal(cursor: Cursor, batch: Batch) -> None:
    journal = batch.journal
    if not journal:
        return
    accounts = _load_accounts(cursor, batch)
    reserved = cursor.execute(RESERVE_ENTRY_IDS, (len(journal),)).fetchone()
    assert reserved is not None  # noqa: S101  an aggregate always answers one row
    entry_lines, posting_lines = _journal_lines(batch.market_id, journal, reserved[0], accounts)
    with cursor.copy(COPY_ENTRIES) as copy:
        copy.write("".join(entry_lines))
    with cursor.copy(COPY_POSTINGS) as copy:
        copy.write("".join(posting_lines))


def _journal_lines(
    market_id: str,
    journal: list[JournalRow],
    entry_ids: list[int],
    accounts: dict[tuple[str, Owner], int],
) -> tuple[list[str], list[str]]:
    entry_lines: list[str] = []
    posting_lines: list[str] = []
    for entry_id, (movement, seq, created_at) in zip(entry_ids, journal, strict=True):
        kind, order_id, trade_id, lines = movement
        entry_lines.append(
            f"{entry_id}\t{kind}\t{market_id}\t{seq}\t{_or_null(order_id)}\t{_or_null(trade_id)}"
            f"\t{created_at}\n"
        )
        for account_kind, owner, amount_units in lines:
            account_id = accounts.get((account_kind, owner))
            if account_id is None:
                raise RowsMissing(f"{owner or 'the exchange'} has no {account_kind} account")
            posting_lines.append(f"{entry_id}\t{account_id}\t{amount_units}\n")
    return entry_lines, posting_lines


def _load_accounts(cursor: Cursor, batch: Batch) -> dict[tuple[str, Owner], int]:
    rows = cursor.execute(LOAD_ACCOUNTS, (numbers(batch.wallets), batch.market_id))
    return {
        (kind, market_id if user_id is None else user_id): account_id
        for kind, user_id, market_id, account_id in rows
    }


def _update_orders(cursor: Cursor, batch: Batch) -> None:
    touched = [row for row in batch.orders.values() if row.touched_ms]
    amended = [row for row in touched if row.is_amended]
    if amended:
        update_amended_orders(cursor, amended)
        _require_rows(cursor, len(amended), "amended orders")
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
        cursor.execute(UPDATE_ORDERS, columns)
        _require_rows(cursor, len(rows), "orders")


def _upsert_positions(cursor: Cursor, batch: Batch) -> None:
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
        )
        cursor.execute(UPSERT_POSITIONS, (batch.market_id, *columns))


def _upsert_status(cursor: Cursor, batch: Batch) -> None:
    status = batch.status
    if status is not None:
        values = {
            "market_id": batch.market_id,
            "state": status.state,
            "config": status.applied_config_version,
            "mark": status.mark_price_ticks,
            "index": status.index_price_ticks,
            "last": status.last_price_ticks,
            "mark_ms": status.mark_price_ms,
            "index_ms": status.index_ms,
            "stale": status.index_stale,
            "premium_sum": status.premium_sum_ppb,
            "premium_count": status.premium_count,
            "rate": status.funding_rate_ppb,
            "carry": status.funding_carry,
            "next_funding": status.next_funding_ms,
            "armed": status.breaker_armed,
            "insurance": status.insurance_delta_units,
        }
        cursor.execute(UPSERT_STATUS, values)


def _add_to_wallets(cursor: Cursor, batch: Batch) -> None:
    changed = [
        (user_id, delta.available_units, delta.held_units)
        for user_id, delta in batch.wallets.items()
        if delta.available_units or delta.held_units
    ]
    if changed:
        user_ids, available, held = (numbers(column) for column in zip(*changed, strict=True))
        cursor.execute(LOCK_WALLETS, (user_ids,))
        cursor.execute(ADD_TO_WALLETS, (user_ids, available, held))
        _require_rows(cursor, len(changed), "wallets")


def _require_rows(cursor: Cursor, expected: int, what: str) -> None:
    if cursor.rowcount != expected:
        raise RowsMissing(f"{expected} {what} were to change, {cursor.rowcount} did")
