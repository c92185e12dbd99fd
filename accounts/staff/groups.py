"""What a group may: changed by one superuser, approved by another, as what one of its members may.

A new group has no members, so one makes it; who is put into it takes two.
"""

from collections.abc import Collection

from django.contrib.auth.models import AbstractUser, Group, Permission

from approvals import policy
from approvals.actions import Action, ApprovalOutcome, register
from approvals.models import Proposal
from approvals.services import Change, outdated, propose, waiting_proposal
from common.admin.acts import Act, Verb, tell

KIND = "change_group"


def held_by(group: Group) -> list[str]:
    """`app.codename` of each permission."""
    held = Permission.objects.filter(group=group)
    names = held.values_list("content_type__app_label", "codename")
    return sorted(f"{app}.{name}" for app, name in names)


def takes_two(group: Group, after: Collection[int]) -> bool:
    """``after``: ids of permissions."""
    return _ids_of(group) != sorted(after) and policy.needs_second(KIND)


def waiting_group(group: Group) -> Proposal | None:
    return waiting_proposal(KIND, str(group.pk))


def propose_group(group: Group, after: Collection[int], reason: str, by: AbstractUser) -> Proposal:
    """For the gain of its members, but for superusers, who may everything. Raises DomainError."""
    before = _ids_of(group)
    changed = Permission.objects.filter(pk__in=set(before) ^ set(after))
    gain = group.user_set.filter(is_superuser=False).order_by("pk")
    return propose(
        KIND,
        subject=str(group.pk),
        title=f"What {group.name} may",
        changes=[
            Change(one.name, *(("yes", "no") if one.pk in before else ("no", "yes")))
            for one in changed.select_related("content_type")
        ],
        payload={"group": group.pk, "before": before, "after": sorted(after)},
        reason=reason,
        author=by,
        beneficiary_ids=list(gain.values_list("pk", flat=True)),
    )


def _change_group(proposal: Proposal, by: AbstractUser) -> ApprovalOutcome:
    said = proposal.payload
    group = Group.objects.select_for_update(of=("self",)).filter(pk=said["group"]).first()
    there = Permission.objects.filter(pk__in=said["after"])
    if group is None or _ids_of(group) != said["before"] or there.count() != len(said["after"]):
        raise outdated()
    group.permissions.set(there)
    words = proposal.differences.replace("; ", "\n")
    tell(Act(verb=Verb.CHANGED, operator=by, obj=group, words=words, reason=proposal.reason))
    return ApprovalOutcome(f"{group.name}: {proposal.differences}")


def _ids_of(group: Group) -> list[int]:
    return sorted(group.permissions.values_list("pk", flat=True))


register(Action(KIND, "Change what a group may", "auth.change_permission", _change_group))
