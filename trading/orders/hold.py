"""Money held for a command: from available to held, in the transaction that promises it.

With `inserting`, the only places outside `ledger` that name its tables. The wallet's CHECK
constraint refuses what would overdraw it, and with it the whole statement.
"""

from dataclasses import dataclass
from typing import NoReturn

import psycopg
from django.db import IntegrityError, connection, transaction

from common.errors import DomainError, ErrorCode
from markets.conversions import units_text
from matching.messages.holds import Reserve

MARGIN_HOLD = "margin_hold"
AMEND_HOLD = "amend_hold"


@dataclass(frozen=True, slots=True)
class Needed:
    """What a command must hold, by part. ``already_held_units`` is what its order holds before it
    is amended, and counts against the rest."""

    margin_units: int = 0
    open_loss_units: int = 0
    fee_units: int = 0
    already_held_units: int = 0

    @property
    def total_units(self) -> int:
        parts = self.margin_units + self.open_loss_units + self.fee_units
        return max(0, parts - self.already_held_units)

    @classmethod
    def of(cls, reserve: Reserve, size_lots: int) -> "Needed":
        return cls(
            reserve.margin_units * size_lots,
            reserve.open_loss_units * size_lots,
            reserve.fee_units * size_lots,
        )

    def by_part(self) -> dict[str, str]:
        """As `common.http.schema.Required`: in decimals, under the API's names."""
        parts = {
            "margin": units_text(self.margin_units),
            "openLoss": units_text(self.open_loss_units),
            "fee": units_text(self.fee_units),
        }
        if self.already_held_units:
            parts["alreadyHeld"] = units_text(self.already_held_units)
        return parts | {"total": units_text(self.total_units)}


NOTHING_NEEDED = Needed()

_HOLD = """
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
       CASE account.kind WHEN 'held' THEN %(amount_units)s ELSE -%(amount_units)s END
  FROM entry, ledger_account account
 WHERE account.user_id = %(user_id)s AND account.kind IN ('available', 'held')
"""


def hold_money(
    user_id: int, market_id: str, kind: str, needed: Needed, order_id: int | None = None
) -> None:
    """Move what is needed, above zero, from available to held. Raises DomainError if it isn't
    there."""
    values: dict[str, str | int | None] = {
        "user_id": user_id,
        "market_id": market_id,
        "order_id": order_id,
        "kind": kind,
        "amount_units": needed.total_units,
    }
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_HOLD, values)
            moved = cursor.rowcount
    except IntegrityError as error:
        _explain_refusal(error, user_id, needed)
    if not moved:
        raise account_not_found()


def _explain_refusal(error: IntegrityError, user_id: int, needed: Needed) -> NoReturn:
    """Why Postgres refused to hold this much, as a DomainError; or the error as it is."""
    cause = error.__cause__
    constraint = cause.diag.constraint_name if isinstance(cause, psycopg.Error) else None
    if constraint != "wallet_available_not_negative":
        raise error
    raise insufficient_balance(needed, _available_units(user_id)) from error


def insufficient_balance(needed: Needed, available_units: int) -> DomainError:
    """With what is needed by part, in words and in the body."""
    required, available = needed.by_part(), units_text(available_units)
    message = (
        f"This needs {required['total']}; {available} is available. Needed are margin "
        f"{required['margin']}, open loss {required['openLoss']} and fee {required['fee']}"
    )
    if "alreadyHeld" in required:
        message += f", of which the order holds {required['alreadyHeld']}"
    return DomainError(
        ErrorCode.INSUFFICIENT_BALANCE,
        f"{message}.",
        required=required,
        available=available,
    )


def account_not_found() -> DomainError:
    message = "The account or the market of this order does not exist any more."
    return DomainError(ErrorCode.ACCOUNT_NOT_FOUND, message)


def _available_units(user_id: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT available_units FROM ledger_wallet WHERE user_id = %s", [user_id])
        row = cursor.fetchone()
    return int(row[0]) if row else 0
