"""The sums that were found to agree, for whoever reads the result."""

from django.db import connection

from persistence.sealing.scope import ProofScope

# pg_class counts are estimates; what was proved deserves exact ones.
_FIGURES = """
    , posted AS (
        SELECT kind, sum(units) AS units FROM account_totals WHERE user_id IS NULL GROUP BY kind
    )
    SELECT 'wallets', count(*)::numeric FROM ledger_wallet
     UNION ALL SELECT 'orders', orders + (SELECT count(*) FROM new_orders) FROM proven
     UNION ALL SELECT 'fills', fills + (SELECT count(*) FROM fills) FROM proven
     UNION ALL SELECT 'postings', postings + (SELECT count(*) FROM postings) FROM proven
     UNION ALL SELECT 'available_units', sum(available_units) FROM ledger_wallet
     UNION ALL SELECT 'held_units', sum(held_units) FROM ledger_wallet
     UNION ALL SELECT 'margin_units', sum(margin_units) FROM trading_position
     UNION ALL SELECT 'entry_cost_units', sum(entry_cost_units) FROM trading_position
     UNION ALL SELECT 'fees_units', sum(units) FROM posted WHERE kind = 'fees'
     UNION ALL SELECT 'insurance_units', sum(units) FROM posted WHERE kind = 'insurance'
     UNION ALL SELECT 'net_deposits_units', -sum(units) FROM posted
                WHERE kind IN ('deposits', 'withdrawals')
"""


def read_figures(scope: ProofScope) -> dict[str, int]:
    """Counts of rows and sums of money, by name. Raises DatabaseError."""
    with connection.cursor() as cursor:
        cursor.execute(scope.prelude + _FIGURES, scope.values)
        return {name: int(value or 0) for name, value in cursor.fetchall()}
