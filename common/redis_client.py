"""The one place that makes Redis clients. Values are bytes; callers decode what they need."""

import time
from functools import cache
from typing import Any

import redis
import redis.asyncio
import redis.asyncio.retry
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from common.redis.addresses import AddressedPool, async_pool


@cache
def redis_client() -> redis.Redis:
    """A client shared by all threads of the process. Raises redis.RedisError on use, never here."""
    pool = AddressedPool.from_url(
        settings.REDIS_URL,
        socket_timeout=5,
        socket_connect_timeout=2,
        health_check_interval=30,
    )
    return redis.Redis.from_pool(pool)


REQUEST_TIMEOUT_S = 1.0
AWAY_FOR_S = 1.0


class PromptPool(AddressedPool):
    """One failed connection stands for all that would follow within `AWAY_FOR_S`: while Redis is
    away one request in a second waits for it, whether it refuses or hangs, and the others don't.
    Each server has a pool of its own, so that one that is away speaks for itself alone.
    """

    failed_at: float | None = None

    def get_connection(self, *command: Any, **options: Any) -> Any:
        failed_at = self.failed_at
        if failed_at is not None and time.monotonic() - failed_at < AWAY_FOR_S:
            raise redis.ConnectionError("Redis was out of reach a moment ago")
        try:
            connection = super().get_connection(*command, **options)
        except redis.RedisError:
            self.failed_at = time.monotonic()
            raise
        self.failed_at = None
        return connection


def request_redis_client() -> redis.Redis:
    """For what somebody waits for: gives up soon, doesn't retry. Shared by all threads."""
    return _prompt_client(settings.REDIS_URL)


def limits_redis_client() -> redis.Redis:
    """The same of the server that counts requests, and remembers which were served."""
    return _prompt_client(settings.LIMITS_URL)


@cache
def _prompt_client(url: str) -> redis.Redis:
    pool = PromptPool.from_url(
        url,
        socket_timeout=REQUEST_TIMEOUT_S,
        socket_connect_timeout=REQUEST_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=30,
    )
    return redis.Redis.from_pool(pool)


@cache
def probe_redis_client(url: str | None = None) -> redis.Redis:
    """A client that gives up soon and doesn't retry, to find out whether Redis answers: that of the
    streams, or the one at ``url``."""
    pool = AddressedPool.from_url(
        url or settings.REDIS_URL,
        socket_timeout=1,
        socket_connect_timeout=1,
        retry=Retry(NoBackoff(), 0),
    )
    return redis.Redis.from_pool(pool)


def async_redis_client() -> redis.asyncio.Redis:
    """For one event loop; its connections don't travel to another. Doesn't retry: whoever reads on
    has to know that the connection was lost."""
    pool = async_pool(
        settings.REDIS_URL,
        socket_timeout=5,
        socket_connect_timeout=2,
        retry=redis.asyncio.retry.Retry(NoBackoff(), 0),
        health_check_interval=30,
    )
    return redis.asyncio.Redis.from_pool(pool)
