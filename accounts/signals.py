from typing import Any

from django.contrib.auth.signals import user_logged_in
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver
from django.http import HttpRequest

from accounts.access.refusals import refusals
from accounts.access.sessions import Origin
from accounts.models import User
from accounts.staff.sessions import SessionStore
from common.limits.askers import address_of


@receiver([post_save, post_delete], sender=User)
def look_for_suspended_users(**_: Any) -> None:
    refusals.look_again()


@receiver(user_logged_in)
def keep_origin(request: HttpRequest, **_: Any) -> None:
    session = getattr(request, "session", None)
    if isinstance(session, SessionStore):
        client = request.META.get("HTTP_USER_AGENT", "")
        session.opened_from(Origin(address_of(request), client))
