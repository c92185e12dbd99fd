"""Sessions: opened by a password, renewed by a refresh token, ended by many things at once.

Theory of operation. One row is one sign-in, however often it is renewed. It keeps the hash of the
one refresh token that may renew it. A renewal is a single UPDATE that names that hash, so of two
requests with one token the first alone is served. A refresh token of ours that comes when its
session has moved on is a copy in the wrong hands, his or ours: nobody can tell whose, so the
session ends for both, and the user signs in again.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import QuerySet

from accounts.access.refusals import account_suspended, announce_ended, refusals
from accounts.access.tokens import (
    access_token,
    read_refresh,
    refresh_invalid,
    refresh_lifetime,
    refresh_token,
)
from accounts.models import EndReason, Session, User
from accounts.models.access import CLIENT_LENGTH_MAX
from accounts.notices.places import tell_if_new
from common.errors import DomainError, ErrorCode

OPEN_SESSIONS_MAX = 50  # of one user; the one that was used longest ago goes
FRESH_FOR = timedelta(minutes=10)
REFRESH_KEPT_FOR = timedelta(hours=1)  # by a page

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Origin:
    """Where a sign-in came from, as its owner will recognise it."""

    address: str | None
    client: str  # as the User-Agent names itself


@dataclass(frozen=True)
class Tokens:
    """A signed-in user: the token for calls, and the one that renews it once."""

    token: str
    refresh: str
    user: User


@transaction.atomic
def open_session(user: User, origin: Origin, factor_at: datetime | None = None) -> Tokens:
    """``factor_at``: when whoever signs in showed a second factor."""
    now = datetime.now(UTC)
    client = client_words(origin.client)
    tell_if_new(user.pk, origin.address, client)
    session = Session.objects.create(
        user=user,
        refresh_hash="",
        opened_at=now,
        renewed_at=now,
        expires_at=now + refresh_lifetime(),
        address=origin.address,
        client=client,
        factor_at=factor_at,
    )
    refresh, session.refresh_hash = refresh_token(user.pk, session.pk)
    session.save(update_fields=["refresh_hash"])
    beyond = open_sessions(user.pk).order_by("-renewed_at", "-pk")[OPEN_SESSIONS_MAX:]
    _end(beyond.values_list("pk", flat=True), EndReason.CROWDED_OUT)
    return Tokens(token=access_token(user.pk, session.pk), refresh=refresh, user=user)


def renew_session(refresh: str) -> Tokens:
    """Trade a refresh token for a new pair. Each works once; one that comes again ends its
    session. Raises DomainError."""
    claims = read_refresh(refresh)
    user = User.objects.filter(pk=claims.user_id).first()
    if user is None:
        raise refresh_invalid()
    if not user.is_active:
        raise account_suspended()
    renewed, new_hash = refresh_token(user.pk, claims.session_id)
    now = datetime.now(UTC)
    own = open_sessions(user.pk).filter(pk=claims.session_id)
    served = own.filter(refresh_hash=claims.token_hash).update(
        refresh_hash=new_hash,
        renewed_at=now,
        expires_at=now + refresh_lifetime(),
    )
    if not served:
        if _end(own.values_list("pk", flat=True), EndReason.TOKEN_REUSED):
            log.warning("refresh_token_reused", user=user.pk, session=claims.session_id)
        raise refresh_invalid()
    return Tokens(token=access_token(user.pk, claims.session_id), refresh=renewed, user=user)


def continue_session(refresh: str) -> Tokens:
    """As `renew_session`, for a page: it asks as often as it is loaded, in tabs that know nothing
    of each other, and an answer may be lost to a reload. So for an hour the refresh token stays
    what it is; then it is traded in. Raises DomainError."""
    claims = read_refresh(refresh)
    own = open_sessions(claims.user_id).filter(pk=claims.session_id, refresh_hash=claims.token_hash)
    kept = own.filter(renewed_at__gt=datetime.now(UTC) - REFRESH_KEPT_FOR)
    session = kept.select_related("user").first()
    if session is None:
        return renew_session(refresh)
    if not session.user.is_active:
        raise account_suspended()
    token = access_token(session.user_id, session.pk)
    return Tokens(token=token, refresh=refresh, user=session.user)


def sign_out(refresh: str) -> None:
    """End the session of a refresh token that would still renew it. Raises DomainError."""
    claims = read_refresh(refresh)
    current = open_sessions(claims.user_id).filter(
        pk=claims.session_id, refresh_hash=claims.token_hash
    )
    if not _end(current.values_list("pk", flat=True), EndReason.SIGNED_OUT):
        raise refresh_invalid()


def end_own_session(user_id: int, session_id: int) -> None:
    """One of the user's own. Raises DomainError where there is none that is open."""
    own = open_sessions(user_id).filter(pk=session_id)
    if not _end(own.values_list("pk", flat=True), EndReason.ENDED_BY_USER):
        raise DomainError(ErrorCode.SESSION_NOT_FOUND, "You have no open session of this id.")


def end_sessions_of(user_id: int, reason: EndReason, keep: int | None = None) -> int:
    """All open sessions of a user but ``keep``; how many that were."""
    others = open_sessions(user_id)
    if keep is not None:
        others = others.exclude(pk=keep)
    return _end(others.values_list("pk", flat=True), reason)


def end_session(session: Session) -> None:
    """By an operator. Raises DomainError."""
    if not _end([session.pk], EndReason.ENDED_BY_OPERATOR):
        raise DomainError(ErrorCode.SESSION_NOT_OPEN, "This session is not open any more.")


def open_sessions(user_id: int) -> QuerySet[Session]:
    return Session.objects.filter(user_id=user_id, ended_at=None, expires_at__gt=datetime.now(UTC))


def require_fresh_session(session_id: int) -> None:
    """For what must not be had by whoever finds a session open. Raises DomainError."""
    since = datetime.now(UTC) - FRESH_FOR
    if not Session.objects.filter(pk=session_id, opened_at__gt=since, ended_at=None).exists():
        minutes = FRESH_FOR // timedelta(minutes=1)
        message = f"Sign in again first: this takes a session of the last {minutes} minutes."
        raise DomainError(ErrorCode.SIGN_IN_AGAIN, message)


@transaction.atomic
def _end(session_ids: Iterable[int], reason: EndReason) -> int:
    ids = sorted(session_ids)
    if not ids:
        return 0
    now = datetime.now(UTC)
    # Locked in order: two that end the same sessions don't wait for each other in a circle.
    open_now = Session.objects.select_for_update().filter(pk__in=ids, ended_at=None)
    ended = list(open_now.order_by("pk").values_list("pk", flat=True))
    Session.objects.filter(pk__in=ended).update(ended_at=now, end_reason=reason)
    refusals.look_again()
    transaction.on_commit(lambda: announce_ended(ended, now))
    return len(ended)


def client_words(text: str) -> str:
    """What a client says of itself, as it is kept and shown."""
    return "".join(letter for letter in text if letter.isprintable())[:CLIENT_LENGTH_MAX]
