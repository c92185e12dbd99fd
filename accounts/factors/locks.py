"""What a reset leaves behind, of a second factor or of a password, by mail or by an operator: no
money out for a day, in which its owner may notice it."""

from datetime import UTC, datetime, timedelta

from django.db.models import Max

from accounts.access.single_use import hash_of, new_token
from accounts.models import FactorReset, PasswordReset, User
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


def lock_after_password(user: User) -> None:
    """That an operator set: as after a reset, whose token nobody has."""
    now = datetime.now(UTC)
    PasswordReset.objects.create(
        user=user,
        token_hash=hash_of(new_token()),
        password_digest=hash_of(user.password),
        expires_at=now,
        used_at=now,
    )
