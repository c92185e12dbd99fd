"""Who is refused although the token is good: suspended users, and sessions that were ended.

Theory of operation. A token is believed without a query, so each process keeps the few that must
not be: the ids of suspended users, and of sessions ended so recently that an access token of
theirs may still be running. Two sources feed the list.

Postgres has both for good; it is read again every `POSTGRES_REFRESH_S`. Redis has the ended
sessions, as a sorted set by the time their last access token runs out, and is read every
`REDIS_REFRESH_S`: that is what ends a session within seconds. What was once read of a session
stays until that time, so a Redis that lost the set takes nothing back. While Redis is away it is
left alone for `POSTGRES_REFRESH_S`, and sessions end as soon as users are suspended.

The set is bounded: whoever ends a session also drops what has run out, and the oldest beyond
`ENDED_SESSIONS_MAX`.
"""

import math
import threading
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import redis
import structlog

from accounts.access.tokens import access_lifetime
from accounts.models import Session, User
from common.errors import DomainError, ErrorCode
from common.redis_client import request_redis_client
from common.times import unix_ms

POSTGRES_REFRESH_S = 15.0
REDIS_REFRESH_S = 1.0
# From a suspension on, until no process takes anything of the suspended any more: the last of them
# has read of it, and what it had let in before has been answered.
HEARD_EVERYWHERE_S = POSTGRES_REFRESH_S + 5.0
ENDED_SESSIONS_MAX = 50_000
ENDED_SESSIONS_KEY = (
    "accounts:sessions:ended"  # session id → Unix ms from which it needs no refusal
)

log = structlog.get_logger(__name__)


class Refusals:
    """As of this process."""

    def __init__(self) -> None:
        self._suspended: frozenset[int] = frozenset()
        self._ended: dict[int, int] = {}  # session id → Unix ms from which it needs no refusal
        self._postgres_due_s = 0.0
        self._redis_due_s = 0.0
        self._lock = threading.Lock()

    def check(self, user_id: int, session_id: int) -> None:
        """Raises DomainError for the refused, and what Postgres raises while it is away."""
        self._refresh()
        if user_id in self._suspended:
            raise account_suspended()
        if session_id in self._ended:
            raise session_ended()

    def forget(self) -> None:
        """Read everything again before the next answer."""
        with self._lock:
            self._ended = {}
            self._postgres_due_s = self._redis_due_s = 0.0

    def look_again(self) -> None:
        """Somebody was suspended or a session ended in this process: its next answer knows."""
        with self._lock:  # else a reading under way would count as one after this
            self._postgres_due_s = 0.0

    def _refresh(self) -> None:
        """One thread reads; the others go on with what was known, once something is."""
        now_s = time.monotonic()
        if now_s < self._postgres_due_s and now_s < self._redis_due_s:
            return
        if not self._lock.acquire(blocking=not self._postgres_due_s):
            return
        try:
            if now_s >= self._postgres_due_s:
                self._read_postgres()
                self._postgres_due_s = now_s + POSTGRES_REFRESH_S
            if now_s >= self._redis_due_s:
                self._redis_due_s = now_s + (
                    REDIS_REFRESH_S if self._read_redis() else POSTGRES_REFRESH_S
                )
        finally:
            self._lock.release()

    def _read_postgres(self) -> None:
        suspended = User.objects.filter(is_active=False).values_list("pk", flat=True)
        of_them = User.objects.filter(parent__in=suspended).values_list("pk", flat=True)
        self._suspended = frozenset([*suspended, *of_them])
        since = datetime.now(UTC) - access_lifetime()
        ended = Session.objects.filter(ended_at__gt=since).values_list("pk", "ended_at")
        self._take({pk: refused_until_ms(at) for pk, at in ended if at is not None})

    def _read_redis(self) -> bool:
        """False where Redis didn't answer. What is no session's id nobody of ours put there."""
        try:
            members: Any = request_redis_client().zrangebyscore(
                ENDED_SESSIONS_KEY, _now_ms(), "+inf", withscores=True
            )
        except redis.RedisError as error:
            log.warning("ended_sessions_unread", error=str(error))
            return False
        sessions = [(one, at) for one, at in members if one.isdigit() and math.isfinite(at)]
        self._take({int(session): int(until_ms) for session, until_ms in sessions})
        return True

    def _take(self, ended: dict[int, int]) -> None:
        now_ms = _now_ms()
        known = self._ended | ended
        self._ended = {pk: until_ms for pk, until_ms in known.items() if until_ms > now_ms}


refusals = Refusals()


def announce_ended(session_ids: Iterable[int], ended_at: datetime) -> None:
    """Tell all processes, once it is committed. Without Redis they read it from Postgres."""
    refusals.look_again()
    scores = {str(pk): refused_until_ms(ended_at) for pk in session_ids}
    if not scores:
        return
    pipe = request_redis_client().pipeline(transaction=False)
    pipe.zadd(ENDED_SESSIONS_KEY, scores)
    pipe.zremrangebyscore(ENDED_SESSIONS_KEY, "-inf", _now_ms())
    pipe.zremrangebyrank(ENDED_SESSIONS_KEY, 0, -(ENDED_SESSIONS_MAX + 1))
    pipe.pexpire(ENDED_SESSIONS_KEY, access_lifetime() + timedelta(minutes=1))
    try:
        pipe.execute()
    except redis.RedisError as error:
        log.warning("ended_sessions_unannounced", sessions=len(scores), error=str(error))


def refused_until_ms(ended_at: datetime) -> int:
    """When the last access token of a session that ended then has run out."""
    return unix_ms(ended_at + access_lifetime()) + 1


def account_suspended() -> DomainError:
    message = "This account is suspended. Ask the operator."
    return DomainError(ErrorCode.ACCOUNT_SUSPENDED, message)


def session_ended() -> DomainError:
    message = "This session has ended. Sign in again with POST /auth/signin."
    return DomainError(ErrorCode.SESSION_ENDED, message)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
