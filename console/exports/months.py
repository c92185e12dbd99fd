"""Months of UTC, as far as their days have ended."""

from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

MONTHS_OFFERED = 25


class Month(NamedTuple):
    """From ``start`` on and before ``end``. ``is_whole``: it has ended."""

    start: datetime
    end: datetime
    is_whole: bool

    @property
    def first_day(self) -> date:
        return self.start.date()


def month_of(day: date, now: datetime) -> Month:
    start = datetime(day.year, day.month, 1, tzinfo=UTC)
    end = (start + timedelta(days=32)).replace(day=1)
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return Month(start, min(end, max(start, today)), is_whole=end <= today)


def offered_months(now: datetime) -> list[Month]:
    """Newest first, beginning with the one whose days are not all over."""
    months = [month_of(now.astimezone(UTC).date(), now)]
    while len(months) < MONTHS_OFFERED:
        months.append(month_of(months[-1].first_day - timedelta(days=1), now))
    return months
