"""Which actions need two people: the usual, unless the owner decided otherwise.

A change of the policy is a proposal, like any other that the policy is about.
"""

from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractUser

from approvals.actions import Action, ApprovalOutcome, action_of, kinds, register
from approvals.models import ApprovalRule, Proposal
from approvals.services import Change, outdated, propose
from common import decimals
from common.errors import invalid
from matching.messages.limits import MONEY_UNITS_PER_CURRENCY

KIND = "change_policy"


def rule_of(action: Action) -> tuple[bool, int | None]:
    """Whether it needs a second person, and from which amount on; None: from the first unit on."""
    if action.is_fixed:
        return True, None
    rule = ApprovalRule.objects.filter(kind=action.kind).first()
    if rule is None:
        # Whoever tries the exchange out is alone with it.
        return action.usual and not settings.DEMO, None
    return rule.needs_second, rule.from_units


def needs_second(kind: str, amount_units: int = 0) -> bool:
    """Of an action with this much money in it."""
    needed, from_units = rule_of(action_of(kind))
    return needed and (from_units is None or amount_units >= from_units)


def propose_rule(
    kind: str, needed: bool, from_units: int | None, reason: str, by: AbstractUser
) -> Proposal:
    """Raises DomainError for an action that always needs two, or an amount that makes no sense."""
    if kind not in kinds():
        raise invalid("kind", f"there is no action {kind[:40]!r}.")
    action = action_of(kind)
    if action.is_fixed:
        raise invalid("kind", f"{action.title} always takes two people.")
    if from_units is not None and (not needed or not action.by_amount):
        raise invalid("from_units", f"{action.title} goes by no amount here: leave it empty.")
    before, after = rule_of(action), (needed, from_units)
    if before == after:
        raise invalid("kind", f"{action.title} is as you say already.")
    return propose(
        KIND,
        subject=kind,
        title=f"Policy: {action.title}",
        changes=[Change("second person", rule_words(*before), rule_words(*after))],
        payload={"kind": kind, "before": list(before), "after": list(after)},
        reason=reason,
        author=by,
    )


def rule_words(needed: bool, from_units: int | None) -> str:
    if not needed:
        return "not needed"
    if from_units is None:
        return "needed"
    amount = decimals.text(Decimal(from_units) / MONEY_UNITS_PER_CURRENCY)
    return f"needed from {amount} USD on"


def _change_policy(proposal: Proposal, by: AbstractUser) -> ApprovalOutcome:  # noqa: ARG001  as all of them
    said: dict[str, Any] = proposal.payload
    action = action_of(said["kind"])
    if list(rule_of(action)) != said["before"]:
        raise outdated()
    needed, from_units = said["after"]
    ApprovalRule.objects.update_or_create(
        kind=action.kind,
        defaults={"needs_second": needed, "from_units": from_units, "proposal": proposal},
    )
    return ApprovalOutcome(f"{action.title}: {rule_words(needed, from_units)}")


register(
    Action(
        KIND,
        "Change which actions need two people",
        "approvals.change_approvalrule",
        _change_policy,
        is_fixed=True,
    )
)
