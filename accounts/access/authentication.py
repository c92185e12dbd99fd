"""Who sent a request: a signed token, checked without asking the database about its user.

A token stands for its user until it expires; those who must be refused before that are known to
every process (`accounts.access.refusals`).
"""

import time
from dataclasses import dataclass

import rest_framework_simplejwt.tokens  # noqa: F401  `read_access` has it once it is asked
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request

from accounts.access.caller import Caller
from accounts.access.refusals import refusals
from accounts.access.tokens import AccessClaims, read_access
from common.errors import DomainError, ErrorCode

VERIFIED_TOKENS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class TokenUser(Caller):
    """The user a token speaks for, as far as the token knows.

    ``main_id``: who signed in, where that acts for a sub-account (`accounts.families`)
    """

    session_id: int
    main_id: int | None = None


class _VerifiedTokens:
    """Signatures already checked: token → what it says."""

    def __init__(self) -> None:
        self._known: dict[str, AccessClaims] = {}

    def claims(self, token: str) -> AccessClaims:
        """Raises DomainError for a token that is forged, expired or of another kind."""
        known = self._known.get(token)
        if known is not None:
            if time.time() < known.expires_s:
                return known
            self._known.pop(token, None)
        claims = read_access(token)
        if len(self._known) >= VERIFIED_TOKENS_MAX:
            self._known.clear()
        self._known[token] = claims
        return claims


_verified_tokens = _VerifiedTokens()


def authenticate_token(token: str) -> TokenUser:
    """The user of an access token. Raises DomainError; the feeds and the fast path use it too."""
    claims = _verified_tokens.claims(token)
    refusals.check(claims.user_id, claims.session_id)
    return TokenUser(claims.user_id, claims.session_id)


def token_user(header: str) -> TokenUser | None:
    """Of an Authorization header; None without one. Raises DomainError."""
    if not header:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        message = "Send the header as 'Authorization: Bearer <token>'."
        raise DomainError(ErrorCode.TOKEN_INVALID, message)
    return authenticate_token(token.strip())


def user_id_of(request: Request) -> int:
    """Of the caller, in a view that only signed-in users reach."""
    user_id = getattr(request.user, "pk", None)
    if not isinstance(user_id, int):
        raise NotAuthenticated
    return user_id


def session_id_of(request: Request) -> int:
    """Of the caller's token, likewise."""
    session_id = getattr(request.user, "session_id", None)
    if not isinstance(session_id, int):
        raise NotAuthenticated
    return session_id


class TokenAuthentication(BaseAuthentication):
    """``Authorization: Bearer <access token>``."""

    def authenticate(self, request: Request) -> tuple[TokenUser, None] | None:
        user = token_user(request.META.get("HTTP_AUTHORIZATION", ""))
        return None if user is None else (user, None)

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002  DRF passes it
        return "Bearer"
