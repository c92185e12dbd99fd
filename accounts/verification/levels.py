"""Which level a trader has, and setting it."""

from django.contrib.auth.models import AbstractUser
from django.db import transaction

from accounts.families.services import main_id_of
from accounts.models import User, Verification
from accounts.models.verification import LEVEL_MAX
from common.errors import DomainError, ErrorCode, invalid
from common.reasons import reason_of

LEVELS = tuple(range(LEVEL_MAX + 1))


def level_of(user_id: int) -> int:
    newest = Verification.objects.filter(user_id=user_id).order_by("-pk")
    return newest.values_list("level", flat=True).first() or 0


@transaction.atomic
def set_level(user_id: int, level: int, reason: str, by: AbstractUser) -> Verification:
    """Raises DomainError for a level there isn't, the one that is set, and oneself."""
    reason = reason_of(reason)
    if level not in LEVELS:
        raise invalid("level", f"level must be one of {', '.join(map(str, LEVELS))}.")
    if main_id_of(user_id) == by.pk:
        message = "This is your own level: another operator sets it."
        raise DomainError(ErrorCode.OWN_REQUEST, message)
    User.objects.select_for_update(no_key=True).get(pk=user_id)  # one setting at a time
    if level_of(user_id) == level:
        raise invalid("level", f"The level is {level} already.")
    return Verification.objects.create(user_id=user_id, level=level, reason=reason, set_by_id=by.pk)


def set_verified_level(user_id: int, level: int, event_id: str) -> None:
    """By a provider of identities, with the user's row locked; the level that is set stays as it
    is. An operator may set another since."""
    if level_of(user_id) != level:
        reason = f"verified by the provider of identities, event {event_id}"
        Verification.objects.create(user_id=user_id, level=level, reason=reason)
