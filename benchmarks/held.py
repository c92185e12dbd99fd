"""Holds of orders written many at a time, by a benchmark or a test, as the API holds them."""

HOLD_OF_ORDERS = """
WITH placed AS (
    SELECT id, user_id, market_id, hold_units, created_at FROM trading_order WHERE id = ANY(%s)
), wallet AS (
    UPDATE ledger_wallet
       SET available_units = available_units - held.units, held_units = held_units + held.units
      FROM (SELECT user_id, sum(hold_units) AS units FROM placed GROUP BY user_id) AS held
     WHERE ledger_wallet.user_id = held.user_id
), entry AS (
    INSERT INTO ledger_journalentry (kind, market_id, order_id, created_at)
    SELECT 'order_hold', market_id, id, created_at FROM placed
    RETURNING id, order_id
)
INSERT INTO ledger_posting (entry_id, account_id, amount_units)
SELECT entry.id, account.id,
       CASE account.kind WHEN 'held' THEN placed.hold_units ELSE -placed.hold_units END
  FROM entry
  JOIN placed ON placed.id = entry.order_id
  JOIN ledger_account account ON account.user_id = placed.user_id
   AND account.kind IN ('available', 'held')
"""
