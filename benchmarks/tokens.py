"""Access tokens that outlive a benchmark."""

from datetime import timedelta

from accounts.access.tokens import access_token
from accounts.models import User

SESSION_ID = 1  # of no row: nobody ends it


def token_of(user: User) -> str:
    return access_token(user.pk, SESSION_ID, lifetime=timedelta(hours=2))
