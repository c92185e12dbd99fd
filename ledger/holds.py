"""Holds: money from available to held, in the statement or transaction of what it is held for.

Whoever holds money for something writes both at once, so the two can't come apart. What moves the
money, and how wallets are locked for it, is said here once; the statements of others are made of
these parts.

Wallets are always locked in the order of their users' ids. So orders being placed, deposits and a
worker's batches wait for each other, and never in a circle. The wallet's CHECK constraint refuses
what would overdraw it, and with it the whole statement.
"""

from django.db import IntegrityError, connection, transaction

from common.postgres.constraints import constraint_of
from ledger.models import AccountKind, EntryKind


def wallets_locked(whose: str) -> str:
    """SELECT of ``user_id`` and ``available_units`` of these wallets, locked; ``whose`` stands
    behind ``user_id``, as in "= ANY(%s::bigint[])"."""
    return f"""
    SELECT user_id, available_units FROM ledger_wallet
     WHERE user_id {whose}
     ORDER BY user_id FOR NO KEY UPDATE
"""  # noqa: S608  parts of statements, no values


OVERDRAWN = "wallet_available_not_negative"  # the constraint

LOCK_WALLETS = wallets_locked("= ANY(%s::bigint[])")

# Ids of journal entries are drawn before both they and their postings are inserted: postings that
# look for the id of their entry compare each with each.
NEXT_ENTRY_ID = "nextval('ledger_journalentry_id_seq')"


def moved_to_held(holding: str, kind: EntryKind = EntryKind.ORDER_HOLD) -> str:
    """Three parts of a WITH that hold what the part called ``holding`` lists: ``entry_id`` (of
    `NEXT_ENTRY_ID`), ``id`` of the order, ``user_id``, ``market_id``, ``hold_units`` above zero and
    ``created_at``. The wallets are locked already."""
    return f"""
moved AS (
    UPDATE ledger_wallet
       SET available_units = available_units - sums.total_units,
           held_units = held_units + sums.total_units
      FROM (SELECT user_id, sum(hold_units)::bigint AS total_units
              FROM {holding} GROUP BY user_id) AS sums
     WHERE ledger_wallet.user_id = sums.user_id
), entry AS (
    INSERT INTO ledger_journalentry (id, kind, market_id, order_id, created_at)
    SELECT entry_id, '{kind}', market_id, id, created_at FROM {holding}
), posted AS (
    INSERT INTO ledger_posting (entry_id, account_id, amount_units)
    SELECT {holding}.entry_id, account.id,
           CASE account.kind WHEN '{AccountKind.HELD}' THEN {holding}.hold_units
                ELSE -{holding}.hold_units END
      FROM {holding}
      JOIN ledger_account account ON account.user_id = {holding}.user_id
       AND account.kind IN ('{AccountKind.AVAILABLE}', '{AccountKind.HELD}')
)
"""  # noqa: S608


_HOLD = f"""
WITH wallet AS (
    UPDATE ledger_wallet
       SET available_units = available_units - %(amount_units)s,
           held_units = held_units + %(amount_units)s
     WHERE user_id = %(user_id)s
    RETURNING user_id
), entry AS (
    INSERT INTO ledger_journalentry (kind, market_id, order_id, created_at)
    SELECT %(kind)s, %(market_id)s, %(order_id)s::bigint, now() FROM wallet
    RETURNING id
)
INSERT INTO ledger_posting (entry_id, account_id, amount_units)
SELECT entry.id, account.id,
       CASE account.kind WHEN '{AccountKind.HELD}' THEN %(amount_units)s ELSE -%(amount_units)s END
  FROM entry, ledger_account account
 WHERE account.user_id = %(user_id)s
   AND account.kind IN ('{AccountKind.AVAILABLE}', '{AccountKind.HELD}')
"""  # noqa: S608


class NotAvailable(Exception):
    """The wallet has less than was to be held: ``available_units``."""

    def __init__(self, available_units: int) -> None:
        super().__init__(available_units)
        self.available_units = available_units


def hold(
    user_id: int, market_id: str, kind: EntryKind, amount_units: int, order_id: int | None = None
) -> bool:
    """Move an amount above zero from available to held; False where the user has no wallet. Raises
    NotAvailable, and has changed nothing then."""
    values: dict[str, str | int | None] = {
        "user_id": user_id,
        "market_id": market_id,
        "order_id": order_id,
        "kind": kind.value,
        "amount_units": amount_units,
    }
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_HOLD, values)
            return bool(cursor.rowcount)
    except IntegrityError as error:
        if constraint_of(error) != OVERDRAWN:
            raise
        raise NotAvailable(available_units(user_id)) from error


def available_units(user_id: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT available_units FROM ledger_wallet WHERE user_id = %s", [user_id])
        row = cursor.fetchone()
    return int(row[0]) if row else 0
