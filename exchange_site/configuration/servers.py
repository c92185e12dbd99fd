"""Addresses of Redis, as they are set: refused with their variable's name, or in Celery's words."""

import socket
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from common.redis.addresses import SENTINEL, RedisAddressRefused, SentinelAddress, checked
from common.redis.cluster import CLUSTER

# A worker waits for tasks without end: a server that vanished without a word is noticed, too.
_NOTICING: dict[str, Any] = {
    "socket_connect_timeout": 3,
    "socket_keepalive": True,
    "socket_keepalive_options": {
        socket.TCP_KEEPIDLE: 4,
        socket.TCP_KEEPINTVL: 2,
        socket.TCP_KEEPCNT: 3,
        socket.TCP_USER_TIMEOUT: 10_000,
    },
}


def redis_url(name: str, url: str) -> str:
    """The same. Raises ImproperlyConfigured."""
    try:
        return checked(url)
    except RedisAddressRefused as refused:
        raise ImproperlyConfigured(f"{name} {refused}.") from None


def one_server(name: str, url: str, otherwise: str) -> str:
    """What can't be spread over a cluster: tasks, what is cached, and what is counted of many
    users in one step. ``otherwise`` is the streams' address. Raises ImproperlyConfigured."""
    found = redis_url(name, url or otherwise)
    if not found.startswith(CLUSTER):
        return found
    if url:
        raise ImproperlyConfigured(f"{name} can't be a cluster: name one server, or sentinels.")
    raise ImproperlyConfigured(f"REDIS_URL is a cluster: set {name} to a server beside it.")


def broker_of(url: str) -> tuple[str, dict[str, Any]]:
    """Celery's address of a broker, and its transport options."""
    if not url.startswith(SENTINEL):
        return url, _NOTICING
    address = SentinelAddress.parsed(url)
    return address.broker_url, {**_NOTICING, "master_name": address.master}
