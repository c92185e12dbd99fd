"""Keys at the door of Django's views: who signed, and whether the call is one of theirs."""

from typing import TYPE_CHECKING, Any

from django.utils.encoding import escape_uri_path
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from accounts.families.authentication import refuse_account_with_key
from accounts.keys.headers import NAMES, KeyHeaders
from accounts.keys.known import KeyUser
from accounts.keys.replays import replays
from accounts.keys.signing import SignedRequest
from accounts.keys.verifying import require_scope, verify
from common.errors import DomainError, ErrorCode
from common.http.addresses import asker_of
from common.http.calls import scope_of

if TYPE_CHECKING:  # whose class body imports this module
    from rest_framework.views import APIView

RAW_PATH = "RAW_PATH"  # of the environ, where the server tells how the path was sent
_VARIABLES = [f"HTTP_{name.upper().replace('-', '_')}" for name in NAMES]


class KeyAuthentication(BaseAuthentication):
    """The four headers of `accounts.keys.headers`."""

    def authenticate(self, request: Request) -> tuple[KeyUser, None] | None:
        headers = KeyHeaders(*(request.META.get(name, "") for name in _VARIABLES))
        if not headers.is_given:
            return None
        refuse_both(headers, request.META.get("HTTP_AUTHORIZATION", ""))
        refuse_account_with_key(request.META.get("HTTP_X_ACCOUNT", ""))
        path = request.META.get(RAW_PATH) or escape_uri_path(request.path)
        query = request.META.get("QUERY_STRING", "")
        method = str(request.method)
        signed = SignedRequest(headers, method, path, query)
        user, spent = verify(signed, request._request.body, asker_of(request.META))
        if method not in SAFE_METHODS:
            (refused,) = replays.refuse([spent], durably=True)
            if refused is not None:
                raise refused
        return user, None

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002  DRF passes it
        return "Bearer"


class KeyScope(BasePermission):
    """A key is let through where the call names a scope that it has."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        user: Any = request.user
        if isinstance(user, KeyUser):
            require_scope(user.scopes, scope_of(view, request))
        return True


def refuse_both(headers: KeyHeaders, authorization: str) -> None:
    """Raises DomainError: whose budget and powers would count?"""
    if headers.is_given and authorization:
        message = "Send the header Authorization or those of a key, not both."
        raise DomainError(ErrorCode.AUTHENTICATION_FAILED, message)
