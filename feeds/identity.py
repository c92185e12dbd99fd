"""Who a feed's client is: the same tokens as over HTTP."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from asgiref.sync import sync_to_async
from django.db import DatabaseError, InterfaceError, close_old_connections

from accounts.access.authentication import authenticate_token
from common.errors import DomainError
from feeds.protocol import FeedError

UNAVAILABLE = "UNAVAILABLE"


@dataclass(frozen=True)
class Identity:
    token: str
    account_id: int


class SignedIn(Protocol):
    """A connection whose client has said who it is, or hasn't."""

    @property
    def identity(self) -> Identity | None: ...
    def sign_out(self, why: FeedError) -> None: ...


async def sign_out_refused(connections: Iterable[SignedIn]) -> None:
    """Those whose token has expired, whose session has ended or who are suspended. One step for
    all: it is cheap enough to take every second."""
    known = [(one, one.identity) for one in connections]
    signed_in = [(one, identity) for one, identity in known if identity is not None]
    if not signed_in:
        return
    refusals = await sync_to_async(_refusals)([identity for _, identity in signed_in])
    for (one, identity), why in zip(signed_in, refusals, strict=True):
        if why is not None and one.identity is identity:
            one.sign_out(why)


def _refusals(identities: Sequence[Identity]) -> list[FeedError | None]:
    found: list[FeedError | None] = []
    for identity in identities:
        try:
            _identify(identity.token)
            found.append(None)
        except FeedError as error:
            found.append(None if error.code == UNAVAILABLE else error)
    return found


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
        raise FeedError(UNAVAILABLE, "Signing in is not possible now. Try again.") from error
