"""The two tokens of a session: what they say, and whether they are ours.

Both are signed and neither is stored. An access token names its user (``sub``) and its session
(``sid``) and stands for them for minutes. A refresh token names the session, too; its ``jti`` is
new with every renewal, and the session's row keeps the SHA-256 of the newest. So a copy of the
database holds nothing that could be sent here, and a token that was traded in before is recognised
when it comes again.

The library brings REST framework along; it is loaded where tokens are made and read, since most
processes that know sessions do neither.
"""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings

from common.errors import DomainError, ErrorCode
from matching.messages.limits import MAX_ID

if TYPE_CHECKING:
    from rest_framework_simplejwt.tokens import Token

TOKEN_LENGTH_MAX = 2_000
SESSION_CLAIM = "sid"
USER_CLAIM = "sub"


@dataclass(frozen=True, slots=True)
class AccessClaims:
    user_id: int
    session_id: int
    expires_s: float  # Unix time


@dataclass(frozen=True, slots=True)
class RefreshClaims:
    user_id: int
    session_id: int
    token_hash: str


def access_lifetime() -> timedelta:
    return _lifetime("ACCESS_TOKEN_LIFETIME")


def refresh_lifetime() -> timedelta:
    return _lifetime("REFRESH_TOKEN_LIFETIME")


def access_token(user_id: int, session_id: int, lifetime: timedelta | None = None) -> str:
    from rest_framework_simplejwt.tokens import AccessToken

    token = AccessToken()
    if lifetime is not None:
        token.set_exp(lifetime=lifetime)
    return _signed(token, user_id, session_id)


def refresh_token(user_id: int, session_id: int) -> tuple[str, str]:
    """A new one, and the hash its session keeps."""
    from rest_framework_simplejwt.tokens import RefreshToken

    token = RefreshToken()
    return _signed(token, user_id, session_id), _hash(token)


def read_access(token: str) -> AccessClaims:
    """Raises DomainError for a token that is forged, expired or of another kind."""
    from rest_framework_simplejwt.exceptions import ExpiredTokenError, TokenError
    from rest_framework_simplejwt.tokens import AccessToken

    if len(token) > TOKEN_LENGTH_MAX:
        raise token_invalid()
    try:
        claims = AccessToken(token)  # type: ignore[arg-type]  # the stub asks for a Token
        return AccessClaims(
            user_id=_an_id(claims, USER_CLAIM),
            session_id=_an_id(claims, SESSION_CLAIM),
            expires_s=float(claims["exp"]),
        )
    except ExpiredTokenError as error:
        message = "The token has expired. Get a new one from POST /auth/refresh."
        raise DomainError(ErrorCode.TOKEN_EXPIRED, message) from error
    except (TokenError, KeyError, TypeError, ValueError) as error:
        raise token_invalid() from error


def read_refresh(token: str) -> RefreshClaims:
    """Raises DomainError."""
    from rest_framework_simplejwt.exceptions import TokenError
    from rest_framework_simplejwt.tokens import RefreshToken

    if len(token) > TOKEN_LENGTH_MAX:
        raise refresh_invalid()
    try:
        claims = RefreshToken(token)  # type: ignore[arg-type]  # the stub asks for a Token
        return RefreshClaims(
            user_id=_an_id(claims, USER_CLAIM),
            session_id=_an_id(claims, SESSION_CLAIM),
            token_hash=_hash(claims),
        )
    except (TokenError, KeyError, TypeError, ValueError) as error:
        raise refresh_invalid() from error


def token_invalid() -> DomainError:
    message = "The token is not valid here. Get one from POST /auth/signin."
    return DomainError(ErrorCode.TOKEN_INVALID, message)


def refresh_invalid() -> DomainError:
    message = "The refresh token is not valid any more. Sign in again with POST /auth/signin."
    return DomainError(ErrorCode.REFRESH_INVALID, message, "refresh")


def _signed(token: "Token", user_id: int, session_id: int) -> str:
    token[USER_CLAIM] = str(user_id)
    token[SESSION_CLAIM] = session_id
    return str(token)


def _lifetime(name: str) -> timedelta:
    of_jwt: Any = settings.SIMPLE_JWT
    lifetime: timedelta = of_jwt[name]
    return lifetime


def _hash(token: "Token") -> str:
    return hashlib.sha256(str(token["jti"]).encode()).hexdigest()


def _an_id(claims: "Token", name: str) -> int:
    an_id = int(claims[name])
    if not 1 <= an_id <= MAX_ID:
        raise ValueError(name)
    return an_id
