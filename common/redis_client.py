"""The one place that makes Redis clients. Values are bytes; callers decode what they need."""

import time
from functools import cache

import redis
import redis.asyncio
import redis.asyncio.retry
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry


@cache
def redis_client() -> redis.Redis:
    """A client shared by all threads of the process. Raises redis.RedisError on use, never here."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=5,
        socket_connect_timeout=2,
        health_check_interval=30,
    )


REQUEST_TIMEOUT_S = 1.0
AWAY_FOR_S = 1.0


class _PromptConnection(redis.Connection):
    """One failed connection stands for all that would follow within `AWAY_FOR_S`: while Redis is
    away one request in a second waits for it, whether it refuses or hangs, and the others don't.
    """

    failed_at: float | None = None  # of the process

    def connect_check_health(
        self, check_health: bool = True, retry_socket_connect: bool = True
    ) -> None:
        failed_at = _PromptConnection.failed_at
        if failed_at is not None and time.monotonic() - failed_at < AWAY_FOR_S:
            raise redis.ConnectionError("Redis was out of reach a moment ago")
        try:
            super().connect_check_health(check_health, retry_socket_connect)
        except redis.RedisError:
            _PromptConnection.failed_at = time.monotonic()
            raise
        _PromptConnection.failed_at = None


@cache
def request_redis_client() -> redis.Redis:
    """For what somebody waits for: gives up soon, doesn't retry. Shared by all threads."""
    pool = redis.ConnectionPool.from_url(
        settings.REDIS_URL,
        connection_class=_PromptConnection,
        socket_timeout=REQUEST_TIMEOUT_S,
        socket_connect_timeout=REQUEST_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=30,
    )
    return redis.Redis(connection_pool=pool)


@cache
def probe_redis_client() -> redis.Redis:
    """A client that gives up soon and doesn't retry, to find out whether Redis answers."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=1,
        socket_connect_timeout=1,
        retry=Retry(NoBackoff(), 0),
    )


def async_redis_client() -> redis.asyncio.Redis:
    """For one event loop; its connections don't travel to another. Doesn't retry: whoever reads on
    has to know that the connection was lost."""
    return redis.asyncio.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=5,
        socket_connect_timeout=2,
        retry=redis.asyncio.retry.Retry(NoBackoff(), 0),
        health_check_interval=30,
    )
