"""What is said now."""

from datetime import datetime

from django.db.models import Q

from announcements.models import Announcement, AnnouncementLevel

SHOWN_MAX = 20
_GRAVEST_FIRST = [AnnouncementLevel.MAINTENANCE, AnnouncementLevel.WARNING, AnnouncementLevel.INFO]
# As it is: Django would take longer to put it together, for each page of the console, than Postgres
# to answer it.
_SHOWN = """
SELECT * FROM announcements_announcement
WHERE (shown_until IS NULL OR shown_until > %(now)s) AND shown_from <= %(now)s
ORDER BY array_position(%(gravest_first)s::text[], level::text), id DESC
LIMIT %(most)s
"""


def current_announcements(now: datetime) -> list[Announcement]:
    """The gravest first, then the newest; at most `SHOWN_MAX`."""
    asked = {"now": now, "gravest_first": _GRAVEST_FIRST, "most": SHOWN_MAX}
    return list(Announcement.objects.raw(_SHOWN, asked))


def shown_or_ahead(now: datetime) -> list[Announcement]:
    """The newest first, at most `SHOWN_MAX`."""
    open_ended = Q(shown_until__isnull=True) | Q(shown_until__gt=now)
    return list(Announcement.objects.filter(open_ended).order_by("-pk")[:SHOWN_MAX])
