"""Which account of a family a token acts for: the header X-Account, read once per request."""

from dataclasses import replace
from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts.access.authentication import TokenAuthentication, TokenUser, token_user
from accounts.access.refusals import refusals
from accounts.families.known import known_families
from accounts.families.services import MAIN, archived, no_such_account
from common.errors import DomainError, ErrorCode
from common.http.calls import scope_of
from common.scopes import Scope

if TYPE_CHECKING:  # whose class body imports this module
    from rest_framework.views import APIView

HEADER = "X-Account"
SAID_MAX = 32
_OF_ACCOUNTS = (Scope.READ, Scope.TRADE)  # what an account may be asked and do


def acting_for(user: TokenUser, said: str) -> TokenUser:
    """The same caller, as the account that was named by id or name; itself where none was. Raises
    DomainError."""
    if not said or said == MAIN or said == str(user.pk):
        return user
    member = known_families.member(user.pk, said) if len(said) <= SAID_MAX else None
    if member is None:
        raise no_such_account()
    if member.is_archived:
        raise archived(member.name)
    refusals.check(member.pk, user.session_id)
    return replace(user, pk=member.pk, main_id=user.pk)


def caller_of(authorization: str, account: str) -> TokenUser | None:
    """Of two headers; None where nobody is named. Raises DomainError."""
    user = token_user(authorization)
    return user if user is None else acting_for(user, account)


def refuse_account_with_key(account: str) -> None:
    """The header isn't signed, and a key is of one account. Raises DomainError."""
    if account:
        message = f"A key acts for the account it was made for: leave {HEADER} out."
        raise DomainError(ErrorCode.AUTHENTICATION_FAILED, message)


class FamilyAuthentication(TokenAuthentication):
    """``Authorization: Bearer <access token>``, for the account that ``X-Account`` names."""

    def authenticate(self, request: Request) -> tuple[TokenUser, None] | None:
        said = request.META.get("HTTP_X_ACCOUNT", "")
        user = caller_of(request.META.get("HTTP_AUTHORIZATION", ""), said)
        return None if user is None else (user, None)


class OfAccounts(BasePermission):
    """A sub-account is named only where an account acts; the rest is the person's."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        user = request.user
        is_for_another = isinstance(user, TokenUser) and user.main_id is not None
        if is_for_another and scope_of(view, request) not in _OF_ACCOUNTS:
            message = f"This is for the main account alone: leave {HEADER} out."
            raise DomainError(ErrorCode.MAIN_ACCOUNT_ONLY, message)
        return True
