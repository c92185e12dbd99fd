"""Operators as the pages show them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import Permission
from django.db.models import Count, Max, Q, QuerySet
from django.utils import timezone

from accounts.access.refusals import HEARD_EVERYWHERE_S
from accounts.access.sessions import open_sessions
from accounts.factors.selectors import second_factors_of
from accounts.models import Departure, Invitation, StaffSession, User
from accounts.staff.invitations import open_invitations
from accounts.staff.sessions import staff_sessions_of
from approvals.models import Proposal, ProposalStatus
from common.admin import when
from console.audit.models import AuditRow
from console.operators.words import sentences

OPERATORS_SHOWN_MAX = 500
ACTS_SHOWN_MAX = 20
INVITATIONS_SHOWN_MAX = 50
FORMER_SHOWN_MAX = 20


@dataclass(frozen=True)
class Operator:
    """``seen_at``: with a session that is open, else the last sign-in. ``second_factor``: in words,
    empty for none."""

    user: User
    groups: list[str]
    seen_at: datetime | None
    sessions: int
    second_factor: str


def operators() -> list[Operator]:
    now = timezone.now()
    is_open = Q(staff_sessions__expire_date__gt=now)
    users = list(
        User.objects.filter(is_staff=True)
        .annotate(
            sessions_open=Count("staff_sessions", filter=is_open),
            session_seen_at=Max("staff_sessions__seen_at", filter=is_open),
        )
        .prefetch_related("groups")
        .order_by("username")[:OPERATORS_SHOWN_MAX]
    )
    second = second_factors_of([user.pk for user in users])
    return [
        Operator(
            user,
            sorted(group.name for group in user.groups.all()),
            user.session_seen_at or user.last_login,
            user.sessions_open,
            second[user.pk],
        )
        for user in users
    ]


def members_of(found: Sequence[Operator]) -> dict[int, int]:
    """How many of the active are in each group."""
    active = [one.user for one in found if one.user.is_active]
    return Counter(group.pk for user in active for group in user.groups.all())


def sessions_of(user: User) -> QuerySet[StaffSession]:
    return staff_sessions_of(user.pk).order_by("-seen_at")


def may_of(user: User) -> list[str]:
    """A sentence each."""
    held = Permission.objects.filter(Q(group__user=user) | Q(user=user)).distinct()
    held = held.select_related("content_type")
    return sentences(held)


def acts_of(user: User) -> QuerySet[AuditRow]:
    return AuditRow.objects.filter(operator=user).order_by("-pk")[:ACTS_SHOWN_MAX]


def proposals_of(user: User) -> list[Proposal]:
    """Those that wait for another."""
    rows = Proposal.objects.filter(author=user, status=ProposalStatus.WAITING).order_by("pk")
    now = timezone.now()
    return [row for row in rows if row.status_at(now) is ProposalStatus.WAITING]


def invitations() -> QuerySet[Invitation]:
    rows = Invitation.objects.select_related("inviter", "user").prefetch_related("groups")
    return rows.order_by("-pk")[:INVITATIONS_SHOWN_MAX]


def former() -> QuerySet[Departure]:
    rows = Departure.objects.select_related("user", "by").filter(user__is_staff=False)
    return rows.order_by("-pk")[:FORMER_SHOWN_MAX]


def newest_departure(user: User) -> Departure | None:
    rows = Departure.objects.filter(user=user).select_related("by")
    return None if user.is_staff else rows.order_by("-pk").first()


def left_of(user: User, departure: Departure) -> list[tuple[str, bool, str]]:
    """Of each thing an operator had: what, whether it is gone, and how it stands."""
    powers = [
        ("operator", user.is_staff),
        ("superuser", user.is_superuser),
        ("groups", user.groups.exists()),
        ("permissions of their own", user.user_permissions.exists()),
    ]
    console, api = staff_sessions_of(user.pk).count(), open_sessions(user.pk).count()
    heard_at = departure.left_at + timedelta(seconds=HEARD_EVERYWHERE_S)
    is_heard = timezone.now() >= heard_at
    invited = open_invitations().filter(inviter=user).count()
    proposed = len(proposals_of(user))
    return [
        ("Signing in", not user.is_active, "active again" if user.is_active else "refused"),
        *((f"Powers: {name}", not held, "yes" if held else "none") for name, held in powers),
        ("Sessions at the console", not console, f"{console} open"),
        ("Sessions with the API", not api, f"{api} open"),
        ("Every process has heard", is_heard, "yes" if is_heard else f"by {when(heard_at)} UTC"),
        ("Proposals of theirs that wait", not proposed, str(proposed)),
        ("Invitations of theirs that are open", not invited, str(invited)),
    ]
