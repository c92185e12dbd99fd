"""How much goes out, by verification level: the rows, and changing them.

A change takes two people, whatever the policy: whoever could raise a limit
alone could let money out alone.
"""

from typing import Any, NamedTuple

from django.contrib.auth.models import AbstractUser
from django.db import DEFAULT_DB_ALIAS

from accounts.verification.levels import LEVELS
from approvals.actions import Action, ApprovalOutcome, register
from approvals.models import Proposal
from approvals.services import Change, outdated, propose
from common.errors import invalid
from ledger.models import WithdrawalLimit
from markets.conversions import units_text
from matching.messages.limits import MAX_MONEY_UNITS, MONEY_UNITS_PER_CURRENCY

KIND = "change_withdrawal_limit"


class Limits(NamedTuple):
    """As `WithdrawalLimit` has them."""

    day_units: int
    automatic_units: int
    one_units: int


_UNIT = MONEY_UNITS_PER_CURRENCY
# Of a fresh exchange: they are the operators' own from then on.
DEFAULTS = {
    0: Limits(2_000 * _UNIT, 500 * _UNIT, 2_000 * _UNIT),
    1: Limits(20_000 * _UNIT, 2_000 * _UNIT, 10_000 * _UNIT),
    2: Limits(200_000 * _UNIT, 10_000 * _UNIT, 50_000 * _UNIT),
    3: Limits(2_000_000 * _UNIT, 50_000 * _UNIT, 250_000 * _UNIT),
}


def install_limits(using: str = DEFAULT_DB_ALIAS, **_: Any) -> None:
    """After each `migrate`: those of levels that have none."""
    WithdrawalLimit.objects.using(using).bulk_create(
        (WithdrawalLimit(level=level, **limits._asdict()) for level, limits in DEFAULTS.items()),
        ignore_conflicts=True,
    )


def limits_of(level: int) -> Limits:
    row = WithdrawalLimit.objects.get(pk=level)
    return Limits(row.day_units, row.automatic_units, row.one_units)


def propose_limits(level: int, after: Limits, reason: str, by: AbstractUser) -> Proposal:
    """Raises DomainError for limits that make no sense, and what `propose` refuses."""
    if level not in LEVELS:
        raise invalid("level", f"level must be one of {', '.join(map(str, LEVELS))}.")
    for name, units in after._asdict().items():
        if not 0 <= units <= MAX_MONEY_UNITS:
            raise invalid(name, f"{name} must be 0 to {units_text(MAX_MONEY_UNITS)}.")
    if after.one_units < after.automatic_units:
        message = "What one operator approves is at least what needs none."
        raise invalid("one_units", message)
    before = limits_of(level)
    if before == after:
        raise invalid("level", f"The limits of level {level} are as you say already.")
    names = ("within 24 hours", "by itself up to", "by one operator up to")
    return propose(
        KIND,
        subject=str(level),
        title=f"Withdrawals of level {level}",
        changes=[
            Change(name, f"{units_text(old, 2)} USD", f"{units_text(new, 2)} USD")
            for name, old, new in zip(names, before, after, strict=True)
            if old != new
        ],
        payload={"level": level, "before": list(before), "after": list(after)},
        reason=reason,
        author=by,
    )


def _change(proposal: Proposal, by: AbstractUser) -> ApprovalOutcome:  # noqa: ARG001  as all of them
    said = proposal.payload
    row = WithdrawalLimit.objects.select_for_update(no_key=True).get(pk=said["level"])
    if [row.day_units, row.automatic_units, row.one_units] != said["before"]:
        raise outdated()
    row.day_units, row.automatic_units, row.one_units = said["after"]
    row.proposal = proposal
    row.save()
    return ApprovalOutcome(proposal.title)


register(
    Action(
        KIND,
        "Change limits of withdrawals",
        "ledger.decide_withdrawal_limit",
        _change,
        is_fixed=True,
        proposed_by=("ledger.propose_withdrawal_limit",),
    )
)
