"""Names and passwords, as they are asked for, at the door and within a session; and what a new
password ends."""

import secrets
from typing import Any

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX, check_password

from accounts.access.refusals import account_suspended
from accounts.access.sessions import end_sessions_of
from accounts.models import Closure, EndReason, User
from accounts.notices.kinds import NoticeKind
from accounts.notices.telling import tell
from accounts.passwords import LENGTH_MAX
from common.errors import DomainError, ErrorCode


def is_right(password: str, user: User | None) -> bool:
    """After the same work where there is no such user."""
    encoded = user.password if user else UNUSABLE_PASSWORD_PREFIX
    return check_password(password, encoded) if len(password) <= LENGTH_MAX else False


def wrong_credentials() -> DomainError:
    message = "The username or the password is wrong."
    return DomainError(ErrorCode.WRONG_CREDENTIALS, message)


def require_password(user_id: int, password: str) -> User:
    """Of somebody who is signed in, for what a session alone must not do. Raises DomainError."""
    user = User.objects.filter(pk=user_id).first()
    if not is_right(password, user) or user is None:
        message = "The password is wrong."
        raise DomainError(ErrorCode.WRONG_PASSWORD, message, "password")
    return user


def require_active(user: User) -> None:
    """For whatever lets a trader in or money out: raises DomainError for the suspended, the frozen
    and the closed, and a sub-account of such. Who asks holds the user's row locked, and its main
    one's, or a suspension may come in between."""
    main = user if user.parent is None else user.parent
    if user.is_active and main.is_active:
        return
    if is_closed(main.pk):
        message = "This account is closed. Ask the operator to open it again."
        raise DomainError(ErrorCode.ACCOUNT_CLOSED, message)
    raise account_suspended()


def is_closed(user_id: int) -> bool:
    """By its owner, and not reopened since."""
    return Closure.objects.filter(user_id=user_id, reopened_at=None).exists()


class NewPasswordEndsSessions:
    """A validator of passwords, whose hook Django calls wherever one is saved. Whoever had the old
    password may have sessions; none of them outlives it."""

    def validate(self, password: str, user: Any = None) -> None:
        """Any will do."""

    def get_help_text(self) -> str:
        return "A new password ends all sessions."

    def password_changed(self, password: str, user: Any) -> None:  # noqa: ARG002  Django passes it
        end_sessions_of(user.pk, EndReason.PASSWORD_CHANGED)
        key, where = secrets.token_hex(8), "the operators' console"
        tell(user.pk, NoticeKind.PASSWORD_CHANGED, key, address=where)
