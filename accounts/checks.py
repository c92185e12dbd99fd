from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register


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


# What is for trying out, each alone: with real money any of it gives it away.
_FOR_PLAY: tuple[tuple[str, Callable[[], bool], str], ...] = (
    ("DEMO", lambda: settings.DEMO, "opens self-service funds and lifts the limit of sign-ups"),
    ("SELF_ONRAMP", lambda: settings.SELF_ONRAMP, "lets traders fund themselves"),
    ("LIMITS", lambda: not settings.LIMITS, "at 0 lifts the budgets of orders, cancels and reads"),
    (
        "CUSTODY_NETWORKS",
        lambda: "demo" in settings.CUSTODY_NETWORKS,
        "has demo, whose chain is played: anybody sends money in",
    ),
)


@register(deploy=True)
def nothing_is_for_play(**_: Any) -> list[CheckMessage]:
    return [
        Error(f"{name} {what}: leave it out where money is real.", id="accounts.E005")
        for name, is_on, what in _FOR_PLAY
        if is_on()
    ]


@register(deploy=True)
def operators_can_have_a_second_factor(**_: Any) -> list[CheckMessage]:
    if settings.DEMO or settings.API_KEY_SECRETS or settings.PASSKEY_RP_ID:
        return []
    message = (
        "No operator can sign in without a second factor: set API_KEY_SECRETS for authenticator "
        "apps, or PASSKEY_RP_ID and PASSKEY_ORIGINS for passkeys."
    )
    return [Error(message, id="accounts.E004")]
