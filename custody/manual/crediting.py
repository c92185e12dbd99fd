"""Money that came in elsewhere, credited by hand with its reference: once, and by two people."""

from django.contrib.auth.models import AbstractUser
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.families.services import who_gain
from accounts.models import User
from approvals import policy
from approvals.actions import Action, ApprovalOutcome, register
from approvals.models import Proposal
from approvals.services import Change, outdated, propose
from common.errors import DomainError, ErrorCode, invalid
from common.postgres.constraints import constraint_of
from common.reasons import reason_of
from custody.interface import ID_MAX, MANUAL
from custody.models import ChainDeposit, ChainDepositState
from ledger.services import credit
from markets.conversions import units_text

KIND = "credit_by_hand"


@transaction.atomic
def credit_by_hand(
    user: User, amount_units: int, reference: str, reason: str, by: AbstractUser
) -> ChainDeposit | Proposal:
    """Where the policy asks for a second operator, this one proposes. Raises DomainError for a
    reference that was credited already, and for oneself."""
    reference, reason = reference.strip(), reason_of(reason)
    if not 1 <= len(reference) <= ID_MAX:
        raise invalid("reference", f"reference must be 1 to {ID_MAX} characters.")
    gain = who_gain([user.pk])
    if by.pk in gain:
        message = "This is for yourself: another operator credits it."
        raise DomainError(ErrorCode.OWN_REQUEST, message)
    if ChainDeposit.objects.filter(network=MANUAL, reference=reference).exists():
        raise invalid("reference", f"{reference} was credited already.")
    if not policy.needs_second(KIND, amount_units):
        return _credit(user.pk, amount_units, reference)
    amount = f"{units_text(amount_units, 2)} USD"
    return propose(
        KIND,
        subject=reference,
        title=f"Credit {amount} to {user.get_username()}",
        changes=[Change("credited", "", amount), Change("reference", "", reference)],
        payload={"user": user.pk, "amount_units": amount_units, "reference": reference},
        reason=reason,
        author=by,
        beneficiary_ids=gain,
    )


def _credit(user_id: int, amount_units: int, reference: str) -> ChainDeposit:
    deposit = credit(user_id, amount_units)
    row = ChainDeposit(
        network=MANUAL,
        reference=reference,
        user_id=user_id,
        address=reference,
        amount_units=amount_units,
        state=ChainDepositState.CREDITED,
        needed=0,
        deposit=deposit,
        credited_at=timezone.now(),
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        if constraint_of(error) != "chain_deposit_once_per_network":
            raise
        raise outdated() from error  # another operator has, just now
    return row


def _approved(proposal: Proposal, by: AbstractUser) -> ApprovalOutcome:  # noqa: ARG001  as all of them
    said = proposal.payload
    row = _credit(said["user"], said["amount_units"], said["reference"])
    return ApprovalOutcome(f"deposit {row.reference} credited")


register(
    Action(
        KIND,
        "Credit a deposit by hand",
        "custody.decide_credit",
        _approved,
        by_amount=True,
        proposed_by=("custody.propose_credit",),
    )
)
