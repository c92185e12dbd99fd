from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

SECRET_KEY_LENGTH_MIN = 32
SEALING_SECRET_LENGTH_MIN = 32


@register
def api_key_secrets_can_seal(**_: Any) -> list[CheckMessage]:
    short = any(len(one) < SEALING_SECRET_LENGTH_MIN for one in settings.API_KEY_SECRETS)
    if not short and settings.SECRET_KEY not in settings.API_KEY_SECRETS:
        return []
    message = (
        f"API_KEY_SECRETS seal keys: each has {SEALING_SECRET_LENGTH_MIN} characters or more, none "
        "is DJANGO_SECRET_KEY."
    )
    return [Error(message, id="accounts.E002")]


@register
def keys_to_users_say_whose(**_: Any) -> list[CheckMessage]:
    from accounts.people.kept import is_actor, is_owner, user_keys  # once there are models

    return [
        Error(
            f"{model._meta.label}.{field.name} names a user: say in accounts.people.kept, or where "
            "its room registers, whether as whose the row is or as who acted.",
            id="accounts.E003",
        )
        for model, field in user_keys()
        if is_owner(model, field) is is_actor(model, field)
    ]


@register
def country_header_is_believed(**_: Any) -> list[CheckMessage]:
    if not settings.BLOCKED_COUNTRIES or (settings.COUNTRY_HEADER and settings.TRUSTED_PROXIES):
        return []
    message = (
        "BLOCKED_COUNTRIES blocks nobody: name the COUNTRY_HEADER that a proxy of yours sets, and "
        "how many TRUSTED_PROXIES there are."
    )
    return [Error(message, id="accounts.E004")]


@register
def secret_key_can_sign_tokens(**_: Any) -> list[CheckMessage]:
    if len(settings.SECRET_KEY) >= SECRET_KEY_LENGTH_MIN:
        return []
    message = f"DJANGO_SECRET_KEY signs tokens: give it {SECRET_KEY_LENGTH_MIN} characters or more."
    return [Error(message, id="accounts.E001")]


@register(deploy=True)
def operators_can_have_a_second_factor(**_: Any) -> list[CheckMessage]:
    if settings.DEMO or settings.API_KEY_SECRETS or settings.PASSKEY_RP_ID:
        return []
    message = (
        "No operator can sign in without a second factor: set API_KEY_SECRETS for authenticator "
        "apps, or PASSKEY_RP_ID and PASSKEY_ORIGINS for passkeys."
    )
    return [Error(message, id="accounts.E005")]
