"""① What the house says."""

from typing import Any

import msgspec
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from announcements.answers import AnnouncementAnswer, announcement_answer
from announcements.selectors import current_announcements
from common.http.schema import documented
from common.http.views import PublicView

EXAMPLE: dict[str, Any] = {
    "announcements": [
        {
            "id": 3,
            "level": "maintenance",
            "text": "Trading pauses for an upgrade.",
            "from": "2026-01-05T08:00:00Z",
            "until": "2026-01-05T12:00:00Z",
            "maintenance": {"from": "2026-01-05T11:00:00Z", "until": "2026-01-05T11:30:00Z"},
        }
    ]
}


class AnnouncementsAnswer(msgspec.Struct, frozen=True):
    announcements: list[AnnouncementAnswer]


class AnnouncementsView(PublicView):
    @documented(
        "Announcements",
        answer=AnnouncementsAnswer,
        example=EXAMPLE,
        errors=(503,),
        public=True,
    )
    def get(self, request: Request) -> Response:  # noqa: ARG002  DRF passes it
        """What the house says now, the gravest first: of level `info`, `warning` or `maintenance`.
        The channel `announcements` of the feeds tells of changes."""
        found = current_announcements(timezone.now())
        return Response(AnnouncementsAnswer([announcement_answer(one) for one in found]))
