"""Statements that prove a market's orders, fills and positions right. See `money_checks`.

An order that a row names is looked up by its key (``LATERAL … OFFSET 0``, see `sealing.scope`): two
relations of a scope, joined, might be gone through once for each row of the other.
"""

from persistence.reconciliation.differences import SqlCheck

# An order's status, its reason and its numbers say the same thing three times. One that fired and
# ended while its hold was on its way holds it until the engine has given it back.
ORDER_STATUS = SqlCheck(
    "order status",
    """
    SELECT market_id, 'order ' || id, 'what an order that is ' || status || ' can be',
           filled_lots || ' filled and ' || cancelled_lots || ' cancelled of ' || size_lots
           || ' lots, ' || held_units || ' held of ' || hold_units
           || ', arrival ' || arrival || ', reason "' || reason || '"'
      FROM checked_orders
     WHERE (%(market)s::text IS NULL OR market_id = %(market)s)
       AND NOT CASE status
           WHEN 'pending' THEN filled_lots = 0 AND cancelled_lots = 0 AND held_units = hold_units
                               AND arrival = 0 AND reason = ''
           WHEN 'asleep' THEN filled_lots = 0 AND cancelled_lots = 0 AND held_units = 0
                              AND arrival = 0 AND reason = '' AND parent_id IS NOT NULL
                              AND trigger_kind IS NOT NULL AND triggered_at IS NULL
           WHEN 'waiting' THEN filled_lots = 0 AND cancelled_lots = 0 AND held_units = hold_units
                               AND (triggered_at IS NOT NULL OR held_units = 0)
                               AND arrival > 0 AND reason = '' AND trigger_kind IS NOT NULL
           WHEN 'open' THEN size_lots > filled_lots + cancelled_lots AND arrival > 0
                            AND reason = '' AND mod(held_units, greatest(
                                1, size_lots - filled_lots - cancelled_lots)) = 0
           WHEN 'filled' THEN size_lots = filled_lots + cancelled_lots AND filled_lots > 0
                              AND held_units = 0 AND reason = ''
           WHEN 'rejected' THEN cancelled_lots = size_lots AND filled_lots = 0
                                AND held_units = 0 AND reason = ANY(%(reject_codes)s)
           WHEN 'cancelled' THEN size_lots = filled_lots + cancelled_lots AND cancelled_lots > 0
                                 AND (held_units = 0 OR triggered_at IS NOT NULL)
                                 AND reason = ANY(%(cancel_reasons)s)
           WHEN 'expired' THEN size_lots = filled_lots + cancelled_lots AND cancelled_lots > 0
                               AND (held_units = 0 OR triggered_at IS NOT NULL)
                               AND reason = ANY(%(expiry_reasons)s)
           ELSE false END
    """,
)

# Each order that its trader gave a name is the one that the name stands for, and the reverse.
ORDER_NAMES = SqlCheck(
    "order's name",
    """
    SELECT o.market_id, 'order ' || o.id,
           o.client_order_id || ' of user ' || o.user_id || ' names it',
           COALESCE('it names order ' || named.order_id, 'it names none')
      FROM checked_orders o
      LEFT JOIN LATERAL (SELECT order_id FROM trading_ordername
                          WHERE client_order_id = o.client_order_id AND user_id = o.user_id
                         OFFSET 0) named ON true
     WHERE (%(market)s::text IS NULL OR o.market_id = %(market)s)
       AND o.client_order_id IS NOT NULL AND named.order_id IS DISTINCT FROM o.id
     UNION ALL
    SELECT o.market_id, n.client_order_id || ' of user ' || n.user_id,
           'it names order ' || n.order_id,
           CASE WHEN o.id IS NULL THEN 'no such order'
                ELSE 'user ' || o.user_id || ' calls it ' || COALESCE(o.client_order_id, 'nothing')
           END
      FROM new_names n
      LEFT JOIN LATERAL (SELECT * FROM trading_order WHERE id = n.order_id OFFSET 0) o ON true
     WHERE (%(market)s::text IS NULL OR o.market_id = %(market)s)
       AND (n.client_order_id, n.user_id) IS DISTINCT FROM (o.client_order_id, o.user_id)
    """,
)

ORDER_FILLS = SqlCheck(
    "order's fills",
    """
    WITH scale AS (
        SELECT id AS market_id, (tick_size * lot_size * %(units_per_currency)s)::bigint AS units
          FROM markets_market
    ), fills AS (
        SELECT order_id, min(market_id) AS market_id, sum(lots) AS lots,
               sum(tick_lots) AS tick_lots
          FROM order_fills
         WHERE %(market)s::text IS NULL OR market_id = %(market)s
         GROUP BY order_id
    ), orders AS (
        SELECT id, market_id, filled_lots, filled_cost_units FROM checked_orders
         WHERE %(market)s::text IS NULL OR market_id = %(market)s
    ), both_sides AS (
        SELECT COALESCE(o.market_id, f.market_id) AS market_id,
               COALESCE(o.id, f.order_id) AS order_id,
               o.filled_lots, COALESCE(f.lots, 0) AS lots,
               o.filled_cost_units, COALESCE(f.tick_lots, 0) AS tick_lots
          FROM orders o FULL JOIN fills f ON f.order_id = o.id
         WHERE o.filled_lots > 0 OR o.filled_cost_units <> 0 OR f.order_id IS NOT NULL
    )
    SELECT b.market_id, 'order ' || b.order_id,
           b.lots || ' lots filled for ' || trim_scale(b.tick_lots * scale.units),
           COALESCE(b.filled_lots || ' lots filled for ' || b.filled_cost_units, 'no such order')
      FROM both_sides b JOIN scale ON scale.market_id = b.market_id
     WHERE b.filled_lots IS DISTINCT FROM b.lots
        OR b.filled_cost_units IS DISTINCT FROM b.tick_lots * scale.units
    """,
)

FILL_OWNERS = SqlCheck(
    "fill's owner",
    """
    SELECT f.market_id, 'fill ' || f.id,
           o.market_id || ' ' || o.side || ' of user ' || o.user_id || ' (order ' || o.id || ')',
           f.market_id || ' ' || f.side || ' of user ' || f.user_id
      FROM fills f
     CROSS JOIN LATERAL (SELECT * FROM trading_order WHERE id = f.order_id OFFSET 0) o
     WHERE (%(market)s::text IS NULL OR f.market_id = %(market)s)
       AND (f.market_id, f.side, f.user_id) <> (o.market_id, o.side, o.user_id)
    """,
)

# What an amendment brings is held in the journal at once, in the order's row from its event on.
ORDER_HOLDS = SqlCheck(
    "order's hold",
    """
    WITH moved AS (
        SELECT order_id, market_id, amount_units AS units FROM order_held
         WHERE %(market)s::text IS NULL OR market_id = %(market)s
         UNION ALL
        SELECT (payload->>'order_id')::bigint, market_id, -(payload->>'hold_units')::bigint
          FROM trading_outboxcommand
         WHERE command_type = 'AmendOrder' AND applied_seq IS NULL
           AND (%(market)s::text IS NULL OR market_id = %(market)s)
    ), posted AS (
        SELECT order_id, min(market_id) AS market_id, sum(units) AS held
          FROM moved GROUP BY order_id
    ), orders AS (
        SELECT id, market_id, held_units FROM checked_orders
         WHERE %(market)s::text IS NULL OR market_id = %(market)s
    )
    SELECT COALESCE(o.market_id, posted.market_id), 'order ' || COALESCE(o.id, posted.order_id),
           COALESCE(posted.held, 0) || ' held', COALESCE(o.held_units || ' held', 'no such order')
      FROM orders o FULL JOIN posted ON posted.order_id = o.id
     WHERE o.held_units IS DISTINCT FROM COALESCE(posted.held, 0)
    """,
)

# An order that fired, and waits or ended before its hold reached the engine, has a promised command
# that brings just what it holds: without it the hold would stay where it is for good.
AWAITED_HOLDS = SqlCheck(
    "awaited hold",
    """
    WITH promised AS (
        SELECT (payload->>'order_id')::bigint AS order_id, min(market_id) AS market_id,
               sum((payload->>'hold_units')::bigint) AS units
          FROM trading_outboxcommand
         WHERE command_type = 'ActivateOrder' AND applied_seq IS NULL
           AND (%(market)s::text IS NULL OR market_id = %(market)s)
         GROUP BY order_id
    ), fired AS (
        SELECT id, market_id, status, held_units FROM checked_orders
         WHERE triggered_at IS NOT NULL AND NOT reduce_only
           AND status IN ('waiting', 'cancelled', 'expired')
           AND (%(market)s::text IS NULL OR market_id = %(market)s)
    )
    SELECT COALESCE(o.market_id, p.market_id), 'order ' || COALESCE(o.id, p.order_id),
           COALESCE(o.held_units || ' on its way', 'nothing on its way'),
           COALESCE(p.units || ' on its way', 'nothing on its way')
      FROM fired o FULL JOIN promised p ON p.order_id = o.id
     WHERE COALESCE(o.held_units, 0) <> COALESCE(p.units, 0)
        OR (o.status = 'waiting' AND p.order_id IS NULL)
    """,
)

ORDER_POSTINGS = SqlCheck(
    "order's postings",
    """
    SELECT e.market_id, 'posting ' || p.id,
           'user ' || o.user_id || ' in ' || o.market_id || ' (order ' || o.id || ')',
           'user ' || a.user_id || ' in ' || COALESCE(e.market_id, 'no market')
      FROM entries e
      CROSS JOIN LATERAL (SELECT * FROM trading_order WHERE id = e.order_id OFFSET 0) o
      JOIN postings p ON p.entry_id = e.id
      JOIN ledger_account a ON a.id = p.account_id AND a.user_id IS NOT NULL
     WHERE (%(market)s::text IS NULL OR e.market_id = %(market)s)
       AND (a.user_id <> o.user_id OR e.market_id IS DISTINCT FROM o.market_id)
    """,
)

# Forced legs of a trade have no order (0) and are taken together.
FILL_POSTINGS = SqlCheck(
    "fill's postings",
    """
    WITH posted AS (
        SELECT l.market_id, COALESCE(l.order_id, 0) AS order_id, l.trade_id,
               COALESCE(sum(l.amount_units) FILTER (WHERE a.kind = 'fees'), 0) AS fee,
               -COALESCE(sum(l.amount_units) FILTER (WHERE a.kind = 'clearing'), 0) AS pnl
          FROM fill_lines l
          JOIN ledger_account a ON a.id = l.account_id
         WHERE l.kind IN ('fill', 'liquidation', 'adl')
           AND (%(market)s::text IS NULL OR l.market_id = %(market)s)
         GROUP BY l.market_id, l.order_id, l.trade_id
    ), fills AS (
        SELECT market_id, COALESCE(order_id, 0) AS order_id, trade_id,
               sum(fee_units) AS fee_units, sum(realized_pnl_units) AS realized_pnl_units
          FROM fills
         WHERE %(market)s::text IS NULL OR market_id = %(market)s
         GROUP BY market_id, order_id, trade_id
    )
    SELECT COALESCE(f.market_id, p.market_id),
           'trade ' || COALESCE(f.trade_id, p.trade_id)
           || ' of order ' || COALESCE(f.order_id, p.order_id),
           'fee ' || COALESCE(p.fee, 0) || ', profit ' || COALESCE(p.pnl, 0),
           COALESCE('fee ' || f.fee_units || ', profit ' || f.realized_pnl_units, 'no fill')
      FROM fills f FULL JOIN posted p
        ON p.market_id = f.market_id AND p.order_id = f.order_id AND p.trade_id = f.trade_id
     WHERE f.fee_units IS DISTINCT FROM COALESCE(p.fee, 0)
        OR f.realized_pnl_units IS DISTINCT FROM COALESCE(p.pnl, 0)
    """,
)

TRADES = SqlCheck(
    "trade",
    """
    SELECT market_id, 'trade ' || trade_id,
           'one taker and one maker on opposite sides, at one price, size and sequence',
           string_agg(role || ' ' || side || ' ' || size_lots || ' at ' || price_ticks
                      || ' in sequence ' || seq, ', ' ORDER BY role)
      FROM fills
     WHERE %(market)s::text IS NULL OR market_id = %(market)s
     GROUP BY market_id, trade_id
    HAVING count(*) <> 2 OR min(role) = max(role) OR min(side) = max(side)
        OR min(price_ticks) <> max(price_ticks) OR min(size_lots) <> max(size_lots)
        OR min(seq) <> max(seq)
    """,
)

TRADE_IDS = SqlCheck(
    "trade ids",
    """
    WITH steps AS (
        SELECT market_id, trades.trade_id,
               COALESCE(lag(trades.trade_id) OVER (PARTITION BY market_id
                                                   ORDER BY trades.trade_id),
                        cuts.trade_id) AS before
          FROM (SELECT DISTINCT market_id, trade_id FROM fills
                 WHERE %(market)s::text IS NULL OR market_id = %(market)s) AS trades
          JOIN cuts USING (market_id)
    )
    SELECT market_id, 'trades ' || before + 1 || ' to ' || trade_id - 1,
           (trade_id - before - 1) || ' trades', 'none'
      FROM steps WHERE trade_id <> before + 1
    """,
)

POSITIONS = SqlCheck(
    "position",
    """
    WITH moved AS (
        SELECT market_id, user_id, realized_pnl_units,
               CASE side WHEN 'LONG' THEN size_lots ELSE -size_lots END AS lots
          FROM fills
         UNION ALL
        SELECT market_id, user_id, realized_pnl_units, -position_lots FROM settlements
         UNION ALL
        SELECT market_id, user_id, from_profit_units, 0 FROM payments WHERE from_profit_units <> 0
         UNION ALL
        SELECT market_id, user_id, realized_pnl_units, lots FROM position_bases
    ), traded AS (
        SELECT market_id, user_id, sum(realized_pnl_units) AS pnl, sum(lots) AS lots
          FROM moved
         WHERE %(market)s::text IS NULL OR market_id = %(market)s
         GROUP BY market_id, user_id
    ), positions AS (
        SELECT market_id, user_id, position_lots, realized_pnl_units FROM trading_position
         WHERE %(market)s::text IS NULL OR market_id = %(market)s
    )
    SELECT COALESCE(p.market_id, t.market_id),
           'position of user ' || COALESCE(p.user_id, t.user_id),
           COALESCE(t.lots, 0) || ' lots, profit ' || COALESCE(t.pnl, 0),
           COALESCE(p.position_lots || ' lots, profit ' || p.realized_pnl_units, 'no position')
      FROM positions p FULL JOIN traded t ON t.market_id = p.market_id AND t.user_id = p.user_id
     WHERE p.position_lots IS DISTINCT FROM COALESCE(t.lots, 0)
        OR p.realized_pnl_units IS DISTINCT FROM COALESCE(t.pnl, 0)
    """,
)

NET_POSITION = SqlCheck(
    "net position",
    """
    SELECT market_id, 'all positions', '0 lots', sum(position_lots) || ' lots'
      FROM trading_position
     WHERE %(market)s::text IS NULL OR market_id = %(market)s
     GROUP BY market_id HAVING sum(position_lots) <> 0
    """,
)

# The cursor commits with the rows: none can be of a later sequence.
SEQUENCES = SqlCheck(
    "sequence",
    """
    WITH written AS (
        SELECT market_id, 'fills' AS what, max(seq) AS seq FROM fills GROUP BY market_id
         UNION ALL
        SELECT market_id, 'positions', max(seq) FROM trading_position GROUP BY market_id
         UNION ALL
        SELECT market_id, 'journal entries', max(seq) FROM engine_entries GROUP BY market_id
         UNION ALL
        SELECT m.id, 'applied commands', (
            SELECT max(applied_seq) FROM trading_outboxcommand
             WHERE market_id = m.id AND applied_seq IS NOT NULL) FROM markets_market m
         UNION ALL
        SELECT market_id, 'seals', seq FROM cuts
         UNION ALL
        SELECT market_id, 'dead letters', max(seq) FROM persistence_deadletter GROUP BY market_id
    )
    SELECT c.market_id, 'sequence of ' || w.what,
           'at most the cursor''s ' || c.seq, w.seq::text
      FROM persistence_marketcursor c JOIN written w ON w.market_id = c.market_id AND w.seq > c.seq
     WHERE %(market)s::text IS NULL OR c.market_id = %(market)s
    """,
)

MARKET_CHECKS = (
    ORDER_STATUS,
    ORDER_NAMES,
    ORDER_FILLS,
    FILL_OWNERS,
    ORDER_HOLDS,
    AWAITED_HOLDS,
    ORDER_POSTINGS,
    FILL_POSTINGS,
    TRADES,
    TRADE_IDS,
    POSITIONS,
    NET_POSITION,
    SEQUENCES,
)
