"""The statement that proves every position's life right: all of them, as
`persistence.sealing.stories` tells them. See `money_checks`.
"""

from persistence.reconciliation.differences import SqlCheck
from persistence.sealing.stories import LIVES_OF_ROWS

POSITION_LIVES = SqlCheck(
    "position's life",
    f"""
    WITH {LIVES_OF_ROWS}, expected AS (
        SELECT l.market_id, l.user_id, life,
               side || ' from sequence ' || opened_seq
               || ' to ' || COALESCE(closed_seq::text, 'now')
               || ' ' || ending || ', at most ' || max_lots || ', in ' || entry_lots || ' for '
               || trim_scale(entry_tick_lots * m.units) || ', out ' || exit_lots || ' for '
               || trim_scale(exit_tick_lots * m.units) || ', profit ' || realized_pnl_units
               || ', fee ' || fee_units || ', liquidation fee ' || liquidation_fee_units
               || ', insurance ' || insurance_units || ', share ' || loss_share_units
               || ', funding ' || funding_units AS told,
               opened_at, closed_at
          FROM lived l JOIN (
                SELECT id, (tick_size * lot_size * %(units_per_currency)s)::bigint AS units
                  FROM markets_market) m ON m.id = l.market_id
    ), found AS (
        SELECT l.market_id, l.user_id,
               COALESCE(base.life_count - (base.life IS NOT NULL)::int, 0)
               + row_number() OVER (PARTITION BY l.market_id, l.user_id ORDER BY l.id) AS life,
               side || ' from sequence ' || opened_seq
               || ' to ' || COALESCE(closed_seq::text, 'now')
               || ' ' || ending || ', at most ' || max_lots || ', in ' || entry_lots || ' for '
               || entry_units || ', out ' || exit_lots || ' for ' || exit_units
               || ', profit ' || l.realized_pnl_units
               || ', fee ' || fee_units || ', liquidation fee ' || liquidation_fee_units
               || ', insurance ' || insurance_units || ', share ' || loss_share_units
               || ', funding ' || funding_units AS told,
               opened_at, closed_at
          FROM found_lives l
          LEFT JOIN position_bases base
            ON base.market_id = l.market_id AND base.user_id = l.user_id
         WHERE %(market)s::text IS NULL OR l.market_id = %(market)s
    )
    SELECT COALESCE(e.market_id, f.market_id),
           'life ' || COALESCE(e.life, f.life) || ' of user ' || COALESCE(e.user_id, f.user_id),
           COALESCE(e.told, 'no such life'), COALESCE(f.told, 'no such life')
      FROM expected e FULL JOIN found f
        ON f.market_id = e.market_id AND f.user_id = e.user_id AND f.life = e.life
     WHERE (e.told, e.opened_at, e.closed_at) IS DISTINCT FROM (f.told, f.opened_at, f.closed_at)
    """,  # noqa: S608  no outside text
)
