"""What happened to every position, worked out from fills, settlements and funding payments by other
means than `persistence.writing.lives` uses.

What happened to each position is put in its order, funding before the trades of its entry. A
running sum of lots tells where a step closes, opens, or does both; each opening out of flat, or
across it, begins the next life. Behind a seal the story goes on from where the position stood
there, and the life that was open there from what it had come to.
"""

# Parts of a WITH behind a scope's; ``lived`` has each life, ``numbered`` each step with its life.
LIVES_OF_ROWS = """
    steps AS (
        SELECT market_id, user_id, seq, trade_id AS ordinal, executed_at AS at,
               CASE side WHEN 'LONG' THEN size_lots ELSE -size_lots END AS lots, price_ticks,
               realized_pnl_units AS pnl, fee_units AS fee, insurance_units AS insurance,
               0 AS funding,
               CASE WHEN order_id IS NOT NULL THEN 'CLOSED'
                    WHEN execution = 'ADL' AND role = 'MAKER' THEN 'ADL'
                    ELSE 'LIQUIDATED' END AS ending
          FROM fills
         UNION ALL
        SELECT market_id, user_id, seq, 9223372036854775807, settled_at, -position_lots,
               price_ticks, realized_pnl_units, 0, insurance_units, 0, 'SETTLED'
          FROM settlements
         UNION ALL
        SELECT market_id, user_id, seq, 0, settled_at, 0, 0, from_profit_units, 0, 0,
               amount_units, ''
          FROM payments
    ), walked AS (
        SELECT s.*, COALESCE(base.life_count, 0) AS lived,
               COALESCE(base.lots, 0) + sum(s.lots) OVER story AS after,
               COALESCE(base.lots, 0) + sum(s.lots) OVER story - s.lots AS before
          FROM steps s
          LEFT JOIN position_bases base
            ON base.market_id = s.market_id AND base.user_id = s.user_id
         WHERE %(market)s::text IS NULL OR s.market_id = %(market)s
        WINDOW story AS (PARTITION BY s.market_id, s.user_id ORDER BY s.seq, s.ordinal
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
        SELECT *, lived + count(*) FILTER (WHERE opening > 0 AND (before = 0 OR flips)) OVER story
                  AS life
          FROM shared
        WINDOW story AS (PARTITION BY market_id, user_id ORDER BY seq, ordinal
                         ROWS UNBOUNDED PRECEDING)
    ), parts AS (
        SELECT market_id, user_id, life - flips::int AS life, seq, at, NULL AS side,
               abs(before) AS held, 0 AS entry, 0 AS entry_tick_lots, closing AS exit,
               closing * price_ticks AS exit_tick_lots, pnl, closing_fee AS fee,
               CASE WHEN insurance > 0 AND ending = 'LIQUIDATED' THEN insurance ELSE 0 END
                   AS liquidation_fee,
               greatest(-insurance, 0) AS insured,
               CASE WHEN insurance > 0 AND ending <> 'LIQUIDATED' THEN insurance ELSE 0 END
                   AS loss_share,
               funding,
               CASE WHEN closing = 0 OR closing < abs(before) THEN NULL
                    WHEN flips THEN 'FLIPPED' ELSE ending END AS ended
          FROM numbered WHERE opening = 0 OR flips
         UNION ALL
        SELECT market_id, user_id, life, seq, at, CASE WHEN lots > 0 THEN 'LONG' ELSE 'SHORT' END,
               abs(after), opening, opening * price_ticks, 0, 0, 0, fee - closing_fee, 0, 0, 0, 0,
               NULL
          FROM numbered WHERE opening > 0
         UNION ALL
        SELECT base.market_id, base.user_id, base.life_count, open.opened_seq,
               timestamptz 'epoch' + open.opened_us * interval '1 microsecond', open.side,
               open.max_lots, open.entry_lots, open.entry_tick_lots, open.exit_lots,
               open.exit_tick_lots, open.realized_pnl_units, open.fee_units,
               open.liquidation_fee_units, open.insurance_units, open.loss_share_units,
               open.funding_units, NULL
          FROM position_bases base
         CROSS JOIN LATERAL jsonb_to_record(base.life) AS open(
                side text, opened_seq bigint, opened_us bigint, max_lots numeric,
                entry_lots numeric, entry_tick_lots numeric, exit_lots numeric,
                exit_tick_lots numeric, realized_pnl_units numeric, fee_units numeric,
                liquidation_fee_units numeric, insurance_units numeric,
                loss_share_units numeric, funding_units numeric)
         WHERE base.life IS NOT NULL
           AND (%(market)s::text IS NULL OR base.market_id = %(market)s)
    ), lived AS (
        SELECT market_id, user_id, life, max(side) AS side,
               min(seq) FILTER (WHERE side IS NOT NULL) AS opened_seq,
               min(at) FILTER (WHERE side IS NOT NULL) AS opened_at,
               max(seq) FILTER (WHERE ended IS NOT NULL) AS closed_seq,
               max(at) FILTER (WHERE ended IS NOT NULL) AS closed_at,
               COALESCE(max(ended), '') AS ending, max(held) AS max_lots,
               sum(entry) AS entry_lots, sum(entry_tick_lots) AS entry_tick_lots,
               sum(exit) AS exit_lots, sum(exit_tick_lots) AS exit_tick_lots,
               sum(pnl) AS realized_pnl_units, sum(fee) AS fee_units,
               sum(liquidation_fee) AS liquidation_fee_units, sum(insured) AS insurance_units,
               sum(loss_share) AS loss_share_units, sum(funding) AS funding_units
          FROM parts GROUP BY market_id, user_id, life
    )
"""
