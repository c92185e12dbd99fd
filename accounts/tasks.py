from datetime import UTC, datetime, timedelta

from celery import shared_task
from django.db.models import Model

from accounts.access.guesses import FORGOTTEN_AFTER
from accounts.keys.services import KEPT_FOR as KEYS_KEPT_FOR
from accounts.models import (
    ApiKey,
    GuessLock,
    PasskeyChallenge,
    PasswordReset,
    ServedRequest,
    Session,
    SignInFailure,
)
from accounts.people.resets import write_resets
from accounts.staff.sessions import SessionStore

KEPT_FOR = timedelta(days=90)  # for their owners and for support to look at
FORGOTTEN_AT_ONCE_MAX = 10_000
SERVED_AT_ONCE_MAX = 100_000  # a row for each request of a key that changed something


@shared_task
def write_password_resets() -> None:
    write_resets()


@shared_task
def forget_old_sessions() -> None:
    """And failed sign-ins, resets, revoked keys, what keys asked for, challenges and guesses. A
    part at a time: what is left is for the next run."""
    now = datetime.now(UTC)
    _forget(Session, "expires_at", now - KEPT_FOR)
    _forget(SignInFailure, "failed_at", now - KEPT_FOR)
    _forget(PasswordReset, "expires_at", now - KEPT_FOR)
    _forget(ApiKey, "revoked_at", now - KEYS_KEPT_FOR)
    _forget(ServedRequest, "good_until", now, at_once_max=SERVED_AT_ONCE_MAX)
    _forget(PasskeyChallenge, "good_until", now)
    _forget(GuessLock, "tried_at", now - FORGOTTEN_AFTER)
    SessionStore.clear_expired()


def _forget(
    model: type[Model], column: str, until: datetime, at_once_max: int = FORGOTTEN_AT_ONCE_MAX
) -> None:
    """The oldest of those up to that time."""
    rows = model._default_manager.filter(**{f"{column}__lte": until}).order_by(column)
    keys = list(rows.values_list("pk", flat=True)[:at_once_max])
    model._default_manager.filter(pk__in=keys).delete()
