"""Money out takes a second factor, shown a moment ago, of whoever asks in a session."""

from django.conf import settings
from rest_framework.request import Request

from accounts.access.authentication import session_id_of, user_id_of
from accounts.factors.fresh import demand_fresh_factor
from accounts.keys.known import KeyUser


def require_fresh_factor(request: Request) -> None:
    """Raises DomainError. A key is its own factor: made with one, and bound to addresses."""
    if not isinstance(request.user, KeyUser):
        must_have = settings.WITHDRAWALS_NEED_FACTOR
        demand_fresh_factor(user_id_of(request), session_id_of(request), must_have=must_have)
