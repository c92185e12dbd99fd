"""A trader asks for a withdrawal: judged, and held in the statement that inserts it."""

import json
import uuid
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts.access.credentials import require_active
from accounts.models import User
from accounts.notices.kinds import NoticeKind
from common.errors import DomainError, ErrorCode
from common.idempotency import key_reused
from common.postgres.constraints import constraint_of
from ledger.holds import NEXT_ENTRY_ID, OVERDRAWN, moved_to_held
from ledger.models import EntryKind, Payout, Withdrawal, WithdrawalState, WithdrawalStep
from ledger.models.withdrawal_states import By
from ledger.services import lock_wallet
from ledger.withdrawals.checks import Judgement, judge
from ledger.withdrawals.steps import tell_trader
from markets.conversions import units_text

# As an order's (`trading.orders.insert`): the wallet is locked, the row and its hold are one.
_INSERT_WITH_HOLD = f"""
WITH holding AS MATERIALIZED (
    SELECT {NEXT_ENTRY_ID} AS entry_id, NULL::bigint AS id, %(user_id)s::bigint AS user_id,
           NULL::text AS market_id, %(amount_units)s::bigint AS hold_units, now() AS created_at
), {moved_to_held("holding", EntryKind.WITHDRAWAL_HOLD)}
INSERT INTO ledger_withdrawal (
    user_id, amount_units, network, address, entry_in_book_id, idempotency_key, state, needed,
    flags, send_id, reference, confirmations, asked_from, hold_entry_id
)
SELECT user_id, hold_units, %(network)s, %(address)s, %(entry_in_book)s, %(idempotency_key)s,
       %(state)s, %(needed)s, ARRAY(SELECT json_array_elements_text(%(flags)s::json)),
       %(send_id)s, '', 0, %(asked_from)s, entry_id
  FROM holding
RETURNING id
"""  # noqa: S608  parts of the statement, no values


@dataclass(frozen=True, kw_only=True)
class NewWithdrawal:
    amount_units: int
    network: str
    address: str
    idempotency_key: str
    asked_from: str | None


@transaction.atomic
def ask_for_withdrawal(user_id: int, asked: NewWithdrawal) -> Withdrawal:
    """The same key again answers the first and moves nothing.

    Raises DomainError: for the same key with something else, a suspended or frozen trader, and
    what `checks.judge` and the wallet refuse.
    """
    user = User.objects.select_for_update(no_key=True).get(pk=user_id)
    wallet = lock_wallet(user_id)
    first = Withdrawal.objects.filter(user_id=user_id, idempotency_key=asked.idempotency_key)
    if (known := first.first()) is not None:
        _require_same(known, asked)
        return known
    require_active(user)
    judged = judge(user_id, asked.amount_units, asked.network, asked.address, timezone.now())
    row = _insert(user_id, asked, judged, wallet.available_units)
    WithdrawalStep.objects.create(
        withdrawal=row, after=row.state, by=By.TRADER, entry=row.hold_entry,
        words="; ".join(row.flags),
    )  # fmt: skip
    if judged.state is WithdrawalState.APPROVED:
        Payout.objects.create(key=str(row.send_id), withdrawal=row)
    tell_trader(row, NoticeKind.WITHDRAWAL_ASKED)
    return row


def _insert(
    user_id: int, asked: NewWithdrawal, judged: Judgement, available_units: int
) -> Withdrawal:
    values: dict[str, Any] = {
        "user_id": user_id,
        "amount_units": asked.amount_units,
        "network": asked.network,
        "address": asked.address,
        "entry_in_book": judged.entry.pk,
        "idempotency_key": asked.idempotency_key,
        "state": judged.state.value,
        "needed": judged.needed,
        "flags": json.dumps(judged.flags),
        "send_id": uuid.uuid4(),
        "asked_from": asked.asked_from,
    }
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_INSERT_WITH_HOLD, values)
            (withdrawal_id,) = cursor.fetchone()
    except IntegrityError as error:
        if constraint_of(error) != OVERDRAWN:
            raise
        available = units_text(available_units)
        raise DomainError(
            ErrorCode.INSUFFICIENT_BALANCE,
            f"Only {available} is available: withdraw at most that.",
            "amount",
            available=available,
        ) from error
    return Withdrawal.objects.select_related("user").get(pk=withdrawal_id)


def _require_same(known: Withdrawal, asked: NewWithdrawal) -> None:
    same = (known.amount_units, known.network, known.address)
    if same != (asked.amount_units, asked.network, asked.address):
        raise key_reused(f"a withdrawal of {units_text(known.amount_units)} to {known.address}")
