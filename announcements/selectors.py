"""What is said now."""

from datetime import datetime

from django.db.models import Q

from announcements.models import Announcement

SHOWN_MAX = 20
_GRAVEST_FIRST = {"maintenance": 0, "warning": 1, "info": 2}


def current_announcements(now: datetime) -> list[Announcement]:
    """The gravest first, then the newest; at most `SHOWN_MAX` of the newest."""
    open_ended = Q(shown_until__isnull=True) | Q(shown_until__gt=now)
    shown = Announcement.objects.filter(open_ended, shown_from__lte=now).order_by("-pk")
    return sorted(shown[:SHOWN_MAX], key=lambda one: _GRAVEST_FIRST[one.level])
