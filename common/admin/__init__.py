"""What pages of the admin are made of; here, what is also said where there are none."""

from datetime import UTC, datetime

NOTHING = "–"


def when(moment: datetime | None) -> str:
    """To the second; nothing for never."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if moment else NOTHING
