from datetime import UTC, datetime, timedelta

from celery import shared_task

from accounts.models import Session, SignInFailure
from accounts.staff.sessions import SessionStore

KEPT_FOR = timedelta(days=90)  # for their owners and for support to look at
FORGOTTEN_AT_ONCE_MAX = 10_000


@shared_task
def forget_old_sessions() -> None:
    """And failed sign-ins. A part at a time: what is left is for the next run."""
    old = Session.objects.filter(expires_at__lte=datetime.now(UTC) - KEPT_FOR)
    oldest = old.order_by("expires_at").values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE_MAX]
    Session.objects.filter(pk__in=list(oldest)).delete()
    failures = SignInFailure.objects.filter(failed_at__lte=datetime.now(UTC) - KEPT_FOR)
    first = failures.order_by("failed_at").values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE_MAX]
    SignInFailure.objects.filter(pk__in=list(first)).delete()
    SessionStore.clear_expired()
