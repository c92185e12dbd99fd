"""Proofs that rows of money agree. Read-only; an empty answer is a clean one."""

from typing import NamedTuple

from django.db import connection

# One statement: wallets and postings as of the same instant.
WALLET_DIFFERENCES = """
    WITH posted AS (
        SELECT a.user_id,
               COALESCE(sum(p.amount_units) FILTER (WHERE a.kind = 'available'), 0) AS available,
               COALESCE(sum(p.amount_units) FILTER (WHERE a.kind = 'held'), 0) AS held
          FROM ledger_account a JOIN ledger_posting p ON p.account_id = a.id
         WHERE a.kind IN ('available', 'held')
         GROUP BY a.user_id
    ), both_sides AS (
        SELECT COALESCE(w.user_id, posted.user_id) AS user_id,
               COALESCE(w.available_units, 0) AS wallet_available,
               COALESCE(w.held_units, 0) AS wallet_held,
               COALESCE(posted.available, 0) AS posted_available,
               COALESCE(posted.held, 0) AS posted_held
          FROM ledger_wallet w FULL JOIN posted ON posted.user_id = w.user_id
    )
    SELECT user_id, 'available', wallet_available, posted_available::bigint FROM both_sides
     WHERE wallet_available <> posted_available
     UNION ALL
    SELECT user_id, 'held', wallet_held, posted_held::bigint FROM both_sides
     WHERE wallet_held <> posted_held
     ORDER BY 1, 2
"""


class WalletDifference(NamedTuple):
    user_id: int
    account_kind: str
    wallet_units: int
    posted_units: int


def wallet_differences() -> list[WalletDifference]:
    """Wallet columns that are not the sum of their account's postings."""
    with connection.cursor() as cursor:
        cursor.execute(WALLET_DIFFERENCES)
        return [WalletDifference(*row) for row in cursor.fetchall()]
