"""Times as messages and the API say them."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def unix_ms(moment: datetime) -> int:
    """Milliseconds since 1970, a part of one dropped."""
    return (moment - EPOCH) // timedelta(milliseconds=1)
