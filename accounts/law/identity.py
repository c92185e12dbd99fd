"""What a provider of identities tells us: which level it has verified a user for.

The request is signed (`common.incoming.signatures`), with a secret that is in no database. Each
event has an id of the provider's own and counts once, however often it comes; one that is older
than what is known of its user changes nothing, so that two that overtake each other end as they
should.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from django.conf import settings
from django.db import transaction

from accounts.models import IdentityEvent, User
from accounts.verification.levels import LEVELS, set_verified_level
from common.errors import DomainError, ErrorCode, invalid
from common.incoming.signatures import require_signed

_EVENT_ID = re.compile(r"[!-~]{1,100}")


@dataclass(frozen=True)
class IdentityVerified:
    event_id: str
    user_id: int
    level: int
    occurred_at: datetime


def check_signature(timestamp: str, signature: str, body: bytes) -> None:
    """Raises DomainError."""
    if not settings.IDENTITY_SECRETS:
        message = "No provider of identities is set up here (IDENTITY_SECRETS)."
        raise DomainError(ErrorCode.NOT_FOUND, message)
    require_signed(settings.IDENTITY_SECRETS, timestamp, signature, body)


@transaction.atomic
def take_event(said: IdentityVerified) -> IdentityEvent:
    """Once; the same event again answers what came of the first. Raises DomainError."""
    _check(said)
    user = User.objects.select_for_update(no_key=True).filter(pk=said.user_id).first()
    if user is None:
        raise DomainError(ErrorCode.NOT_FOUND, "There is no such user.")
    known = IdentityEvent.objects.filter(event_id=said.event_id).first()
    if known is not None:
        if (known.user_id, known.level) != (said.user_id, said.level):
            message = "This event_id was of another event: each has one of its own."
            raise DomainError(ErrorCode.IDEMPOTENCY_KEY_REUSED, message, "event_id")
        return known
    newer = IdentityEvent.objects.filter(user=user, occurred_at__gt=said.occurred_at)
    is_newest = not newer.exists()
    if is_newest:
        set_verified_level(user.pk, said.level, said.event_id)
    return IdentityEvent.objects.create(
        event_id=said.event_id,
        user=user,
        level=said.level,
        occurred_at=said.occurred_at,
        is_applied=is_newest,
        outcome=f"level {said.level}" if is_newest else "older than what is known",
    )


def _check(said: IdentityVerified) -> None:
    if said.level not in LEVELS:
        raise invalid("level", f"level must be a whole number from 0 to {max(LEVELS)}.")
    if not _EVENT_ID.fullmatch(said.event_id):
        raise invalid("event_id", "event_id must have 1 to 100 visible characters of ASCII.")
    if said.occurred_at > datetime.now(UTC).replace(microsecond=999_999):
        raise invalid("occurred_ms", "occurred_ms must not be ahead.")
