"""The sums that were found to agree, for whoever reads the result."""

from django.db import connection

# pg_class counts are estimates; what was proved deserves exact ones.
_FIGURES = """
    WITH posted AS (
        SELECT a.kind, sum(p.amount_units) AS units
          FROM ledger_account a JOIN ledger_posting p ON p.account_id = a.id
         WHERE a.user_id IS NULL GROUP BY a.kind
    )
    SELECT 'wallets', count(*)::numeric FROM ledger_wallet
     UNION ALL SELECT 'orders', count(*) FROM trading_order
     UNION ALL SELECT 'fills', count(*) FROM trading_fill
     UNION ALL SELECT 'postings', count(*) FROM ledger_posting
     UNION ALL SELECT 'available_units', sum(available_units) FROM ledger_wallet
     UNION ALL SELECT 'held_units', sum(held_units) FROM ledger_wallet
     UNION ALL SELECT 'margin_units', sum(margin_units) FROM trading_position
     UNION ALL SELECT 'entry_cost_units', sum(entry_cost_units) FROM trading_position
     UNION ALL SELECT 'fees_units', sum(units) FROM posted WHERE kind = 'fees'
     UNION ALL SELECT 'insurance_units', sum(units) FROM posted WHERE kind = 'insurance'
     UNION ALL SELECT 'net_deposits_units', -sum(units) FROM posted
                WHERE kind IN ('deposits', 'withdrawals')
"""


def read_figures() -> dict[str, int]:
    """Counts of rows and sums of money, by name. Raises DatabaseError."""
    with connection.cursor() as cursor:
        cursor.execute(_FIGURES)
        return {name: int(value or 0) for name, value in cursor.fetchall()}
