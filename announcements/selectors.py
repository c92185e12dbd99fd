"""What is said now."""

from datetime import datetime

from django.db.models import Case, Q, Value, When

from announcements.models import Announcement, AnnouncementLevel

SHOWN_MAX = 20
_GRAVEST_FIRST = (AnnouncementLevel.MAINTENANCE, AnnouncementLevel.WARNING, AnnouncementLevel.INFO)
_GRAVITY = Case(*(When(level=level, then=Value(n)) for n, level in enumerate(_GRAVEST_FIRST)))


def current_announcements(now: datetime) -> list[Announcement]:
    """The gravest first, then the newest; at most `SHOWN_MAX`."""
    open_ended = Q(shown_until__isnull=True) | Q(shown_until__gt=now)
    shown = Announcement.objects.filter(open_ended, shown_from__lte=now)
    return list(shown.order_by(_GRAVITY, "-pk")[:SHOWN_MAX])


def shown_or_ahead(now: datetime) -> list[Announcement]:
    """The newest first, at most `SHOWN_MAX`."""
    open_ended = Q(shown_until__isnull=True) | Q(shown_until__gt=now)
    return list(Announcement.objects.filter(open_ended).order_by("-pk")[:SHOWN_MAX])
