"""Who sent a request: a signed token, checked without asking the database about its user.

A token stands for its user until it expires. So that a suspended user doesn't trade on for that
long, every process keeps the ids of suspended users, read again from Postgres every
`SUSPENDED_REFRESH_S`.
"""

import threading
import time
from dataclasses import dataclass
from http import HTTPStatus

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request
from rest_framework_simplejwt.exceptions import ExpiredTokenError, TokenError
from rest_framework_simplejwt.tokens import AccessToken

from accounts.models import User
from exchange_site.api import ApiError
from matching.messages.limits import MAX_ID

SUSPENDED_REFRESH_S = 15.0
TOKEN_LENGTH_MAX = 2_000
VERIFIED_TOKENS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class TokenUser:
    """The user a token speaks for, as far as the token knows: the id and nothing else."""

    pk: int

    @property
    def id(self) -> int:
        return self.pk

    @property
    def is_authenticated(self) -> bool:
        return True

    @property
    def is_active(self) -> bool:
        return True


class _VerifiedTokens:
    """Signatures already checked: token → user and the time it expires."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, float]] = {}

    def user_id(self, token: str) -> int:
        """Raises ApiError for a token that is forged, expired or of another kind."""
        known = self._known.get(token)
        if known is not None:
            user_id, expires_at = known
            if time.time() < expires_at:
                return user_id
            self._known.pop(token, None)
        user_id, expires_at = _verify(token)
        if len(self._known) >= VERIFIED_TOKENS_MAX:
            self._known.clear()
        self._known[token] = user_id, expires_at
        return user_id


def _verify(token: str) -> tuple[int, float]:
    try:
        claims = AccessToken(token)  # type: ignore[arg-type]  # the stub asks for a Token
        user_id = int(claims["sub"])
    except ExpiredTokenError as error:
        message = "The token has expired. Get a new one from POST /auth/refresh."
        raise ApiError(HTTPStatus.UNAUTHORIZED, "TOKEN_EXPIRED", message) from error
    except (TokenError, KeyError, TypeError, ValueError) as error:
        raise _invalid_token() from error
    if not 1 <= user_id <= MAX_ID:
        raise _invalid_token()
    return user_id, float(claims["exp"])


def _invalid_token() -> ApiError:
    message = "The token is not valid here. Get one from POST /auth/signin."
    return ApiError(HTTPStatus.UNAUTHORIZED, "TOKEN_INVALID", message)


class SuspendedUsers:
    """Ids of suspended users as of at most `SUSPENDED_REFRESH_S` ago, in this process."""

    def __init__(self) -> None:
        self._ids: frozenset[int] = frozenset()
        self._read_at: float | None = None
        self._lock = threading.Lock()

    def __contains__(self, user_id: int) -> bool:
        if self._stale():
            with self._lock:
                if self._stale():
                    suspended = User.objects.filter(is_active=False)
                    self._ids = frozenset(suspended.values_list("pk", flat=True))
                    self._read_at = time.monotonic()
        return user_id in self._ids

    def _stale(self) -> bool:
        return self._read_at is None or time.monotonic() - self._read_at > SUSPENDED_REFRESH_S

    def forget(self) -> None:
        """Read again before the next answer."""
        self._read_at = None


suspended_users = SuspendedUsers()
_verified_tokens = _VerifiedTokens()


def account_suspended() -> ApiError:
    message = "This account is suspended. Ask the operator."
    return ApiError(HTTPStatus.FORBIDDEN, "ACCOUNT_SUSPENDED", message)


def authenticate_token(token: str) -> TokenUser:
    """The user of an access token. Raises ApiError; the feeds and the fast path use it too."""
    if len(token) > TOKEN_LENGTH_MAX:
        raise _invalid_token()
    user_id = _verified_tokens.user_id(token)
    if user_id in suspended_users:
        raise account_suspended()
    return TokenUser(user_id)


def token_user(header: str) -> TokenUser | None:
    """Of an Authorization header; None without one. Raises ApiError."""
    if not header:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        message = "Send the header as 'Authorization: Bearer <token>'."
        raise ApiError(HTTPStatus.UNAUTHORIZED, "TOKEN_INVALID", message)
    return authenticate_token(token.strip())


def user_id_of(request: Request) -> int:
    """Of the caller, in a view that only signed-in users reach."""
    user_id = getattr(request.user, "pk", None)
    if not isinstance(user_id, int):
        raise NotAuthenticated
    return user_id


class TokenAuthentication(BaseAuthentication):
    """``Authorization: Bearer <access token>``."""

    def authenticate(self, request: Request) -> tuple[TokenUser, None] | None:
        user = token_user(request.META.get("HTTP_AUTHORIZATION", ""))
        return None if user is None else (user, None)

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002  DRF passes it
        return "Bearer"
