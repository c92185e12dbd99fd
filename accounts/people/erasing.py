"""Forgetting a person whose account is closed. Takes two operators.

Their row goes, with sessions, failed sign-ins, mails, keys and second factors, all of no use by
now; the name becomes `erased-<id>`. The number stays, and with it every order, fill and entry of
the books, which are proved by it as before. What stays besides is told in `docs/operating.md`.
"""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import AbstractUser
from django.db import transaction

from accounts.models import (
    ApiKey,
    Closure,
    Factor,
    GuessLock,
    Invitation,
    PasskeyChallenge,
    PasswordReset,
    Person,
    RecoveryCode,
    ResetRequest,
    Session,
    SignInFailure,
    TermsAcceptance,
    User,
)
from accounts.people.closing import lock_closure
from accounts.people.kept import mails_of
from accounts.staff.sessions import end_staff_sessions
from approvals import policy
from approvals.actions import Action, ApprovalOutcome, register
from approvals.models import Proposal
from approvals.services import Change, propose
from common.errors import DomainError, ErrorCode
from common.reasons import reason_of

KIND = "erase_person"

Eraser = Callable[[int], object]
_erasers: list[Eraser] = []


def register_eraser(erase: Eraser) -> Eraser:
    """Of what a room above keeps by name. Called in the transaction that erases."""
    _erasers.append(erase)
    return erase


@transaction.atomic
def propose_or_erase(closure_id: int, reason: str, by: User) -> Closure | Proposal:
    """A proposal, where another has to approve it. Raises DomainError."""
    closure = lock_closure(closure_id)
    if not policy.needs_second(KIND):
        return _erase(closure, by, reason)
    return propose(
        KIND,
        subject=str(closure.pk),
        title=f"Erase user {closure.user_id}",  # a name would outlive it here
        changes=[Change("person", "kept", "erased for good")],
        payload={"closure": closure.pk},
        reason=reason,
        author=by,
        beneficiary_ids=[closure.user_id],
    )


def _erase_approved(proposal: Proposal, by: AbstractUser) -> ApprovalOutcome:
    closure = lock_closure(proposal.payload["closure"])
    _erase(closure, User.objects.get(pk=by.pk), proposal.reason)
    return ApprovalOutcome(f"user {closure.user_id} erased")


def _erase(closure: Closure, by: User, reason: str) -> Closure:
    reason_of(reason)
    user = closure.user
    if user.pk == by.pk or user.is_staff or user.is_superuser:
        raise DomainError(ErrorCode.FORBIDDEN, "Operators aren't erased, and nobody oneself.")
    for account in (user, *User.objects.filter(parent=user).order_by("pk")):
        _erase_account(account)
    closure.erased_at, closure.erased_by = datetime.now(UTC), by
    closure.save(update_fields=["erased_at", "erased_by"])
    return closure


def _erase_account(user: User) -> None:
    for erase in (_erase_rows, _erase_columns, *_erasers):
        erase(user.pk)
    user.username = _name_of_erased(user.pk)
    user.password = make_password(None)
    user.last_login = None
    user.save(update_fields=["username", "password", "last_login"])


def _erase_rows(user_id: int) -> None:
    username = User.objects.values_list("username", flat=True).get(pk=user_id)
    mails_of(user_id).delete()
    person = Person.objects.filter(user_id=user_id).first()
    typed = [username] if person is None else [username, person.mail]
    ResetRequest.objects.filter(typed__in=typed).delete()
    SignInFailure.objects.filter(username__iexact=username).delete()
    GuessLock.objects.filter(whose__iexact=username).delete()
    for model in (Person, Session, PasswordReset, ApiKey, Factor, RecoveryCode, PasskeyChallenge):
        model._default_manager.filter(user_id=user_id).delete()
    end_staff_sessions(user_id)


def _erase_columns(user_id: int) -> None:
    TermsAcceptance.objects.filter(user_id=user_id).update(address=None)
    name = _name_of_erased(user_id)
    Invitation.objects.filter(user_id=user_id).update(mail="", username=name)


def _name_of_erased(user_id: int) -> str:
    name = f"erased-{user_id}"
    taken = User.objects.filter(username__iexact=name).exclude(pk=user_id).exists()
    return f"{name}-{secrets.token_hex(8)}" if taken else name


register(Action(KIND, "Erase a person", "accounts.erase_person", _erase_approved))
