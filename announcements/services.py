"""What operators do to what the house says."""

from datetime import timedelta

from django.utils import timezone

from announcements.models import Announcement
from common.errors import DomainError, ErrorCode

_A_MOMENT = timedelta(milliseconds=1)


def take_back(announcement: Announcement) -> None:
    """From now on it is shown no more. Raises DomainError where it is over already."""
    now = timezone.now()
    if announcement.shown_until is not None and announcement.shown_until <= now:
        raise DomainError(ErrorCode.INVALID_TRANSITION, "It is shown no more already.")
    # One that was to come ends before anybody sees it.
    announcement.shown_from = min(announcement.shown_from, now - _A_MOMENT)
    announcement.shown_until = now
    announcement.save(update_fields=["shown_from", "shown_until"])
