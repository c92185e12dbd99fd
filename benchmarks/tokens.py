"""Access tokens that outlive a benchmark."""

from datetime import timedelta

from rest_framework_simplejwt.tokens import AccessToken

from accounts.models import User


def token_of(user: User) -> str:
    token = AccessToken.for_user(user)
    token.set_exp(lifetime=timedelta(hours=2))
    return str(token)
