"""A run of everything that an operator asks for: one at a time, and none while another is on.

The mark that one was asked for is a key in Redis, which goes with the run, or by itself when no
worker took it on in time. The advisory lock of `runs` is what keeps two runs apart.
"""

from datetime import UTC, datetime

import redis

from common.errors import DomainError, ErrorCode
from common.redis_client import redis_client, request_redis_client
from persistence.models import ReconcileRun
from persistence.reconciliation.runs import is_running, run_now

KEY = "reconcile:asked"
ASKED_S = 600


def claim_run(now: datetime) -> None:
    """Marks a run as asked for at that time. Raises DomainError where one was, or is on."""
    if is_running():
        raise DomainError(ErrorCode.BUSY, "A run is on: its result will be here in a moment.")
    try:
        is_first = request_redis_client().set(KEY, now.isoformat(), nx=True, ex=ASKED_S)
    except redis.RedisError as error:
        message = "Redis does not answer, so that no worker can be asked."
        raise DomainError(ErrorCode.REDIS_UNAVAILABLE, message) from error
    if not is_first:
        raise DomainError(ErrorCode.BUSY, "A run has been asked for, and waits for a worker.")


def forget_claim() -> None:
    """Raises redis.RedisError."""
    redis_client().delete(KEY)


def asked_at() -> datetime | None:
    """Since when a run waits or is on that an operator asked for; None also without Redis."""
    try:
        value = request_redis_client().get(KEY)
    except redis.RedisError:
        return None
    if not isinstance(value, bytes):
        return None
    try:
        return datetime.fromisoformat(value.decode()).astimezone(UTC)
    except ValueError:
        return None


def run_asked() -> ReconcileRun | None:
    """The run that was asked for. None where another began since: its result answers as well."""
    try:
        return run_now()
    finally:
        forget_claim()
