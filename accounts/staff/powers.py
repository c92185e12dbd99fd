"""What operators may: changed by one superuser, approved by another."""

from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import AbstractUser, Group, Permission

from accounts.models import User
from accounts.staff.groups import held_by
from approvals import policy
from approvals.actions import Action, ApprovalOutcome, register
from approvals.models import Proposal
from approvals.services import Change, outdated, propose, waiting_proposal
from common.admin.acts import Act, Verb, tell

KIND = "change_powers"
Powers = dict[str, Any]  # is_staff, is_superuser, and sorted ids of groups and user_permissions
_MANY: dict[str, Any] = {"groups": Group, "user_permissions": Permission}


def powers_of(user: User) -> Powers:
    many = {name: sorted(getattr(user, name).values_list("pk", flat=True)) for name in _MANY}
    return {"is_staff": user.is_staff, "is_superuser": user.is_superuser, **many}


def takes_two(before: Powers, after: Powers) -> bool:
    return before != after and policy.needs_second(KIND)


def waiting_powers(user: User) -> Proposal | None:
    return waiting_proposal(KIND, str(user.pk))


def propose_powers(user: User, after: Powers, reason: str, by: AbstractUser) -> Proposal:
    """Raises DomainError, also for one's own."""
    before = powers_of(user)
    names = [name for name in before if before[name] != after[name]]
    return propose(
        KIND,
        subject=str(user.pk),
        title=f"What {user.get_username()} may",
        changes=[Change(_words(n), _value(n, before[n]), _value(n, after[n])) for n in names],
        payload={
            "user": user.pk,
            "before": before,
            "after": after,
            "held": _held_by_all(after["groups"]),
        },
        reason=reason,
        author=by,
        beneficiary_ids=[user.pk],
    )


def _change_powers(proposal: Proposal, by: AbstractUser) -> ApprovalOutcome:
    said = proposal.payload
    user = User.objects.select_for_update(of=("self",)).get(pk=said["user"])
    is_as_before = powers_of(user) == said["before"]
    if not is_as_before or _held_by_all(said["after"]["groups"]) != said.get("held"):
        raise outdated()
    after = said["after"]
    user.is_staff, user.is_superuser = after["is_staff"], after["is_superuser"]
    user.save(update_fields=["is_staff", "is_superuser"])
    for name in _MANY:
        getattr(user, name).set(after[name])
    words = proposal.differences.replace("; ", "\n")
    act = Act(verb=Verb.CHANGED, operator=by, obj=user, words=words, reason=proposal.reason)
    tell(act)
    return ApprovalOutcome(f"{user.get_username()}: {proposal.differences}")


def _held_by_all(group_ids: Sequence[int]) -> list[list[str]]:
    """Who approves knows groups by their names, and what they hold as it was then."""
    return [held_by(group) for group in Group.objects.filter(pk__in=group_ids).order_by("pk")]


def take_powers(user: User) -> None:
    """All of them, at once and by one person: what takes two is to give."""
    user.is_staff = user.is_superuser = False
    user.save(update_fields=["is_staff", "is_superuser"])
    for name in _MANY:
        getattr(user, name).clear()


def _words(name: str) -> str:
    return {"is_staff": "operator", "is_superuser": "superuser"}.get(name, name.replace("_", " "))


def _value(name: str, value: Any) -> str:
    if name not in _MANY:
        return "yes" if value else "no"
    return ", ".join(str(row) for row in _MANY[name].objects.filter(pk__in=value)) or "none"


register(Action(KIND, "Change what an operator may", "auth.change_permission", _change_powers))
