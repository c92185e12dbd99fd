"""What was there before: the carried rest of each funding settlement, the profit that paid for
funding, and every position's life. Workers must not run meanwhile: those of an older build add
fills and no lives.
"""

from django.db import migrations

# The carry of a market begins at 0 and is what rounding left so far.
CARRIES = """
UPDATE trading_fundingsettlement s SET carry = c.carry
  FROM (SELECT f.id, sum(f.rate_ppb::numeric * f.mark_price_ticks * m.units
                         - f.per_lot_units::numeric * 1000000000)
                     OVER (PARTITION BY f.market_id ORDER BY f.seq ROWS UNBOUNDED PRECEDING) AS carry
          FROM trading_fundingsettlement f
          JOIN (SELECT id, (tick_size * lot_size * 1000000)::bigint AS units
                  FROM trading_market) m ON m.id = f.market_id) c
 WHERE c.id = s.id
"""
# Margin moved by the payment and by the profit that was realised for it.
FROM_PROFITS = """
UPDATE trading_fundingpayment p SET from_profit_units = moved.units - p.amount_units
  FROM (SELECT p.id, COALESCE(sum(line.amount_units), 0) AS units
          FROM trading_fundingpayment p
          JOIN trading_fundingsettlement s ON s.id = p.settlement_id
          JOIN ledger_account a ON a.user_id = p.user_id AND a.kind = 'margin'
          JOIN ledger_journalentry e
            ON e.market_id = s.market_id AND e.seq = s.seq AND e.kind = 'funding'
          LEFT JOIN ledger_posting line ON line.entry_id = e.id AND line.account_id = a.id
         GROUP BY p.id) moved
 WHERE moved.id = p.id AND moved.units <> p.amount_units
"""
REALIZED = """
UPDATE trading_position p SET realized_pnl_units = p.realized_pnl_units + paid.units
  FROM (SELECT s.market_id, f.user_id, sum(f.from_profit_units) AS units
          FROM trading_fundingpayment f JOIN trading_fundingsettlement s ON s.id = f.settlement_id
         WHERE f.from_profit_units <> 0 GROUP BY s.market_id, f.user_id) paid
 WHERE paid.market_id = p.market_id AND paid.user_id = p.user_id
"""
MARKETS = "SELECT id, (tick_size * lot_size * 1000000)::bigint FROM trading_market ORDER BY id"
LIVES = """
WITH
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
      FROM steps WHERE market_id = %(market_id)s
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
INSERT INTO trading_positionlife (
    market_id, user_id, side, opened_seq, opened_at, closed_seq, closed_at, ending, max_lots,
    entry_lots, entry_units, exit_lots, exit_units, realized_pnl_units, fee_units,
    liquidation_fee_units, insurance_units, loss_share_units, funding_units)
SELECT market_id, user_id, side, opened_seq, opened_at, closed_seq, closed_at, ending, max_lots,
       entry_lots, entry_tick_lots * %(units_per_tick_lot)s, exit_lots,
       exit_tick_lots * %(units_per_tick_lot)s, realized_pnl_units, fee_units,
       liquidation_fee_units, insurance_units, loss_share_units, funding_units
  FROM lived ORDER BY user_id, life
"""


def fill_in(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        for statement in (CARRIES, FROM_PROFITS, REALIZED):
            cursor.execute(statement)
        cursor.execute(MARKETS)
        for market_id, units_per_tick_lot in cursor.fetchall():
            values = {'market_id': market_id, 'units_per_tick_lot': units_per_tick_lot}
            cursor.execute(LIVES, values)


class Migration(migrations.Migration):

    dependencies = [
        ('ledger', '0008_posting_kinds'),
        ('trading', '0016_position_lives'),
    ]

    operations = [
        migrations.RunPython(fill_in, migrations.RunPython.noop),
    ]
