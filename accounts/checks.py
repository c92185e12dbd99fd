from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

SECRET_KEY_LENGTH_MIN = 32


@register
def secret_key_can_sign_tokens(**_: Any) -> list[CheckMessage]:
    if len(settings.SECRET_KEY) >= SECRET_KEY_LENGTH_MIN:
        return []
    message = f"DJANGO_SECRET_KEY signs tokens: give it {SECRET_KEY_LENGTH_MIN} characters or more."
    return [Error(message, id="accounts.E001")]
