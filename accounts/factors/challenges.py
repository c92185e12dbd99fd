"""The first step of a sign-in with a second factor: whose password was right, signed by us.

The token is good for the second step and nothing else, for minutes, and only while the password is
the one it was given for.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core import signing
from django.utils.crypto import constant_time_compare, salted_hmac

from accounts.factors.selectors import kinds_of
from accounts.models import User
from common.errors import DomainError, ErrorCode

GOOD_FOR = timedelta(minutes=5)
TOKEN_LENGTH_MAX = 500
_SALT = "accounts.factors.sign-in"


@dataclass(frozen=True)
class OpenChallenge:
    """``kinds``: what can be shown, as `selectors.kinds_of` has them."""

    challenge: str
    kinds: list[str]
    good_until: datetime


def ask_for_factor(user: User) -> OpenChallenge:
    """Of somebody whose password was right."""
    token = signing.dumps({"user": user.pk, "epoch": epoch_of(user)}, salt=_SALT)
    return OpenChallenge(token, kinds_of(user.pk), datetime.now(UTC) + GOOD_FOR)


def user_asked(token: str) -> User:
    """Raises DomainError."""
    if len(token) > TOKEN_LENGTH_MAX:
        raise challenge_void()
    try:
        said: Any = signing.loads(token, salt=_SALT, max_age=GOOD_FOR)
    except signing.BadSignature as error:
        raise challenge_void() from error
    user = User.objects.filter(pk=said["user"]).first()
    if user is None or not constant_time_compare(said["epoch"], epoch_of(user)):
        raise challenge_void()
    return user


def challenge_void() -> DomainError:
    message = "The challenge is not valid any more. Sign in with your password again."
    return DomainError(ErrorCode.TOKEN_INVALID, message, "challenge")


def epoch_of(user: User) -> str:
    """Another with every password."""
    return salted_hmac(_SALT, user.password, algorithm="sha256").hexdigest()[:32]
