"""Who a feed's client is: the same tokens as over HTTP."""

from dataclasses import dataclass

from asgiref.sync import sync_to_async
from django.db import DatabaseError, InterfaceError, close_old_connections

from accounts.access.authentication import authenticate_token
from common.errors import DomainError
from feeds.protocol import FeedError


@dataclass(frozen=True)
class Identity:
    token: str
    account_id: int


async def identify(token: str) -> Identity:
    """Raises FeedError: with the API's code for a bad token, UNAVAILABLE when nobody can tell."""
    return await sync_to_async(_identify)(token)


def _identify(token: str) -> Identity:
    try:
        return Identity(token, authenticate_token(token).pk)
    except DomainError as error:
        raise FeedError(error.code, error.message) from error
    except (DatabaseError, InterfaceError) as error:
        close_old_connections()
        raise FeedError("UNAVAILABLE", "Signing in is not possible now. Try again.") from error
