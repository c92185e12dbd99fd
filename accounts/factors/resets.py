"""Taking away what somebody can't show any more: by two operators, neither of them the owner.

With it all sessions end, and withdrawals are locked for a day: whoever talked support into it has
no money out of it before the owner may notice. The password and API keys stay. An operator's takes
superusers. Where there is one operator alone, whoever has the server does it (`manage.py
resetsecondfactor`); nobody decides that.
"""

from datetime import UTC, datetime, timedelta

from django.contrib.auth.models import AbstractUser
from django.db import transaction

from accounts.access.sessions import end_sessions_of
from accounts.factors.proofs import forget_guesses
from accounts.factors.selectors import has_factor, second_factors_of
from accounts.models import EndReason, Factor, FactorReset, PasskeyChallenge, RecoveryCode, User
from accounts.notices.kinds import NoticeKind
from accounts.notices.telling import tell as tell_owner
from accounts.staff.sessions import end_staff_sessions
from approvals.actions import Action, ApprovalOutcome, register
from approvals.models import Proposal
from approvals.services import Change, propose
from common.admin.acts import Act, Verb, tell
from common.errors import DomainError, ErrorCode
from common.reasons import reason_of

KIND = "reset_second_factor"
PROPOSE = "accounts.propose_factor_reset"
DECIDE = "accounts.decide_factor_reset"
WITHDRAWALS_LOCKED_FOR = timedelta(hours=24)


def propose_reset(user: User, reason: str, by: AbstractUser) -> Proposal:
    """Raises DomainError, also for one's own."""
    _check(user, by)
    return propose(
        KIND,
        subject=str(user.pk),
        title=f"Reset the second factor of {user}",
        changes=[
            Change("second factor", second_factors_of([user.pk])[user.pk], "none"),
            Change("sessions", "", "all ended"),
            Change("withdrawals", "", "locked for 24 hours"),
        ],
        payload={"user": user.pk},
        reason=reason,
        author=by,
        beneficiary_ids=[user.pk],
    )


def _check(user: User, by: AbstractUser) -> None:
    if (user.is_staff or user.is_superuser) and not by.is_superuser:
        message = f"{user} is an operator: superusers reset theirs."
        raise DomainError(ErrorCode.FORBIDDEN, message)
    if not has_factor(user.pk):
        message = f"{user} has no second factor to reset."
        raise DomainError(ErrorCode.INVALID_TRANSITION, message)


def _reset_approved(proposal: Proposal, by: AbstractUser) -> ApprovalOutcome:
    user = User.objects.select_for_update(no_key=True).get(pk=proposal.payload["user"])
    _check(user, by)
    reset = _reset(user, proposal.reason, proposal=proposal, decided_by_id=by.pk)
    until = f"{reset.withdrawals_locked_until:%Y-%m-%d %H:%M:%S} UTC"
    words = f"second factor reset; withdrawals locked until {until}"
    tell(Act(verb=Verb.FACTOR_RESET, operator=by, obj=user, words=words, reason=proposal.reason))
    return ApprovalOutcome(f"{user}: {words}")


@transaction.atomic
def reset_by_hand(user: User, reason: str) -> FactorReset:
    """By whoever has the server."""
    return _reset(User.objects.select_for_update(no_key=True).get(pk=user.pk), reason)


def _reset(
    user: User, reason: str, proposal: Proposal | None = None, decided_by_id: int | None = None
) -> FactorReset:
    now = datetime.now(UTC)
    for rows in (Factor.objects, RecoveryCode.objects, PasskeyChallenge.objects):
        rows.filter(user_id=user.pk).delete()
    forget_guesses(user.pk)
    end_sessions_of(user.pk, EndReason.FACTOR_RESET)
    end_staff_sessions(user.pk)
    reset = FactorReset.objects.create(
        user=user,
        proposal=proposal,
        asked_by_id=proposal.author_id if proposal else None,
        decided_by_id=decided_by_id,
        reason=reason_of(reason),
        reset_at=now,
        withdrawals_locked_until=now + WITHDRAWALS_LOCKED_FOR,
    )
    until = f"{reset.withdrawals_locked_until:%Y-%m-%d %H:%M:%S}"
    tell_owner(user.pk, NoticeKind.FACTOR_RESET, str(reset.pk), until=until)
    return reset


register(
    Action(
        KIND,
        "Reset a second factor",
        DECIDE,
        _reset_approved,
        is_fixed=True,
        proposed_by=(PROPOSE,),
    )
)
