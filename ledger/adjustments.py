"""Wallets set right by operators: proposed by one, carried out when another approves.

Money comes from an account of the exchange's own, `adjustments`, which may go below zero: what the
exchange gave away. A wallet never does. Nothing is undone but by a counter-entry, which takes two
people as well, and happens once.
"""

from django.contrib.auth.models import AbstractUser
from django.utils import timezone

from accounts.models import User
from approvals.actions import Action, Outcome, register
from approvals.models import Proposal
from approvals.services import Change, outdated, propose
from common.admin.acts import Act, Verb, tell
from common.errors import DomainError, ErrorCode, invalid
from ledger.models import Adjustment, AdjustmentCategory, Wallet
from ledger.posting_rules import adjustment_movement
from ledger.services import lock_wallet, post, require_room
from markets.conversions import units_text
from matching.messages.limits import MAX_MONEY_UNITS

KIND = "adjust_wallet"
REFERENCE_MAX = 64
# What an operator may choose; the other is made by `propose_reversal`.
CHOSEN = tuple(c for c in AdjustmentCategory if c is not AdjustmentCategory.REVERSAL)


def propose_adjustment(
    user: User,
    amount_units: int,
    category: AdjustmentCategory,
    reference: str,
    reason: str,
    by: AbstractUser,
) -> Proposal:
    """``amount_units`` above zero: into the wallet. Raises DomainError for a reference that was
    used for this trader, for more than the wallet has or may hold, and what `propose` refuses."""
    if not amount_units or abs(amount_units) > MAX_MONEY_UNITS:
        message = f"amount must not be zero, and at most {units_text(MAX_MONEY_UNITS)}."
        raise invalid("amount", message, ErrorCode.INVALID_AMOUNT)
    reference = reference.strip()
    if not 1 <= len(reference) <= REFERENCE_MAX:
        raise invalid("reference", f"reference must be 1 to {REFERENCE_MAX} characters.")
    if category not in CHOSEN:
        raise invalid("category", f"category must be one of {', '.join(CHOSEN)}.")
    if Adjustment.objects.filter(user=user, reference=reference).exists():
        message = f"{user.get_username()} had an adjustment with the reference {reference} already."
        raise invalid("reference", message)
    return _propose(user, amount_units, category, reference, reason, by, None)


def propose_reversal(adjustment: Adjustment, reason: str, by: AbstractUser) -> Proposal:
    """The counter-entry. Raises DomainError where there is one already, and as above."""
    if adjustment.reverses_id is not None:
        raise invalid("adjustment", "A counter-entry isn't reversed: propose an adjustment.")
    if Adjustment.objects.filter(reverses=adjustment).exists():
        raise _reversed(adjustment)
    reference = f"reverses {adjustment.pk}"
    amount_units = -adjustment.amount_units
    category = AdjustmentCategory.REVERSAL
    return _propose(
        adjustment.user, amount_units, category, reference, reason, by, reverses_id=adjustment.pk
    )


def _propose(
    user: User,
    amount_units: int,
    category: AdjustmentCategory,
    reference: str,
    reason: str,
    by: AbstractUser,
    reverses_id: int | None,
) -> Proposal:
    wallet = Wallet.objects.get(user=user)
    _require_covered(wallet, amount_units)
    now_units, then_units = wallet.available_units, wallet.available_units + amount_units
    sign = "+" if amount_units > 0 else ""
    return propose(
        KIND,
        subject=f"{user.pk}:{reference}",
        title=f"Wallet of {user.get_username()}: {sign}{units_text(amount_units, 2)} USD",
        changes=[
            Change(
                "available", f"{units_text(now_units, 2)} USD", f"{units_text(then_units, 2)} USD"
            ),
            Change("category", "", category),
            Change("reference", "", reference),
        ],
        payload={
            "user": user.pk,
            "amount_units": amount_units,
            "category": category,
            "reference": reference,
            "reverses": reverses_id,
        },
        reason=reason,
        author=by,
        beneficiary_id=user.pk,
    )


def _carry_out(proposal: Proposal, by: AbstractUser) -> Outcome:
    """Wallet, journal and adjustment in one transaction, on what the wallet has by now."""
    said = proposal.payload
    user_id, amount_units = said["user"], said["amount_units"]
    wallet = lock_wallet(user_id)  # also: one adjustment of a user at a time
    if Adjustment.objects.filter(user_id=user_id, reference=said["reference"]).exists():
        raise outdated()
    _require_covered(wallet, amount_units)
    now = timezone.now()
    adjustment = Adjustment.objects.create(
        user_id=user_id,
        amount_units=amount_units,
        category=said["category"],
        reference=said["reference"],
        reason=proposal.reason,
        reverses_id=said["reverses"],
        proposal=proposal,
        entry=post(adjustment_movement(user_id, amount_units), now),
        adjusted_at=now,
    )
    wallet.available_units += amount_units
    wallet.save(update_fields=["available_units"])
    words = f"{proposal.title}, which has {units_text(wallet.available_units, 2)} USD now"
    tell(
        Act(
            verb=Verb.WALLET_ADJUSTED,
            operator=by,
            obj=wallet.user,
            words=words,
            reason=proposal.reason,
        )
    )
    return Outcome(f"{adjustment}: {proposal.title}")


def _require_covered(wallet: Wallet, amount_units: int) -> None:
    if amount_units > 0:
        require_room(wallet, amount_units)
    elif wallet.available_units + amount_units < 0:
        available = units_text(wallet.available_units)
        message = f"Only {available} is available: a wallet never goes below zero."
        raise DomainError(ErrorCode.INSUFFICIENT_BALANCE, message, "amount")


def _reversed(adjustment: Adjustment) -> DomainError:
    return DomainError(ErrorCode.ADJUSTMENT_REVERSED, f"{adjustment} has been reversed already.")


register(Action(KIND, "Adjust a wallet", "ledger.decide_adjustment", _carry_out, is_fixed=True))
