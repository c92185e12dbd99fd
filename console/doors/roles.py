"""Who may come to a door."""

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest

from accounts.models import User
from accounts.staff.sessions import SessionStore
from console.factors.door import mark_shown
from console.groups import ACTIONS, names_held

SIGNED_OUT, TRADER, NO_GROUP, SUPERUSER = "signed out", "trader", "no group", "superuser"
STRANGERS = (SIGNED_OUT, TRADER, NO_GROUP)  # whom the site lets see nothing
ROLES = (*STRANGERS, *ACTIONS, SUPERUSER)


def request_as(role: str) -> HttpRequest:
    """As the admins read it, in a session that is open. Its user is in no table."""
    request = HttpRequest()
    request.method = "GET"
    request.session = SessionStore()
    mark_shown(request)
    request.user = AnonymousUser() if role == SIGNED_OUT else _user_as(role)
    return request


def _user_as(role: str) -> User:
    user = User(username=role, is_staff=role != TRADER, is_superuser=role == SUPERUSER)
    # Where Django's backend keeps what it has read of a user's permissions.
    user._perm_cache = set(names_held(role)) if role in ACTIONS else set()  # type: ignore[attr-defined]
    return user
