"""Who a feed's client is: the same tokens as over HTTP, and the same keys.

A signature opens a channel once, while its window is open. What keeps it open is looked at again
and again without one: that the token counts, or that the key does.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

from asgiref.sync import sync_to_async
from django.db import DatabaseError, InterfaceError, close_old_connections

from accounts.access.authentication import authenticate_token
from accounts.families.authentication import acting_for
from accounts.keys.headers import KeyHeaders
from accounts.keys.known import KnownKey, known_keys
from accounts.keys.replays import replays
from accounts.keys.signing import SignedRequest
from accounts.keys.uses import uses
from accounts.keys.verifying import check_still_counts, no_such_key, require_scope, verify
from common.errors import DomainError
from common.http.addresses import Address
from common.scopes import Scope
from feeds.protocol import Auth, FeedError

UNAVAILABLE = "UNAVAILABLE"
# What a key signs in place of a request's: no call has this method.
AUTH_METHOD, AUTH_PATH = "AUTH", "/ws"


@dataclass(frozen=True)
class Identity:
    """By a token, for the account it named if any, or by a key and from an address."""

    account_id: int
    token: str = ""
    account: str = ""
    public_id: str = ""
    address: Address | None = None
    scopes: frozenset[Scope] | None = None  # of a key

    def check(self) -> None:
        """Whether it still counts. Raises DomainError."""
        if self.token:
            acting_for(authenticate_token(self.token), self.account)
            return
        self._key()

    def _key(self) -> KnownKey:
        key = known_keys.get(self.public_id)
        if key is None:
            raise no_such_key()
        check_still_counts(key, self.address)
        return key

    def use_key(self) -> frozenset[Scope]:
        """Once more, for an order: what it may. Raises DomainError."""
        key = self._key()
        uses.count(key.user.key_id, self.address)
        return key.user.scopes

    def require_reading(self) -> None:
        """Raises FeedError."""
        if self.scopes is not None:
            with _in_feeds_words():
                require_scope(self.scopes, Scope.READ)


class SignedIn(Protocol):
    """A connection whose client has said who it is, or hasn't."""

    @property
    def identity(self) -> Identity | None: ...
    def sign_out(self, why: FeedError) -> None: ...


async def sign_out_refused(connections: Iterable[SignedIn]) -> None:
    """Those whose token or key has expired, whose session has ended or key is revoked, or who are
    suspended. One step for all: it is cheap enough to take every second."""
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
    with suppress(FeedError), _in_feeds_words():
        known_keys.read([one.public_id for one in identities if one.public_id])
    for identity in identities:
        try:
            with _in_feeds_words():
                identity.check()
            found.append(None)
        except FeedError as error:
            found.append(None if error.code == UNAVAILABLE else error)
    return found


@dataclass(frozen=True)
class Claim:
    request: Auth
    address: Address | None


async def identify(claim: Claim) -> Identity:
    """Raises FeedError: with the API's code for a bad token or signature, UNAVAILABLE when nobody
    can tell."""
    return await sync_to_async(_identify)(claim)


def _identify(claim: Claim) -> Identity:
    request, address = claim.request, claim.address
    signed = KeyHeaders(
        request.key or "",
        _digits(request.timestamp),
        _digits(request.window),
        request.signature or "",
    )
    if bool(request.token) == signed.is_given:
        raise FeedError("INVALID_MESSAGE", "Send token, or key, timestamp and signature.")
    account = request.account or ""
    if account and not request.token:
        raise FeedError("INVALID_MESSAGE", "A key is of one account: leave account out.")
    with _in_feeds_words():
        if request.token:
            acting = acting_for(authenticate_token(request.token), account)
            return Identity(acting.pk, token=request.token, account=str(acting.pk))
        asked = SignedRequest(signed, AUTH_METHOD, AUTH_PATH, "")
        user, spent = verify(asked, b"", address)
        if Scope.TRADE not in user.scopes:
            require_scope(user.scopes, Scope.READ)
        (refused,) = replays.refuse([spent])
        if refused is not None:
            raise refused
        return Identity(user.pk, public_id=signed.public_id, address=address, scopes=user.scopes)


def _digits(number: int | None) -> str:
    return "" if number is None else str(number)


@contextmanager
def _in_feeds_words() -> Iterator[None]:
    try:
        yield
    except DomainError as error:
        raise FeedError(error.code, error.message) from error
    except (DatabaseError, InterfaceError) as error:
        close_old_connections()
        raise FeedError(UNAVAILABLE, "Signing in is not possible now. Try again.") from error
