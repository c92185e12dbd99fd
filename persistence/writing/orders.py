"""⑤ Rows of orders: read before a batch, written after it.

Updates say between which ids they are, too: Postgres then plans for the partitions that have some,
and not for all.
"""

from common.postgres.columns import numbers, numbers_or_nulls, words
from persistence.projection.batch import Batch, ProjectedOrder
from persistence.writing.pipeline import Cursor, Statements

# The orders whose terms changed; all columns in one statement, for the constraints between them.
UPDATE_AMENDED_ORDERS = """
    UPDATE trading_order o
       SET held_units = v.held, filled_lots = v.filled, cancelled_lots = v.cancelled,
           filled_cost_units = v.cost, status = v.status, reason = v.reason,
           arrival = v.arrival,
           updated_at = timestamptz 'epoch' + v.touched_ms * interval '1 millisecond',
           price_ticks = v.price, size_lots = v.size, margin_units = v.margin,
           hold_units = v.hold, trigger_price_ticks = v.trigger_price,
           trigger_callback_ppm = v.callback, visible_lots = v.visible,
           triggered_at = timestamptz 'epoch' + v.triggered_ms * interval '1 millisecond'
      FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],
                  %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[],
                  %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],
                  %s::int[], %s::bigint[])
           AS v(id, held, filled, cancelled, cost, status, reason, arrival, touched_ms, price,
                size, margin, hold, triggered_ms, trigger_price, callback, visible)
     WHERE o.id = v.id AND o.id BETWEEN %s AND %s
"""


def _standing(rows: list[ProjectedOrder]) -> tuple[str, ...]:
    """Where the orders stand, in the columns that both updates begin with."""
    return (
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


def _bounds(rows: list[ProjectedOrder]) -> tuple[int, int]:
    ids = [row.id for row in rows]
    return min(ids), max(ids)


def update_amended_orders(statements: Statements, rows: list[ProjectedOrder]) -> None:
    columns = (
        *_standing(rows),
        numbers(row.price_ticks for row in rows),
        numbers(row.size_lots for row in rows),
        numbers(row.margin_units for row in rows),
        numbers(row.hold_units for row in rows),
        numbers_or_nulls(row.triggered_ms for row in rows),
        numbers(row.trigger_price_ticks for row in rows),
        numbers(row.trigger_callback_ppm for row in rows),
        numbers(row.visible_lots for row in rows),
        *_bounds(rows),
    )
    statements.add(UPDATE_AMENDED_ORDERS, columns, expected=len(rows), what="amended orders")


LOAD_ORDERS = """
    SELECT id, user_id, side, size_lots, held_units, filled_lots, cancelled_lots,
           filled_cost_units, status, reason, arrival, price_ticks, margin_units, hold_units,
           (extract(epoch FROM triggered_at) * 1000)::bigint, leverage,
           trigger_price_ticks, trigger_callback_ppm, visible_lots
      FROM trading_order WHERE id = ANY(%s::bigint[]) AND market_id = %s
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
     WHERE o.id = v.id AND o.id BETWEEN %s AND %s
"""


def load_orders(cursor: Cursor, market_id: str, order_ids: set[int]) -> dict[int, ProjectedOrder]:
    if not order_ids:
        return {}
    rows = cursor.execute(LOAD_ORDERS, (numbers(order_ids), market_id))
    return {row[0]: ProjectedOrder(*row) for row in rows}


def update_orders(statements: Statements, batch: Batch) -> None:
    touched = [row for row in batch.orders.values() if row.touched_ms]
    amended = [row for row in touched if row.is_amended]
    if amended:
        update_amended_orders(statements, amended)
    rows = [row for row in touched if not row.is_amended]
    if rows:
        columns = (*_standing(rows), *_bounds(rows))
        statements.add(UPDATE_ORDERS, columns, expected=len(rows), what="orders")
