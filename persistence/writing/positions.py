"""⑤ Rows of fills and positions."""

from common.postgres.columns import numbers, numbers_or_nulls, words
from persistence.projection.batch import Batch
from persistence.writing.pipeline import Statements

INSERT_FILLS = """
    INSERT INTO trading_fill (market_id, trade_id, role, execution, order_id, user_id, side,
                              price_ticks, size_lots, fee_units, realized_pnl_units,
                              insurance_units, seq, executed_at)
    SELECT %s, v.* FROM unnest(
        %s::bigint[], %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::text[],
        %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],
        %s::timestamptz[]) AS v
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
DATE_LENGTH = len("2026-11-28")  # what a moment in UTC begins with
# Traders' days, and those of the fee tiers they are in now.
ADD_TO_DAYS = """
    WITH v AS MATERIALIZED (
        SELECT * FROM unnest(%s::date[], %s::bigint[], %s::numeric[], %s::numeric[],
                             %s::numeric[])
            AS v(day, user_id, volume, fee, pnl)
    ), traders AS (
        INSERT INTO trading_traderday AS d
               (market_id, day, user_id, volume_units, fee_units, realized_pnl_units)
        SELECT %s, v.* FROM v
            ON CONFLICT (market_id, day, user_id) DO UPDATE
           SET volume_units = d.volume_units + excluded.volume_units,
               fee_units = d.fee_units + excluded.fee_units,
               realized_pnl_units = d.realized_pnl_units + excluded.realized_pnl_units
    )
    INSERT INTO trading_tierday AS d (market_id, day, tier_id, volume_units, fee_units)
    SELECT %s, v.day, coalesce(t.tier_id, 0), sum(v.volume), sum(v.fee)
      FROM v LEFT JOIN trading_userfeetier t ON t.user_id = v.user_id
     GROUP BY v.day, coalesce(t.tier_id, 0)
        ON CONFLICT (market_id, day, tier_id) DO UPDATE
       SET volume_units = d.volume_units + excluded.volume_units,
           fee_units = d.fee_units + excluded.fee_units
"""


def insert_fills(statements: Statements, batch: Batch) -> None:
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


def add_to_days(statements: Statements, batch: Batch) -> None:
    """What each trader's fills add to his day; in the order of days and traders, so that rows are
    locked in one order."""
    if not batch.fills:
        return
    sums: dict[tuple[str, int], list[int]] = {}
    for row in batch.fills:
        added = sums.setdefault((row.executed_at[:DATE_LENGTH], row.user_id), [0, 0, 0])
        added[0] += batch.units_per_tick_lot * row.price_ticks * row.size_lots
        added[1] += row.fee_units
        added[2] += row.realized_pnl_units
    keys = sorted(sums)
    market_id = batch.market_id
    columns = (
        words(day for day, _ in keys),
        numbers(user_id for _, user_id in keys),
        *(numbers(sums[key][place] for key in keys) for place in range(3)),
    )
    statements.add(ADD_TO_DAYS, (*columns, market_id, market_id))


def upsert_positions(statements: Statements, batch: Batch) -> None:
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
