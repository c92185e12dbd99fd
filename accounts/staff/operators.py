"""Who acts in the admin."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from accounts.models import User


def operator_of(request: HttpRequest) -> User:
    """Who clicked; the admin lets nobody in who isn't signed in."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user
