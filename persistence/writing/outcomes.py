"""⑤ Rows of forced closings, settlements, funding and countdowns."""

from collections.abc import Sequence
from typing import NamedTuple

from common.postgres.columns import numbers, truths
from persistence.projection.batch import Batch
from persistence.writing.pipeline import Cursor

COPY_LIQUIDATIONS = """
    COPY trading_liquidation (
        market_id, user_id, seq, ordinal, liquidated_at, mark_price_ticks, position_lots,
        entry_cost_units, margin_units, equity_units, maintenance_units, fee_reserve_units,
        limit_ticks, cancelled_orders, filled_lots, deleveraged_lots, fee_units,
        insurance_paid_units, left_lots, returned_units
    ) FROM STDIN
"""
COPY_SETTLEMENTS = """
    COPY trading_settlement (
        market_id, user_id, seq, settled_at, price_ticks, position_lots, realized_pnl_units,
        insurance_units, returned_units
    ) FROM STDIN
"""
INSERT_FUNDING = """
    INSERT INTO trading_fundingsettlement
           (market_id, seq, funding_time, settled_at, rate_ppb, mark_price_ticks, per_lot_units,
            paid_units, carry)
    VALUES (%s, %s, timestamptz 'epoch' + %s * interval '1 millisecond',
            timestamptz 'epoch' + %s * interval '1 millisecond', %s, %s, %s, %s, %s)
    RETURNING id
"""
COPY_PAYMENTS = """
    COPY trading_fundingpayment (
        settlement_id, user_id, position_lots, amount_units, from_profit_units
    ) FROM STDIN
"""
END_ALL_COUNTDOWNS = "DELETE FROM trading_countdown WHERE market_id = %s"
END_COUNTDOWNS = """
    DELETE FROM trading_countdown WHERE market_id = %s AND user_id = ANY(%s::bigint[])
"""
SET_COUNTDOWNS = """
    INSERT INTO trading_countdown (market_id, user_id, due_ms, protective)
    SELECT %s, v.user_id, v.due_ms, v.protective
      FROM unnest(%s::bigint[], %s::bigint[], %s::boolean[]) AS v(user_id, due_ms, protective)
        ON CONFLICT (user_id, market_id) DO UPDATE
       SET due_ms = excluded.due_ms, protective = excluded.protective
"""


def write_perpetual_rows(cursor: Cursor, batch: Batch) -> None:
    perps = batch.perps
    _copy(cursor, COPY_LIQUIDATIONS, batch.market_id, perps.liquidations)
    _copy(cursor, COPY_SETTLEMENTS, batch.market_id, perps.settlements)
    for funding in perps.fundings:
        values = (batch.market_id, *funding[:-1])
        inserted = cursor.execute(INSERT_FUNDING, values).fetchone()
        assert inserted is not None  # noqa: S101  an insert without conflict answers its row
        _copy(cursor, COPY_PAYMENTS, inserted[0], funding.payments)
    _write_countdowns(cursor, batch)


def _copy(cursor: Cursor, statement: str, owner: str | int, rows: Sequence[NamedTuple]) -> None:
    if not rows:
        return
    lines = ["\t".join(map(str, (owner, *row))) + "\n" for row in rows]
    with cursor.copy(statement) as copy:
        copy.write("".join(lines))


def _write_countdowns(cursor: Cursor, batch: Batch) -> None:
    perps = batch.perps
    if perps.countdowns_over:
        cursor.execute(END_ALL_COUNTDOWNS, (batch.market_id,))
    ended = [user_id for user_id, (due_ms, _) in perps.countdowns.items() if not due_ms]
    running = {user_id: one for user_id, one in perps.countdowns.items() if one[0]}
    if ended:
        cursor.execute(END_COUNTDOWNS, (batch.market_id, numbers(ended)))
    if running:
        due = numbers(due_ms for due_ms, _ in running.values())
        protective = truths(protective for _, protective in running.values())
        cursor.execute(SET_COUNTDOWNS, (batch.market_id, numbers(running), due, protective))
