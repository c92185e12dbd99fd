"""Who is on the way in, who is in, and when they showed a factor last, in the session's data."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import login
from django.http import HttpRequest
from django.urls import reverse
from django.utils.crypto import constant_time_compare
from django.utils.http import url_has_allowed_host_and_scheme

from accounts.factors.challenges import epoch_of
from accounts.factors.fresh import is_fresh
from accounts.factors.selectors import has_factor
from accounts.factors.services import must_have_factor
from accounts.models import User

GOOD_FOR = timedelta(minutes=10)  # to set a factor up takes longer than to show one
_PENDING = "second_step"
_SHOWN = "factor_shown_at"
_BACKEND = "django.contrib.auth.backends.ModelBackend"


def needs_step(user: User) -> bool:
    """Whether the password alone lets them in."""
    return must_have_factor(user) or has_factor(user.pk)


def enter(request: HttpRequest, user: User, target: str) -> str:
    """Whoever gave the right password, or chose it. Where to send them: to where they were going,
    or first to show a factor, or to set one up."""
    if not needs_step(user):
        login(request, user, backend=_BACKEND)
        return target
    request.session.flush()
    request.session[_PENDING] = {
        "user": user.pk,
        "epoch": epoch_of(user),
        "until": (datetime.now(UTC) + GOOD_FOR).isoformat(),
        "target": target,
    }
    request.session.set_expiry(int(GOOD_FOR.total_seconds()))
    return reverse("admin:factor" if has_factor(user.pk) else "admin:factor-enrol")


def subject_of(request: HttpRequest) -> User | None:
    """Who is to show a factor: on the way in, or in."""
    user = request.user
    if isinstance(user, User):
        return user if user.is_active and user.is_staff else None
    pending: Any = request.session.get(_PENDING)
    if not pending or datetime.fromisoformat(pending["until"]) <= datetime.now(UTC):
        return None
    found = User.objects.filter(pk=pending["user"], is_active=True, is_staff=True).first()
    if found is None or not constant_time_compare(pending["epoch"], epoch_of(found)):
        return None
    return found


def let_in(request: HttpRequest, user: User) -> str:
    """Whoever showed a factor just now; where they were going."""
    pending: Any = request.session.get(_PENDING) or {}
    target = _target(request, pending.get("target") or request.GET.get("next", ""))
    if not request.user.is_authenticated:
        request.session.flush()  # the new one has nothing of a stranger's
        login(request, user, backend=_BACKEND)
    mark_shown(request)
    return target


def _target(request: HttpRequest, asked: str) -> str:
    hosts = {request.get_host()}
    if url_has_allowed_host_and_scheme(asked, hosts, require_https=request.is_secure()):
        return asked
    return reverse("admin:index")


def mark_shown(request: HttpRequest) -> None:
    request.session[_SHOWN] = datetime.now(UTC).isoformat()


def shown_at(request: HttpRequest) -> datetime | None:
    session = getattr(request, "session", None)
    said = session.get(_SHOWN) if session is not None else None
    return None if said is None else datetime.fromisoformat(said)


def has_shown(request: HttpRequest) -> bool:
    """Whether the site lets this session in. In the demo whoever has a factor showed it as they
    signed in."""
    return settings.DEMO or shown_at(request) is not None


def must_ask(request: HttpRequest) -> bool:
    """Before what is dangerous."""
    if is_fresh(shown_at(request)):
        return False
    user = request.user
    return isinstance(user, User) and needs_step(user)
