"""What is done to operators, each told to the audit in its own transaction. All raise DomainError;
nothing is done then."""

from dataclasses import dataclass

from django.db import transaction
from django.http import HttpRequest

from accounts import services as accounts
from accounts.models import Departure, Invitation, User
from accounts.staff import invitations
from accounts.staff.invitations import Wanted
from accounts.staff.operators import operator_of
from accounts.staff.sessions import staff_sessions_of
from approvals.models import Proposal
from approvals.services import leave_behind
from common.admin.acts import Act, Verb, tell
from common.errors import DomainError, ErrorCode

MANAGE = "accounts.manage_operators"


@transaction.atomic
def invite(request: HttpRequest, wanted: Wanted) -> Invitation | Proposal:
    made = invitations.invite(wanted, operator_of(request))
    if isinstance(made, Proposal):
        verb, words = Verb.PROPOSED, made.differences
    else:
        verb, words = Verb.INVITED, _words(made)
    tell(Act(verb=verb, request=request, obj=made, words=words, reason=made.reason))
    return made


def _words(invitation: Invitation) -> str:
    groups = ", ".join(sorted(group.name for group in invitation.groups.all())) or "no group"
    said = f"{invitation.username}, {invitation.mail}: {groups}"
    said += ", superuser" if invitation.is_superuser else ""
    if invitation.is_first:
        said += "; by one alone, the only operator there is or ever was"
    return said


@transaction.atomic
def make_link(request: HttpRequest, invitation_id: int) -> tuple[Invitation, str]:
    """The token, to be shown now and never again."""
    invitation, token = invitations.make_link(invitation_id, operator_of(request))
    tell(Act(verb=Verb.LINK_MADE, request=request, obj=invitation))
    return invitation, token


@transaction.atomic
def withdraw_invitation(request: HttpRequest, invitation_id: int) -> None:
    invitation = invitations.withdraw(invitation_id)
    tell(Act(verb=Verb.INVITATION_WITHDRAWN, request=request, obj=invitation))


def join(request: HttpRequest, token: str, password: str) -> User:
    """The invited becomes an operator, and is yet to come in."""
    with transaction.atomic():
        user = invitations.accept(token, password)
        tell(Act(verb=Verb.JOINED, request=request, operator=user, obj=user, words="by invitation"))
    return user


@transaction.atomic
def end_sessions(request: HttpRequest, user: User, key: str | None = None) -> int:
    """Of an operator, or the one of this key in the table. How many were open."""
    by = operator_of(request)
    if user.pk != by.pk and not by.has_perm(MANAGE):
        raise DomainError(ErrorCode.FORBIDDEN, "You may end your own sessions alone.")
    if user.is_superuser and user.pk != by.pk and not by.is_superuser:
        raise DomainError(ErrorCode.FORBIDDEN, f"{user} is a superuser: only a superuser may.")
    rows = staff_sessions_of(user.pk)
    rows = rows if key is None else rows.filter(session_key=key)
    ended = [f"from {row.address or 'nowhere known'}, {row.client}" for row in rows]
    if not ended:
        raise DomainError(ErrorCode.SESSION_NOT_OPEN, "This session is not open any more.")
    rows.delete()
    words = "\n".join(ended)
    tell(Act(verb=Verb.SESSIONS_ENDED, request=request, obj=user, words=words))
    return len(ended)


@dataclass(frozen=True)
class LeftBehind:
    """What became of what a retired operator had begun."""

    departure: Departure
    handed: int
    withdrawn: int
    invitations: int

    @property
    def words(self) -> str:
        return (
            f"no operator any more; {self.handed} proposals handed over, {self.withdrawn} "
            f"withdrawn, {self.invitations} invitations withdrawn"
        )


@transaction.atomic
def retire(request: HttpRequest, user: User, reason: str, successor: User | None) -> LeftBehind:
    """``successor`` takes over proposals that wait."""
    by = operator_of(request)
    _check_successor(user, successor)
    departure = accounts.retire_operator(user.pk, reason, by)
    handed, withdrawn = leave_behind(user, successor)
    gone = invitations.withdraw_all_of(user.pk)
    left = LeftBehind(departure, len(handed), len(withdrawn), len(gone))
    to = f" to {successor}" if successor and handed else ""
    words = f"{left.words}{to}"
    tell(Act(verb=Verb.RETIRED, request=request, obj=user, words=words, reason=departure.reason))
    return left


def _check_successor(user: User, successor: User | None) -> None:
    if successor is None:
        return
    if successor.pk == user.pk or not (successor.is_active and successor.is_staff):
        raise DomainError(
            ErrorCode.INVALID_FIELD, "Hand over to another operator, who is active.", "successor"
        )
