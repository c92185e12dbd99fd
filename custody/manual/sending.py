"""What became of a withdrawal that an operator sends by hand."""

from django.contrib.auth.models import AbstractUser

from common.errors import DomainError, ErrorCode, invalid
from custody.interface import ID_MAX, MANUAL
from ledger.models import Withdrawal
from ledger.models.withdrawal_states import HANDED
from ledger.withdrawals.handing import Report, SendOutcome, report


def enter_outcome(
    row: Withdrawal, outcome: SendOutcome, reference: str, reason: str, by: AbstractUser
) -> Withdrawal:
    """``reference`` of the transfer; it may be left out once it is known. Raises DomainError for
    one that custody by hand doesn't have, and one's own."""
    row, reference = Withdrawal.objects.get(pk=row.pk), reference.strip()
    if row.user_id == by.pk:
        message = "This withdrawal is your own: another operator enters what became of it."
        raise DomainError(ErrorCode.OWN_REQUEST, message)
    if row.network != MANUAL or row.state not in HANDED:
        message = f"Withdrawal {row.pk} is not being sent by hand."
        raise DomainError(ErrorCode.INVALID_TRANSITION, message)
    if len(reference) > ID_MAX:
        raise invalid("reference", f"reference must be at most {ID_MAX} characters.")
    if not reference and not row.reference and outcome is not SendOutcome.FAILED:
        raise invalid("reference", "Enter the transfer's reference.")
    said = Report(
        send_id=str(row.send_id),
        outcome=outcome,
        amount_units=row.amount_units,
        address=row.address,
        reference=reference,
        words=reason,
        operator_id=by.pk,
    )
    return report(said)
