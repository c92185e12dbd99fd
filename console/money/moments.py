"""The moment a page is asked for."""

from datetime import UTC, datetime
from typing import NamedTuple

from common.admin import when

EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)
_TEXT_MAX = 32


class BalanceMoment(NamedTuple):
    """``at`` None: now. ``message``: what of the question was not taken as it was, if anything."""

    at: datetime | None
    message: str = ""

    @property
    def field_text(self) -> str:
        """As a form's field of a date and time has it."""
        return self.at.replace(tzinfo=None).isoformat() if self.at else ""


def moment_of(text: str, now: datetime) -> BalanceMoment:
    """In UTC where it names no zone; falls back to now."""
    text = text.strip()
    if not text:
        return BalanceMoment(None)
    try:
        said = datetime.fromisoformat(text) if len(text) <= _TEXT_MAX else None
        said = said.astimezone(UTC) if said and said.tzinfo else said and said.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        said = None
    if said is None:
        return BalanceMoment(None, "This is no time, as 2030-01-31T18:00 is: here is now.")
    if said > now:
        return BalanceMoment(None, f"{when(said)} is ahead: here is now.")
    if said < EARLIEST:
        return BalanceMoment(None, f"{when(said)} is too long ago: here is now.")
    return BalanceMoment(said)
