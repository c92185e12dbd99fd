"""Wallets set right by operators: proposed by one, carried out when another approves.

Money comes from an account of the exchange's own, `adjustments`, which may go below zero: what the
exchange gave away. A wallet never does. Nothing is undone but by a counter-entry, which takes two
people as well, and happens once. One proposal may be about many wallets: all of them are set right
together, or none.
"""

from collections.abc import Sequence
from typing import NamedTuple

from django.contrib.auth.models import AbstractUser
from django.utils import timezone

from accounts.families.services import who_gain
from accounts.models import User
from approvals.actions import Action, ApprovalOutcome, register
from approvals.models import Proposal
from approvals.services import Change, outdated, propose
from common.admin.acts import Act, Verb, tell
from common.errors import DomainError, ErrorCode, invalid
from ledger.models import Adjustment, AdjustmentCategory, Wallet
from ledger.models.adjustments import REFERENCE_MAX
from ledger.posting_rules import adjustment_movement
from ledger.services import all_wallets, lock_wallets, post_all, require_room
from markets.conversions import units_text
from matching.messages.limits import MAX_MONEY_UNITS

KIND = "adjust_wallet"
WALLETS_MAX = 1_000  # of one proposal
# What an operator may choose; the other is made by `propose_reversal`.
CHOSEN = tuple(c for c in AdjustmentCategory if c is not AdjustmentCategory.REVERSAL)


class Due(NamedTuple):
    """``amount_units`` above zero: into the wallet."""

    user: User
    amount_units: int


class AdjustmentCause(NamedTuple):
    """``reverses_id``: the adjustment that this is the counter-entry of."""

    category: AdjustmentCategory
    reference: str
    reason: str
    reverses_id: int | None = None


def propose_adjustments(dues: Sequence[Due], cause: AdjustmentCause, by: AbstractUser) -> Proposal:
    """Of each trader one. Raises DomainError for a reference that was used for one of them, for
    more than a wallet has or may hold, and what `propose` refuses."""
    if not 1 <= len(dues) <= WALLETS_MAX:
        raise invalid("user", f"A proposal is about 1 to {WALLETS_MAX:,} wallets.")
    if len({due.user.pk for due in dues}) < len(dues):
        raise invalid("user", "A proposal has one amount for each trader.")
    for due in dues:
        if not due.amount_units or abs(due.amount_units) > MAX_MONEY_UNITS:
            message = f"amount must not be zero, and at most {units_text(MAX_MONEY_UNITS)}."
            raise invalid("amount", message, ErrorCode.INVALID_AMOUNT)
    if cause.category not in CHOSEN:
        raise invalid("category", f"category must be one of {', '.join(CHOSEN)}.")
    reference = cause.reference.strip()
    if not 1 <= len(reference) <= REFERENCE_MAX:
        raise invalid("reference", f"reference must be 1 to {REFERENCE_MAX} characters.")
    if (name := _adjusted(dues, reference)) is not None:
        message = f"{name} had an adjustment with the reference {reference} already."
        raise invalid("reference", message)
    return _propose(dues, cause._replace(reference=reference), by)


def adjusted_user_ids(reference: str) -> set[int]:
    """Of all who had an adjustment with this reference."""
    rows = Adjustment.objects.filter(reference=reference)
    return set(rows.values_list("user_id", flat=True))


def propose_reversal(adjustment: Adjustment, reason: str, by: AbstractUser) -> Proposal:
    """The counter-entry. Raises DomainError where there is one already, and as above."""
    if adjustment.reverses_id is not None:
        raise invalid("adjustment", "A counter-entry isn't reversed: propose an adjustment.")
    if Adjustment.objects.filter(reverses=adjustment).exists():
        raise _reversed(adjustment)
    reference = f"reverses {adjustment.pk}"
    cause = AdjustmentCause(
        AdjustmentCategory.REVERSAL, reference, reason, reverses_id=adjustment.pk
    )
    return _propose([Due(adjustment.user, -adjustment.amount_units)], cause, by)


def _adjusted(dues: Sequence[Due], reference: str) -> str | None:
    """The name of one who had an adjustment with this reference."""
    rows = Adjustment.objects.filter(user__in=[due.user for due in dues], reference=reference)
    return rows.values_list("user__username", flat=True).first()


def _propose(dues: Sequence[Due], cause: AdjustmentCause, by: AbstractUser) -> Proposal:
    ids = [due.user.pk for due in dues]
    wallets = all_wallets(Wallet.objects.filter(user__in=ids), ids)
    changes = []
    for due in dues:
        wallet = wallets[due.user.pk]
        _require_covered(wallet, due)
        before, after = wallet.available_units, wallet.available_units + due.amount_units
        who = f"available of {due.user.get_username()}"
        changes.append(Change(who, _money(before), _money(after)))
    category, reference = cause.category, cause.reference
    return propose(
        KIND,
        subject=f"{ids[0]}:{reference}" if len(ids) == 1 else reference,
        title=_title(dues),
        changes=[*changes, Change("category", "", category), Change("reference", "", reference)],
        payload={
            "dues": [[due.user.pk, due.amount_units] for due in dues],
            "category": category,
            "reference": reference,
            "reverses": cause.reverses_id,
        },
        reason=cause.reason,
        author=by,
        beneficiary_ids=who_gain(ids),
    )


def _title(dues: Sequence[Due]) -> str:
    if len(dues) == 1:
        return f"Wallet of {dues[0].user.get_username()}: {_signed(dues[0].amount_units)}"
    given = sum(due.amount_units for due in dues if due.amount_units > 0)
    taken = sum(due.amount_units for due in dues if due.amount_units < 0)
    parts = [_signed(units) for units in (given, taken) if units]
    return f"Wallets of {len(dues):,} traders: {', '.join(parts)} in all"


def _carry_out(proposal: Proposal, by: AbstractUser) -> ApprovalOutcome:
    """Wallets, journal and adjustments in one transaction, on what the wallets have by now."""
    said = proposal.payload
    amounts: dict[int, int] = dict(sorted(said["dues"]))
    users = User.objects.in_bulk(list(amounts))
    wallets = lock_wallets(amounts)  # also: one adjustment of a user at a time
    if Adjustment.objects.filter(user__in=users, reference=said["reference"]).exists():
        raise outdated()
    dues = [Due(users[user_id], amount_units) for user_id, amount_units in amounts.items()]
    for due in dues:
        wallet = wallets[due.user.pk]
        _require_covered(wallet, due)
        wallet.available_units += due.amount_units
    made = _record(proposal, dues)
    Wallet.objects.bulk_update(wallets.values(), ["available_units"])
    for due in dues:
        words = f"{_title([due])}, which has {_money(wallets[due.user.pk].available_units)} now"
        reason = proposal.reason
        tell(Act(verb=Verb.WALLET_ADJUSTED, operator=by, obj=due.user, words=words, reason=reason))
    return ApprovalOutcome(f"{made[0]}: {proposal.title}" if len(made) == 1 else proposal.title)


def _record(proposal: Proposal, dues: Sequence[Due]) -> list[Adjustment]:
    said, now = proposal.payload, timezone.now()
    entries = post_all([adjustment_movement(due.user.pk, due.amount_units) for due in dues], now)
    return Adjustment.objects.bulk_create(
        Adjustment(
            user=due.user,
            amount_units=due.amount_units,
            category=said["category"],
            reference=said["reference"],
            reason=proposal.reason,
            reverses_id=said["reverses"],
            proposal=proposal,
            entry=entry,
            adjusted_at=now,
        )
        for due, entry in zip(dues, entries, strict=True)
    )


def _money(units: int) -> str:
    return f"{units_text(units, 2)} USD"


def _signed(units: int) -> str:
    return f"{'+' if units > 0 else ''}{_money(units)}"


def _require_covered(wallet: Wallet, due: Due) -> None:
    if due.amount_units > 0:
        require_room(wallet, due.amount_units)
    elif wallet.available_units + due.amount_units < 0:
        available, name = units_text(wallet.available_units), due.user.get_username()
        message = f"Only {available} is available to {name}: a wallet never goes below zero."
        raise DomainError(ErrorCode.INSUFFICIENT_BALANCE, message, "amount")


def _reversed(adjustment: Adjustment) -> DomainError:
    return DomainError(ErrorCode.ADJUSTMENT_REVERSED, f"{adjustment} has been reversed already.")


register(
    Action(
        KIND,
        "Adjust wallets",
        "ledger.decide_adjustment",
        _carry_out,
        is_fixed=True,
        proposed_by=("ledger.propose_adjustment",),
    )
)
