"""Everything that changes who may do what: sign-up, tokens, suspension."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.contrib.auth.hashers import (
    UNUSABLE_PASSWORD_PREFIX,
    check_password,
    make_password,
)
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models.functions import Lower
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import RefreshToken

from accounts.authentication import TOKEN_LENGTH_MAX, account_suspended
from accounts.models import User
from exchange_site.api import ApiError, invalid

PASSWORD_LENGTH_MAX = 128


@dataclass(frozen=True)
class Session:
    """A signed-in user: the token for calls, and the one that renews it once."""

    token: str
    refresh: str
    user: User


def sign_up(username: str, password: str) -> Session:
    """Make a trader with an empty wallet. Raises ApiError."""
    user = User(username=username)
    _check_username(user)
    _check_password(password, user)
    if _find(username) is not None:
        raise _taken()
    user.password = make_password(password)  # before the transaction: it takes a while
    try:
        with transaction.atomic():
            user.save(force_insert=True)
            return _open_session(user)
    except IntegrityError as error:
        if _find(username) is None:
            raise
        raise _taken() from error


def sign_in(username: str, password: str) -> Session:
    """Raises ApiError, after the same work for a wrong password and for an unknown name."""
    user = _find(username)
    encoded = user.password if user else UNUSABLE_PASSWORD_PREFIX
    right = check_password(password, encoded) if len(password) <= PASSWORD_LENGTH_MAX else False
    if user is None or not right:
        message = "The username or the password is wrong."
        raise ApiError(HTTPStatus.UNAUTHORIZED, "WRONG_CREDENTIALS", message)
    if not user.is_active:
        raise account_suspended()
    return _open_session(user)


@transaction.atomic
def refresh_session(refresh: str) -> Session:
    """Trade a refresh token for a new pair. Each works once. Raises ApiError."""
    token = _read_refresh(refresh)
    user = User.objects.filter(pk=token["sub"]).first()
    if user is None:
        raise _refresh_invalid()
    if not user.is_active:
        raise account_suspended()
    if not _blacklist(token):  # another request was faster
        raise _refresh_invalid()
    return _open_session(user)


def sign_out(refresh: str) -> None:
    """Make the refresh token useless. Its access token runs out by itself. Raises ApiError."""
    _read_refresh(refresh).blacklist()


def suspend_user(user: User) -> None:
    """Refuse the user everywhere, within `SUSPENDED_REFRESH_S`. Open orders stay."""
    user.is_active = False
    user.save(update_fields=["is_active"])


def resume_user(user: User) -> None:
    user.is_active = True
    user.save(update_fields=["is_active"])


def _find(username: str) -> User | None:
    return User.objects.alias(lower=Lower("username")).filter(lower=username.lower()).first()


def _check_username(user: User) -> None:
    exclude = [f.name for f in User._meta.fields if f.name != "username"]
    try:
        user.clean_fields(exclude=exclude)
    except ValidationError as error:
        message = f"username: {error.message_dict['username'][0]}"
        raise invalid("username", message) from error


def _check_password(password: str, user: User) -> None:
    if len(password) > PASSWORD_LENGTH_MAX:
        raise invalid("password", f"password must be at most {PASSWORD_LENGTH_MAX} characters.")
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise invalid("password", " ".join(error.messages)) from error


def _taken() -> ApiError:
    message = "That username is taken. Choose another."
    return ApiError(HTTPStatus.CONFLICT, "USERNAME_TAKEN", message, "username")


def _open_session(user: User) -> Session:
    refresh = RefreshToken.for_user(user)
    return Session(token=str(refresh.access_token), refresh=str(refresh), user=user)


def _read_refresh(refresh: str) -> RefreshToken:
    if len(refresh) > TOKEN_LENGTH_MAX:
        raise _refresh_invalid()
    try:
        token = RefreshToken(refresh)  # type: ignore[arg-type]  # the stub asks for a Token
        int(token["sub"])
    except (TokenError, KeyError, TypeError, ValueError) as error:
        raise _refresh_invalid() from error
    return token


def _blacklist(token: RefreshToken) -> bool:
    """False if it was blacklisted already. The stub forgets that get_or_create answers a pair."""
    answer: Any = token.blacklist()
    return bool(answer[1])


def _refresh_invalid() -> ApiError:
    message = "The refresh token is not valid any more. Sign in again with POST /auth/signin."
    return ApiError(HTTPStatus.UNAUTHORIZED, "REFRESH_INVALID", message, "refresh")
