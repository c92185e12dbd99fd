"""What a reset leaves behind, of a second factor or of a password: no money out for a day, in which
its owner may notice it."""

from datetime import UTC, datetime, timedelta

from django.db.models import Max

from accounts.models import FactorReset, PasswordReset
from common.errors import DomainError, ErrorCode

AFTER_A_PASSWORD = timedelta(hours=24)


def withdrawals_locked_until(user_id: int) -> datetime | None:
    """None where nothing is locked now."""
    now = datetime.now(UTC)
    factors = FactorReset.objects.filter(user_id=user_id, withdrawals_locked_until__gt=now)
    passwords = PasswordReset.objects.filter(user_id=user_id, used_at__gt=now - AFTER_A_PASSWORD)
    by_factor = factors.aggregate(until=Max("withdrawals_locked_until"))["until"]
    used_at = passwords.aggregate(used_at=Max("used_at"))["used_at"]
    by_password = None if used_at is None else used_at + AFTER_A_PASSWORD
    return max((until for until in (by_factor, by_password) if until is not None), default=None)


def require_unlocked(user_id: int) -> None:
    """For whatever takes money away from a trader: raises DomainError."""
    until = withdrawals_locked_until(user_id)
    if until is not None:
        message = (
            "Your second factor or password was reset a short while ago: withdraw, or transfer to "
            f"others, from {until:%Y-%m-%d %H:%M} UTC on."
        )
        raise DomainError(ErrorCode.WITHDRAWALS_LOCKED, message)
