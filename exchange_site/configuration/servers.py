"""Addresses of Redis, as they are set: refused with their variable's name, or in Celery's words."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured

from common.redis.addresses import SENTINEL, RedisAddressRefused, SentinelAddress, checked


def redis_url(name: str, url: str) -> str:
    """The same. Raises ImproperlyConfigured."""
    try:
        return checked(url)
    except RedisAddressRefused as refused:
        raise ImproperlyConfigured(f"{name} {refused}.") from None


def broker_of(url: str) -> tuple[str, dict[str, Any]]:
    """Celery's address of a broker, and its transport options."""
    if not url.startswith(SENTINEL):
        return url, {}
    address = SentinelAddress.parsed(url)
    return address.broker_url, {"master_name": address.master}
