"""Who came in, and who did not."""

from datetime import UTC, datetime, timedelta

from accounts.access.sessions import Origin, open_session
from accounts.models import ApiKey, FactorReset, GuessKind, GuessLock, SignInFailure, User

ADDRESS = "203.0.113.7"


def make_sign_ins(user: User) -> None:
    open_session(user, Origin(ADDRESS, "curl/7.88.1"))
    make_api_key(user)
    SignInFailure.objects.create(username=user.username, address=ADDRESS)
    now = datetime.now(UTC)
    GuessLock.objects.create(
        kind=GuessKind.SIGN_IN,
        whose=user.username,
        attempts=12,
        tried_at=now,
        locked_until=now + timedelta(minutes=2),
    )
    FactorReset.objects.create(
        user=user, reason="lost the phone", reset_at=now, withdrawals_locked_until=now
    )


def make_api_key(user: User) -> ApiKey:
    """Whose secret is of no use here."""
    return ApiKey.objects.create(
        user=user,
        name="market maker",
        public_id=f"hm{user.pk:032x}",
        sealed_secret=b"sealed beyond opening",
        may_read=True,
        may_trade=True,
        may_withdraw=False,
        addresses=["203.0.113.0/24"],
        last_address=ADDRESS,
        last_used_at=user.date_joined,
        use_count=7,
    )
