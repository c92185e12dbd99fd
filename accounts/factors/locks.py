"""What a reset leaves behind: no money out for a day, in which its owner may notice it."""

from datetime import UTC, datetime

from django.db.models import Max

from accounts.models import FactorReset


def withdrawals_locked_until(user_id: int) -> datetime | None:
    """None where nothing is locked now."""
    rows = FactorReset.objects.filter(
        user_id=user_id, withdrawals_locked_until__gt=datetime.now(UTC)
    )
    until: datetime | None = rows.aggregate(until=Max("withdrawals_locked_until"))["until"]
    return until
