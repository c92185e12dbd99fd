"""Dangerous steps: a second factor of the last minutes, in the session that asks.

`demand_fresh_factor` is called by whoever does something dangerous for a trader, once, before it
looks at anything else. `POST /auth/confirm` shows one anew.
"""

from datetime import UTC, datetime, timedelta

from django.conf import settings

from accounts.access.sessions import open_sessions
from accounts.factors.proofs import Proof, show_factor
from accounts.factors.selectors import has_factor, kinds_of
from common.errors import DomainError, ErrorCode


def fresh_for() -> timedelta:
    return timedelta(seconds=settings.FRESH_FACTOR_S)


def is_fresh(shown_at: datetime | None) -> bool:
    return shown_at is not None and shown_at > datetime.now(UTC) - fresh_for()


def demand_fresh_factor(user_id: int, session_id: int, *, must_have: bool = False) -> None:
    """Raises DomainError unless a factor was shown in the session within the last minutes.

    Whoever has none is let through, to what asks for the password besides; not where one
    ``must_have`` one, as to take money out.
    """
    if is_fresh(factor_shown_at(user_id, session_id)):
        return
    kinds = kinds_of(user_id)
    if kinds:
        message = "Show your second factor with POST /auth/confirm, then ask again."
        raise DomainError(ErrorCode.SECOND_FACTOR_REQUIRED, message, kinds=kinds)
    if must_have:
        message = "This takes a second factor: set one up with POST /user/factors/totp."
        raise DomainError(ErrorCode.SECOND_FACTOR_REQUIRED, message, kinds=[])


def factor_shown_at(user_id: int, session_id: int) -> datetime | None:
    own = open_sessions(user_id).filter(pk=session_id)
    return own.values_list("factor_at", flat=True).first()


def confirm(user_id: int, session_id: int, proof: Proof) -> datetime:
    """The session is fresh, until when. Raises DomainError."""
    if not has_factor(user_id):
        message = "You have no second factor: set one up with POST /user/factors/totp."
        raise DomainError(ErrorCode.FACTOR_NOT_FOUND, message)
    show_factor(user_id, proof)
    return mark_shown(user_id, session_id)


def mark_shown(user_id: int, session_id: int) -> datetime:
    now = datetime.now(UTC)
    open_sessions(user_id).filter(pk=session_id).update(factor_at=now)
    return now + fresh_for()
