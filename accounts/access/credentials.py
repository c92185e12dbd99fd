"""Names and passwords, as they are asked for, at the door and within a session; and what a new
password ends."""

from typing import Any

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX, check_password

from accounts.access.refusals import account_suspended
from accounts.access.sessions import end_sessions_of
from accounts.models import EndReason, User
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
    """For whatever lets a trader in or money out: raises DomainError for the suspended and the
    frozen, and a sub-account of such. Who asks holds the user's row locked, and its main one's, or
    a suspension may come in between."""
    if not user.is_active or (user.parent is not None and not user.parent.is_active):
        raise account_suspended()


class NewPasswordEndsSessions:
    """A validator of passwords, whose hook Django calls wherever one is saved. Whoever had the old
    password may have sessions; none of them outlives it."""

    def validate(self, password: str, user: Any = None) -> None:
        """Any will do."""

    def get_help_text(self) -> str:
        return "A new password ends all sessions."

    def password_changed(self, password: str, user: Any) -> None:  # noqa: ARG002  Django passes it
        end_sessions_of(user.pk, EndReason.PASSWORD_CHANGED)
