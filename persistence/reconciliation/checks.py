"""All checks, what they are asked with, and the one snapshot in which a run reads."""

from collections.abc import Mapping
from typing import Any

from django.db import connection

from ledger.archive.rows import POSTINGS
from ledger.archive.shadow import hold_still
from matching.messages.limits import MONEY_UNITS_PER_CURRENCY
from matching.messages.vocabulary import CancelReason, OrderStatus, RejectCode
from persistence.reconciliation.lives import POSITION_LIVES
from persistence.reconciliation.market_checks import MARKET_CHECKS
from persistence.reconciliation.money_checks import MONEY_CHECKS
from trading.archive.rows import FILLS

ALL_CHECKS = (*MONEY_CHECKS, *MARKET_CHECKS, POSITION_LIVES)

# The planner's usual guesses fit orders, not a look at every row; compiling costs more than it
# gains here.
_ONE_SNAPSHOT = """
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ {access};
SET LOCAL jit = off;
SET LOCAL work_mem = '64MB'
"""
# Behind a seal are few rows of long tables, however many Postgres thinks there are.
_BY_INDEX = "SET LOCAL enable_seqscan = off"


def in_one_snapshot(*, read_only: bool = True) -> None:
    """From here to the end of the transaction, of which this is the first statement."""
    with connection.cursor() as cursor:
        cursor.execute(_ONE_SNAPSHOT.format(access="ONLY" if read_only else "WRITE"))
    hold_still(POSTINGS)
    hold_still(FILLS)


def read_by_index() -> None:
    """From here to the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute(_BY_INDEX)


def check_values(market_id: str | None) -> Mapping[str, Any]:
    reasons: dict[OrderStatus, list[str]] = {OrderStatus.CANCELLED: [], OrderStatus.EXPIRED: []}
    for reason in CancelReason:
        reasons[reason.final_status].append(reason.value)
    return {
        "market": market_id,
        "units_per_currency": MONEY_UNITS_PER_CURRENCY,
        "cancel_reasons": reasons[OrderStatus.CANCELLED],
        "expiry_reasons": reasons[OrderStatus.EXPIRED],
        "reject_codes": [code.value for code in RejectCode],
    }
