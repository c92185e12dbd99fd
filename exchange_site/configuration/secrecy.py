"""Secrets long enough for what they are for: a webhook's moves money, whoever guesses it."""

from django.core.exceptions import ImproperlyConfigured

SIGNING_LENGTH_MIN = 32
SEALING_LENGTH_MIN = 32
SHOWN_LENGTH_MIN = 16


def signing_key(name: str, secret: str) -> str:
    """Raises ImproperlyConfigured."""
    if len(secret) < SIGNING_LENGTH_MIN:
        raise ImproperlyConfigured(
            f"{name} signs tokens: give it {SIGNING_LENGTH_MIN} random characters or more."
        )
    return secret


def sealing_keys(name: str, secrets: list[str], *, signing: str) -> list[str]:
    """Raises ImproperlyConfigured."""
    if signing in secrets or any(len(one) < SEALING_LENGTH_MIN for one in secrets):
        raise ImproperlyConfigured(
            f"{name} seal keys: each has {SEALING_LENGTH_MIN} characters or more, none is "
            "DJANGO_SECRET_KEY."
        )
    return secrets


def shown_secrets(name: str, secrets: list[str]) -> list[str]:
    """What is shown, or signed with, by programs outside. Raises ImproperlyConfigured."""
    if any(len(one) < SHOWN_LENGTH_MIN for one in secrets):
        raise ImproperlyConfigured(
            f"{name} can be guessed: give it {SHOWN_LENGTH_MIN} random characters or more."
        )
    return secrets


def shown_secret(name: str, secret: str) -> str:
    """The same of one; "" for none. Raises ImproperlyConfigured."""
    return shown_secrets(name, [secret])[0] if secret else ""
