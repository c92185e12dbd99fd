"""Times as the API says them."""

from datetime import datetime


def unix_ms(moment: datetime) -> int:
    """Milliseconds since 1970, rounded down."""
    return int(moment.timestamp() * 1000)
