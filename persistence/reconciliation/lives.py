"""The statement that proves every position's life right: all of them, worked out again from fills,
settlements and funding payments by other means than `persistence.writing.lives` uses. See
`money_checks`.

What happened to each position is put in its order, funding before the trades of its entry. A
running sum of lots tells where a step closes, opens, or does both; each opening out of flat, or
across it, begins the next life.
"""

from persistence.reconciliation.differences import SqlCheck

LIVES_OF_ROWS = """
    steps AS (
        SELECT market_id, user_id, seq, trade_id AS ordinal, executed_at AS at,
               CASE side WHEN 'LONG' THEN size_lots ELSE -size_lots END AS lots, price_ticks,
               realized_pnl_units AS pnl, fee_units AS fee, insurance_units AS insurance,
               0 AS funding,
               CASE WHEN order_id IS NOT NULL THEN 'CLOSED'
                    WHEN execution = 'ADL' AND role = 'MAKER' THEN 'ADL'
                    ELSE 'LIQUIDATED' END AS ending
          FROM trading_fill
         UNION ALL
        SELECT market_id, user_id, seq, 9223372036854775807, settled_at, -position_lots,
               price_ticks, realized_pnl_units, 0, insurance_units, 0, 'SETTLED'
          FROM trading_settlement
         UNION ALL
        SELECT s.market_id, p.user_id, s.seq, 0, s.settled_at, 0, 0, p.from_profit_units, 0, 0,
               p.amount_units, ''
          FROM trading_fundingpayment p JOIN trading_fundingsettlement s ON s.id = p.settlement_id
    ), walked AS (
        SELECT *, sum(lots) OVER story AS after, sum(lots) OVER story - lots AS before
          FROM steps WHERE %(market)s::text IS NULL OR market_id = %(market)s
        WINDOW story AS (PARTITION BY market_id, user_id ORDER BY seq, ordinal
                         ROWS UNBOUNDED PRECEDING)
    ), cut AS (
        SELECT *, CASE WHEN sign(lots) = -sign(before) THEN least(abs(lots), abs(before)) ELSE 0
                  END AS closing
          FROM walked
    ), shared AS (
        SELECT *, abs(lots) - closing AS opening, closing > 0 AND closing < abs(lots) AS flips,
               CASE WHEN lots = 0 THEN 0
                    ELSE div(fee * closing - mod(mod(fee * closing, abs(lots)) + abs(lots),
                                                 abs(lots)), abs(lots)) END AS closing_fee
          FROM cut
    ), numbered AS (
        SELECT *, count(*) FILTER (WHERE opening > 0 AND (before = 0 OR flips)) OVER story AS life
          FROM shared
        WINDOW story AS (PARTITION BY market_id, user_id ORDER BY seq, ordinal
                         ROWS UNBOUNDED PRECEDING)
    ), parts AS (
        SELECT market_id, user_id, life - flips::int AS life, seq, at, NULL AS side,
               abs(before) AS held, 0 AS entry, closing AS exit, price_ticks, pnl,
               closing_fee AS fee, insurance, funding,
               CASE WHEN closing = 0 OR closing < abs(before) THEN NULL
                    WHEN flips THEN 'FLIPPED' ELSE ending END AS ended, ending
          FROM numbered WHERE opening = 0 OR flips
         UNION ALL
        SELECT market_id, user_id, life, seq, at, CASE WHEN lots > 0 THEN 'LONG' ELSE 'SHORT' END,
               abs(after), opening, 0, price_ticks, 0, fee - closing_fee, 0, 0, NULL, ''
          FROM numbered WHERE opening > 0
    ), lived AS (
        SELECT market_id, user_id, life, max(side) AS side,
               min(seq) FILTER (WHERE side IS NOT NULL) AS opened_seq,
               min(at) FILTER (WHERE side IS NOT NULL) AS opened_at,
               max(seq) FILTER (WHERE ended IS NOT NULL) AS closed_seq,
               max(at) FILTER (WHERE ended IS NOT NULL) AS closed_at,
               COALESCE(max(ended), '') AS ending, max(held) AS max_lots,
               sum(entry) AS entry_lots, sum(entry * price_ticks) AS entry_tick_lots,
               sum(exit) AS exit_lots, sum(exit * price_ticks) AS exit_tick_lots,
               sum(pnl) AS realized_pnl_units, sum(fee) AS fee_units,
               COALESCE(sum(insurance) FILTER (WHERE insurance > 0 AND ending = 'LIQUIDATED'), 0)
                   AS liquidation_fee_units,
               COALESCE(-sum(insurance) FILTER (WHERE insurance < 0), 0) AS insurance_units,
               COALESCE(sum(insurance) FILTER (WHERE insurance > 0 AND ending <> 'LIQUIDATED'), 0)
                   AS loss_share_units,
               sum(funding) AS funding_units
          FROM parts GROUP BY market_id, user_id, life
    )
"""

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
        SELECT market_id, user_id,
               row_number() OVER (PARTITION BY market_id, user_id ORDER BY id) AS life,
               side || ' from sequence ' || opened_seq
               || ' to ' || COALESCE(closed_seq::text, 'now')
               || ' ' || ending || ', at most ' || max_lots || ', in ' || entry_lots || ' for '
               || entry_units || ', out ' || exit_lots || ' for ' || exit_units
               || ', profit ' || realized_pnl_units
               || ', fee ' || fee_units || ', liquidation fee ' || liquidation_fee_units
               || ', insurance ' || insurance_units || ', share ' || loss_share_units
               || ', funding ' || funding_units AS told,
               opened_at, closed_at
          FROM trading_positionlife
         WHERE %(market)s::text IS NULL OR market_id = %(market)s
    )
    SELECT COALESCE(e.market_id, f.market_id),
           'life ' || COALESCE(e.life, f.life) || ' of user ' || COALESCE(e.user_id, f.user_id),
           COALESCE(e.told, 'no such life'), COALESCE(f.told, 'no such life')
      FROM expected e FULL JOIN found f
        ON f.market_id = e.market_id AND f.user_id = e.user_id AND f.life = e.life
     WHERE (e.told, e.opened_at, e.closed_at) IS DISTINCT FROM (f.told, f.opened_at, f.closed_at)
    """,  # noqa: S608  no outside text
)
