"""Closing an account: by its owner, once nothing is left in it; and opening it again."""

from collections.abc import Iterable
from datetime import UTC, datetime

from django.db import transaction

from accounts.access.credentials import require_active, require_password
from accounts.access.obstacles import obstacles_of, register_obstacles
from accounts.keys.services import revoke_all_keys
from accounts.models import Closure, EndReason, User
from accounts.notices.kinds import NoticeKind
from accounts.notices.telling import tell
from accounts.services import resume_user, suspend_user
from common.errors import DomainError, ErrorCode
from common.reasons import reason_of

KEYS_REVOKED = "the account was closed"


def close_account(user_id: int, password: str) -> Closure:
    """Nobody signs in or signs with a key any more; the name stays taken. Raises DomainError."""
    require_password(user_id, password)
    with transaction.atomic():
        user = User.objects.select_for_update(no_key=True).get(pk=user_id)
        require_active(user)
        if reasons := obstacles_of(user_id):
            message = f"The account can't be closed yet: {'; '.join(reasons)}."
            raise DomainError(ErrorCode.ACCOUNT_IN_USE, message, reasons=reasons)
        closure = Closure.objects.create(user=user)
        tell(user_id, NoticeKind.ACCOUNT_CLOSED, str(closure.pk))
        revoke_all_keys(user_id, KEYS_REVOKED)
        suspend_user(user, EndReason.ACCOUNT_CLOSED)
    return closure


@transaction.atomic
def reopen_account(closure_id: int, reason: str, by: User) -> Closure:
    """Its owner may sign in again; keys and sessions stay gone. Raises DomainError."""
    closure = lock_closure(closure_id)
    if closure.user_id == by.pk:
        message = "This account is your own: another operator opens it."
        raise DomainError(ErrorCode.OWN_REQUEST, message)
    closure.reopened_at, closure.reopened_by = datetime.now(UTC), by
    closure.reopen_reason = reason_of(reason)
    closure.save(update_fields=["reopened_at", "reopened_by", "reopen_reason"])
    resume_user(closure.user)
    return closure


def lock_closure(closure_id: int) -> Closure:
    """One that can still end, with its user. Raises DomainError."""
    user_id = Closure.objects.values_list("user_id", flat=True).get(pk=closure_id)
    user = User.objects.select_for_update(no_key=True).get(pk=user_id)
    closure = Closure.objects.select_for_update(no_key=True).get(pk=closure_id)
    closure.user = user
    if closure.erased_at is not None:
        message = "The person was erased: nobody is there to open it for, nor to erase."
        raise DomainError(ErrorCode.INVALID_TRANSITION, message)
    if closure.reopened_at is not None:
        raise DomainError(ErrorCode.INVALID_TRANSITION, "This account was opened again already.")
    return closure


@register_obstacles
def _powers(user_id: int) -> Iterable[str]:
    user = User.objects.get(pk=user_id)
    if user.is_staff or user.is_superuser:
        yield "it is an operator's: another operator lets you go first"
