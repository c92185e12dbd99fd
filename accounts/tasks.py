from datetime import UTC, datetime, timedelta

from celery import shared_task

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


@shared_task
def write_password_resets() -> None:
    write_resets()


@shared_task
def forget_old_sessions() -> None:
    """And failed sign-ins, resets, revoked keys and what keys asked for. A part at a time: what is
    left is for the next run."""
    old = Session.objects.filter(expires_at__lte=datetime.now(UTC) - KEPT_FOR)
    oldest = old.order_by("expires_at").values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE_MAX]
    Session.objects.filter(pk__in=list(oldest)).delete()
    failures = SignInFailure.objects.filter(failed_at__lte=datetime.now(UTC) - KEPT_FOR)
    first = failures.order_by("failed_at").values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE_MAX]
    SignInFailure.objects.filter(pk__in=list(first)).delete()
    now = datetime.now(UTC)
    resets = PasswordReset.objects.filter(expires_at__lte=now - KEPT_FOR).order_by("expires_at")
    first_resets = resets.values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE_MAX]
    PasswordReset.objects.filter(pk__in=list(first_resets)).delete()
    revoked = ApiKey.objects.filter(revoked_at__lte=now - KEYS_KEPT_FOR).order_by("revoked_at")
    revoked_first = revoked.values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE_MAX]
    ApiKey.objects.filter(pk__in=list(revoked_first)).delete()
    served = ServedRequest.objects.filter(good_until__lte=now).order_by("good_until")
    served_first = served.values_list("pk", flat=True)[: 10 * FORGOTTEN_AT_ONCE_MAX]
    ServedRequest.objects.filter(pk__in=list(served_first)).delete()
    PasskeyChallenge.objects.filter(good_until__lte=now).delete()
    GuessLock.objects.filter(tried_at__lte=now - FORGOTTEN_AFTER).delete()
    SessionStore.clear_expired()
