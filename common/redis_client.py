"""The one place that makes Redis clients. Values are bytes; callers decode what they need."""

import time
from functools import cache
from typing import Any, cast

import redis
import redis.asyncio
import redis.asyncio.retry
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from common.redis.addresses import AddressedPool, async_pool
from common.redis.cluster import CLUSTER, AsyncClusterClient, ClusterClient


@cache
def redis_client() -> redis.Redis:
    """A client shared by all threads of the process. Raises redis.RedisError on use, never here."""
    return _client(
        settings.REDIS_URL,
        AddressedPool,
        socket_timeout=5,
        socket_connect_timeout=2,
        health_check_interval=30,
    )


def _client(
    url: str, pool_class: type[AddressedPool], *, quiet_s: float = 0.0, **options: Any
) -> redis.Redis:
    if url.startswith(CLUSTER):
        cluster = ClusterClient(url, pool_class, quiet_s=quiet_s, **options)
        return cast(redis.Redis, cluster)
    return redis.Redis.from_pool(pool_class.from_url(url, **options))


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
    return _client(
        url,
        PromptPool,
        quiet_s=AWAY_FOR_S,
        socket_timeout=REQUEST_TIMEOUT_S,
        socket_connect_timeout=REQUEST_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=30,
    )


@cache
def probe_redis_client(url: str | None = None) -> redis.Redis:
    """A client that gives up soon and doesn't retry, to find out whether Redis answers: that of the
    streams, or the one at ``url``."""
    return _client(
        url or settings.REDIS_URL,
        AddressedPool,
        socket_timeout=1,
        socket_connect_timeout=1,
        retry=Retry(NoBackoff(), 0),
    )


def async_redis_client() -> redis.asyncio.Redis:
    """For one event loop; its connections don't travel to another. Doesn't retry: whoever reads on
    has to know that the connection was lost."""
    options: dict[str, Any] = {
        "socket_timeout": 5,
        "socket_connect_timeout": 2,
        "health_check_interval": 30,
    }
    if settings.REDIS_URL.startswith(CLUSTER):
        return cast(redis.asyncio.Redis, AsyncClusterClient(settings.REDIS_URL, **options))
    no_retry = redis.asyncio.retry.Retry(NoBackoff(), 0)
    pool = async_pool(settings.REDIS_URL, retry=no_retry, **options)
    return redis.asyncio.Redis.from_pool(pool)
