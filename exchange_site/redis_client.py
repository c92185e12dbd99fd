"""The one place that makes Redis clients. Values are bytes; callers decode what they need."""

from functools import cache

import redis
import redis.asyncio
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


def blocking_redis_client() -> redis.Redis:
    """A client of its own, without a read timeout, for a thread that waits on streams."""
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=None, socket_connect_timeout=2)


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
    """For one event loop; its connections don't travel to another."""
    return redis.asyncio.Redis.from_url(
        settings.REDIS_URL, socket_timeout=5, socket_connect_timeout=2, health_check_interval=30
    )
