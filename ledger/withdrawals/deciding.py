"""Who decides: the trader, until it is approved; operators, until it is handed to custody.

Never its owner, and never the same operator twice: constraints of the row say so as well.
"""

from django.contrib.auth.models import AbstractUser
from django.db import transaction

from accounts.access.credentials import require_active
from approvals.actions import may_still
from common.errors import DomainError, ErrorCode
from common.reasons import reason_of
from ledger.models import Withdrawal, WithdrawalState
from ledger.models.withdrawal_states import UNDECIDED, By
from ledger.models.withdrawals import APPROVALS_MAX
from ledger.withdrawals.steps import lock_withdrawal, take_step
from ledger.withdrawals.stops import newest_stop_at

PERMISSION = "ledger.decide_withdrawal"
_REFUSABLE = (*UNDECIDED, WithdrawalState.APPROVED)


@transaction.atomic
def cancel(user_id: int, withdrawal_id: int) -> Withdrawal:
    """By its trader; cancelling a cancelled one changes nothing. Raises DomainError."""
    try:
        row = lock_withdrawal(pk=withdrawal_id, user_id=user_id)
    except Withdrawal.DoesNotExist as error:
        raise withdrawal_not_found(withdrawal_id) from error
    if row.state == WithdrawalState.CANCELLED:
        return row
    if row.state not in UNDECIDED:
        raise _decided(row, "cancelled")
    take_step(row, WithdrawalState.CANCELLED, By.TRADER)
    return row


@transaction.atomic
def approve(withdrawal_id: int, reason: str, by: AbstractUser) -> Withdrawal:
    """By one of as many operators as it takes; one that is held goes in spite of what stops others.

    Raises Withdrawal.DoesNotExist, and DomainError for one's own, the second approval of the same
    operator, a trader who is suspended or frozen, and one that is decided.
    """
    reason = reason_of(reason)
    row = _lock_for(withdrawal_id, by)
    if row.state not in UNDECIDED:
        raise _decided(row, "approved")
    require_active(row.user)
    if row.state == WithdrawalState.HELD:
        row.needed = max(row.needed, 1)
    if _sign(row, by) >= row.needed:
        take_step(row, WithdrawalState.APPROVED, By.OPERATOR, words=reason, operator_id=by.pk)
    else:
        row.save()
    return row


def _sign(row: Withdrawal, by: AbstractUser) -> int:
    """How many have approved it now. An approval by whoever may not decide any more, as one who was
    let go, counts no more."""
    before = (row.first_by, row.second_by)
    signed = [one.pk for one in before if one is not None and may_still(one, PERMISSION)]
    if len(signed) < APPROVALS_MAX:
        if by.pk in signed:
            message = "You approved this already: another operator is the second."
            raise DomainError(ErrorCode.OWN_REQUEST, message)
        signed.append(by.pk)
    row.first_by_id, row.second_by_id = (*signed, None)[:APPROVALS_MAX]
    return len(signed)


@transaction.atomic
def refuse(withdrawal_id: int, reason: str, by: AbstractUser) -> Withdrawal:
    """The money is back; also of one that is approved and not handed over yet. Raises as
    `approve`."""
    reason = reason_of(reason)
    row = _lock_for(withdrawal_id, by)
    if row.state not in _REFUSABLE:
        raise _decided(row, "refused")
    row.refused_by_id = by.pk
    take_step(row, WithdrawalState.REFUSED, By.OPERATOR, words=reason, operator_id=by.pk)
    return row


@transaction.atomic
def release_held() -> int:
    """Those that only a stop held, once nothing is stopped. Answers how many."""
    if newest_stop_at() is not None:
        return 0
    held = Withdrawal.objects.filter(state=WithdrawalState.HELD).order_by("pk")
    rows = list(held.select_for_update(no_key=True, skip_locked=True)[:500])
    for row in rows:
        take_step(row, WithdrawalState.APPROVED, By.EXCHANGE, words="nothing is stopped any more")
    return len(rows)


def withdrawal_not_found(withdrawal_id: int) -> DomainError:
    message = f"There is no withdrawal {withdrawal_id}."
    return DomainError(ErrorCode.WITHDRAWAL_NOT_FOUND, message)


def _lock_for(withdrawal_id: int, by: AbstractUser) -> Withdrawal:
    row = lock_withdrawal(pk=withdrawal_id)
    if row.user_id == by.pk:
        message = "This withdrawal is your own: another operator decides it."
        raise DomainError(ErrorCode.OWN_REQUEST, message)
    if not by.has_perm(PERMISSION):
        message = f"You may not decide this: it takes {PERMISSION}."
        raise DomainError(ErrorCode.FORBIDDEN, message)
    return row


def _decided(row: Withdrawal, what: str) -> DomainError:
    message = f"Withdrawal {row.pk} is {row.state} already and can't be {what}."
    return DomainError(ErrorCode.WITHDRAWAL_DECIDED, message)
