"""An announcement as traders read it, over HTTP and in the feeds."""

from datetime import datetime

import msgspec

from announcements.models import Announcement


class Work(msgspec.Struct, frozen=True, rename={"start": "from", "end": "until"}):
    start: datetime
    end: datetime


class AnnouncementAnswer(msgspec.Struct, frozen=True, rename={"start": "from", "end": "until"}):
    """`until` null: until it is taken back. `maintenance`: when the exchange is worked on."""

    id: int
    level: str
    text: str
    start: datetime
    end: datetime | None
    maintenance: Work | None


def announcement_answer(one: Announcement) -> AnnouncementAnswer:
    work = None
    if one.work_from is not None and one.work_until is not None:
        work = Work(one.work_from, one.work_until)
    return AnnouncementAnswer(one.pk, one.level, one.text, one.shown_from, one.shown_until, work)
