"""Inviting an operator: by a link that works once.

Theory of operation. Who is to come, as what, is proposed by one operator and approved by another,
where the policy says that this takes two. Then whoever proposed it makes the link, sees it once and
hands it over; of its token, 256 random bits, the row keeps the hash. Who opens the link chooses a
password, and only then there is a user. Each step has `OPEN_FOR` before the invitation is void.

**The first.** Where there is one operator, and never was another, nobody can approve. That one
invites alone, and only another superuser: from then on there are two, who must agree on everybody
else. A second first is never accepted, as a constraint in Postgres says. Who has had a colleague
doesn't get back there by removing them.

Nobody gives what they haven't got: only a superuser invites a superuser, and the groups that others
invite to hold nothing beyond what they may themselves.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import AbstractUser, Group
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.access.mail_addresses import read_mail
from accounts.access.single_use import TOKEN_LENGTH, hash_of, new_token
from accounts.access.usernames import check_username, find_user, username_taken
from accounts.models import Departure, Invitation, Person, User
from accounts.passwords import check_new_password
from accounts.staff.groups import held_by
from approvals import policy
from approvals.actions import Action, ApprovalOutcome, register
from approvals.models import Proposal
from approvals.services import Change, outdated, propose
from common.errors import DomainError, ErrorCode, invalid
from common.postgres.constraints import constraint_of
from common.reasons import reason_of

KIND = "invite_operator"
OPEN_FOR = timedelta(hours=48)


@dataclass(frozen=True)
class Wanted:
    """Who is invited, as what. ``groups``: ids."""

    username: str
    mail: str
    groups: Sequence[int]
    is_superuser: bool
    reason: str


def is_alone(by: AbstractUser) -> bool:
    """The only operator there is, and ever was."""
    others = User.objects.filter(Q(is_staff=True) | Q(is_superuser=True)).exclude(pk=by.pk)
    had_others = Departure.objects.exists() or Invitation.objects.exclude(user=None).exists()
    return by.is_superuser and not had_others and not others.exists()


@transaction.atomic
def invite(wanted: Wanted, by: AbstractUser) -> Invitation | Proposal:
    """A proposal, where another has to approve it. Raises DomainError."""
    is_first = policy.needs_second(KIND) and is_alone(by)
    groups = _check(wanted, by, is_first=is_first)
    if policy.needs_second(KIND) and not is_first:
        return _propose(wanted, groups, by)
    return _create(wanted, groups, by, is_first=is_first)


def _check(wanted: Wanted, by: AbstractUser, *, is_first: bool) -> list[Group]:
    reason_of(wanted.reason)
    check_username(User(username=wanted.username))
    read_mail(wanted.mail)
    groups = list(Group.objects.filter(pk__in=wanted.groups).order_by("name"))
    if len(groups) != len(set(wanted.groups)):
        raise invalid("groups", "One of these groups is not there any more.")
    if is_first and not wanted.is_superuser:
        message = "You are the only operator, so nobody could approve others: invite a superuser."
        raise invalid("is_superuser", message)
    if not groups and not wanted.is_superuser:
        raise invalid("groups", "Choose a group: without one an operator sees nothing.")
    if wanted.is_superuser and not by.is_superuser:
        raise invalid("is_superuser", "Only a superuser invites a superuser.")
    for group in groups:
        if not by.has_perms(held_by(group)):
            message = f"{group.name} may do more than you: a superuser invites to it."
            raise invalid("groups", message)
    _check_free(wanted.username)
    return groups


def _check_free(username: str) -> None:
    if find_user(username) is not None:
        raise username_taken()
    for earlier in _waiting().select_for_update(of=("self",)).filter(username__iexact=username):
        if earlier.expires_at > timezone.now():
            message = f"{username} is invited already: withdraw that first."
            raise DomainError(ErrorCode.PROPOSAL_WAITING, message, "username")
        _withdraw(earlier)


def _propose(wanted: Wanted, groups: list[Group], by: AbstractUser) -> Proposal:
    return propose(
        KIND,
        subject=wanted.username.lower(),
        title=f"Invite {wanted.username} as an operator",
        changes=[
            Change("username", "", wanted.username),
            Change("mail", "", wanted.mail),
            Change("groups", "", ", ".join(group.name for group in groups) or "none"),
            Change("superuser", "", "yes" if wanted.is_superuser else "no"),
        ],
        payload={
            "username": wanted.username,
            "mail": wanted.mail,
            "groups": [group.pk for group in groups],
            "held": [held_by(group) for group in groups],
            "is_superuser": wanted.is_superuser,
        },
        reason=wanted.reason,
        author=by,
    )


def _invite_approved(proposal: Proposal, by: AbstractUser) -> ApprovalOutcome:  # noqa: ARG001  as all
    said: dict[str, Any] = dict(proposal.payload)
    held = said.pop("held")
    wanted = Wanted(reason=proposal.reason, **said)
    author = User.objects.get(pk=proposal.author_id)
    groups = _check(wanted, author, is_first=False)
    if held != [held_by(group) for group in groups]:
        raise outdated()
    _create(wanted, groups, author, proposal=proposal)
    hours = OPEN_FOR // timedelta(hours=1)
    return ApprovalOutcome(
        f"{wanted.username} invited: {author} has {hours} hours to make the link"
    )


def _create(
    wanted: Wanted,
    groups: list[Group],
    inviter: AbstractUser,
    *,
    is_first: bool = False,
    proposal: Proposal | None = None,
) -> Invitation:
    now = timezone.now()
    try:
        with transaction.atomic():
            invitation = Invitation.objects.create(
                username=wanted.username,
                mail=wanted.mail,
                is_superuser=wanted.is_superuser,
                is_first=is_first,
                reason=reason_of(wanted.reason),
                inviter_id=inviter.pk,
                proposal=proposal,
                invited_at=now,
                expires_at=now + OPEN_FOR,
            )
    except IntegrityError as error:
        if constraint_of(error) != "invitation_open_once_per_name":
            raise
        message = f"Another operator invited {wanted.username} just now."
        raise DomainError(ErrorCode.PROPOSAL_WAITING, message, "username") from error
    invitation.groups.set(groups)
    return invitation


# --- the link -------------------------------------------------------------------------------------


@transaction.atomic
def make_link(invitation_id: int, by: AbstractUser) -> tuple[Invitation, str]:
    """The token, which is nowhere else. Once, by whoever invited. Raises DomainError."""
    invitation = _lock(invitation_id)
    if invitation.inviter_id != by.pk:
        raise DomainError(ErrorCode.FORBIDDEN, "The link is for whoever invited to make.")
    if invitation.token_hash is not None:
        message = "The link was made, and shown once. If it is lost, withdraw and invite anew."
        raise DomainError(ErrorCode.INVALID_TRANSITION, message)
    token = new_token()
    invitation.token_hash = hash_of(token)
    invitation.expires_at = timezone.now() + OPEN_FOR
    invitation.save(update_fields=["token_hash", "expires_at"])
    return invitation, token


@transaction.atomic
def withdraw(invitation_id: int) -> Invitation:
    """Raises DomainError where it is no longer open."""
    invitation = _lock(invitation_id)
    _withdraw(invitation)
    return invitation


def withdraw_all_of(inviter_id: int) -> list[Invitation]:
    """In a transaction."""
    rows = _waiting().select_for_update(of=("self",)).filter(inviter_id=inviter_id)
    withdrawn = list(rows.order_by("pk"))
    for invitation in withdrawn:
        _withdraw(invitation)
    return withdrawn


def open_invitations() -> QuerySet[Invitation]:
    return _waiting().filter(expires_at__gt=timezone.now())


def _waiting() -> QuerySet[Invitation]:
    return Invitation.objects.filter(accepted_at=None, withdrawn_at=None)


def _withdraw(invitation: Invitation) -> None:
    invitation.withdrawn_at = timezone.now()
    invitation.save(update_fields=["withdrawn_at"])


def _lock(invitation_id: int) -> Invitation:
    row = Invitation.objects.select_for_update(of=("self",)).filter(pk=invitation_id).first()
    if row is None:
        raise DomainError(ErrorCode.NOT_FOUND, "There is no such invitation.")
    _require_open(row, timezone.now())
    return row


def state_of(invitation: Invitation, now: datetime) -> str:
    if invitation.accepted_at is not None:
        return "accepted"
    if invitation.withdrawn_at is not None:
        return "withdrawn"
    if now >= invitation.expires_at:
        return "expired"
    return "link made" if invitation.token_hash else "link to be made"


def _require_open(invitation: Invitation, now: datetime) -> None:
    state = state_of(invitation, now)
    if state in ("accepted", "withdrawn", "expired"):
        said = {"accepted": "was used", "withdrawn": "was withdrawn", "expired": "has expired"}
        message = f"This invitation {said[state]}. Ask for another."
        raise DomainError(ErrorCode.INVALID_TRANSITION, message)


# --- who is invited -------------------------------------------------------------------------------


def invitation_of(token: str) -> Invitation:
    """The open one that this token is for. Raises DomainError."""
    found = None
    if len(token) == TOKEN_LENGTH:
        rows = Invitation.objects.filter(token_hash=hash_of(token))
        found = rows.select_related("inviter").first()
    if found is None:
        raise DomainError(ErrorCode.NOT_FOUND, "This link is not one of ours. Copy it whole.")
    _require_open(found, timezone.now())
    _require_operator(found.inviter)
    return found


def accept(token: str, password: str) -> User:
    """Makes the operator. Raises DomainError; the link goes on working then, unless it is void."""
    invitation = invitation_of(token)
    user = User(
        username=invitation.username,
        is_staff=True,
        is_superuser=invitation.is_superuser,
    )
    check_new_password(password, user)
    if find_user(user.username) is not None:
        raise _name_gone(user.username)
    user.password = make_password(password)  # before the transaction: it takes a while
    try:
        with transaction.atomic():
            _accept(invitation.pk, user)
    except IntegrityError as error:
        if constraint_of(error) == "invitation_accepted_first_once":
            message = "Another was the first to be invited. Ask for an invitation of two operators."
            raise DomainError(ErrorCode.INVALID_TRANSITION, message) from error
        if find_user(user.username) is None:
            raise
        raise _name_gone(user.username) from error
    return user


def _accept(invitation_id: int, user: User) -> None:
    invitation = _lock(invitation_id)
    inviter = User.objects.select_for_update(no_key=True).get(pk=invitation.inviter_id)
    _require_operator(inviter)
    if invitation.is_first and not is_alone(inviter):
        message = "There are other operators by now: two of them invite you."
        raise DomainError(ErrorCode.INVALID_TRANSITION, message)
    user.save(force_insert=True)
    user.groups.set(invitation.groups.all())
    now = timezone.now()  # who invited, and who approved, vouch for the mail
    Person.objects.create(user=user, mail=invitation.mail, mail_verified_at=now)
    invitation.user, invitation.accepted_at, invitation.mail = user, now, ""
    invitation.save(update_fields=["user", "accepted_at", "mail"])


def _require_operator(inviter: User) -> None:
    if not (inviter.is_active and inviter.is_staff):
        message = "Who invited you is no operator now. Ask for another invitation."
        raise DomainError(ErrorCode.INVALID_TRANSITION, message)


def _name_gone(username: str) -> DomainError:
    message = f"Somebody took the name {username} meanwhile. Ask to be invited under another."
    return DomainError(ErrorCode.USERNAME_TAKEN, message, "username")


register(
    Action(
        KIND,
        "Invite an operator",
        "auth.change_permission",
        _invite_approved,
        proposed_by=("accounts.manage_operators",),
    )
)
