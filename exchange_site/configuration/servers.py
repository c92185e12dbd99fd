"""Addresses of Postgres and Redis, as they are set: refused with their variable's name, and put
into Django's and Celery's words. No refusal says what was set, which has a password in it."""

import re
import socket
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

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


_POSTGRES = ("postgres", "postgresql")
_POSTGRES_PORT = "5432"
_PLACE = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]]*)(?::([0-9]{1,5}))?")
# Of libpq, which an engine has no need to load.
# fmt: off
_POSTGRES_OPTIONS = {
    "host", "hostaddr", "port", "service", "passfile", "application_name", "client_encoding",
    "options", "target_session_attrs", "load_balance_hosts", "channel_binding", "require_auth",
    "requirepeer", "gsslib", "gssencmode", "krbsrvname", "sslmode", "sslrootcert", "sslcert",
    "sslkey", "sslpassword", "sslcrl", "sslcrldir", "sslsni", "sslnegotiation",
    "ssl_min_protocol_version", "ssl_max_protocol_version",
}
# fmt: on
_NEVER_AS_IT_IS = "in a password what is neither letter nor digit is written as in %23"

# A server that vanished without a word is noticed in seconds, not when TCP gives up: by whoever
# says something, and by whoever waits for an answer.
_NOTICED = {
    "connect_timeout": 3,
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 4,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}


def database(name: str, url: str, *, pooled: bool) -> dict[str, Any]:
    """Django's settings of it; of several hosts, as libpq takes them. Raises
    ImproperlyConfigured."""
    shape = f"{name} must be as in postgres://user:password@host:5432/name"
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    who, _, hosts = parts.netloc.rpartition("@")
    user, _, password = who.partition(":")
    places = [_PLACE.fullmatch(host) for host in unquote(hosts).split(",")]
    database_name = unquote(parts.path[1:])
    if (
        parts.scheme not in _POSTGRES
        or parts.fragment
        or not database_name
        or "/" in database_name
        or not all(places)
    ):
        raise ImproperlyConfigured(f"{shape}; {_NEVER_AS_IT_IS}.")
    ports = [place[2] or "" for place in places if place]
    if any(port and not 0 < int(port) < 65_536 for port in ports):
        raise ImproperlyConfigured(f"{shape}: a port is 1 to 65535.")
    options = dict(parse_qsl(parts.query))
    if unknown := options.keys() - _POSTGRES_OPTIONS:
        raise ImproperlyConfigured(f"{name} has an option that isn't taken: {min(unknown)}.")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": database_name,
        "USER": unquote(user),
        "PASSWORD": unquote(password),
        "HOST": ",".join(place[1].strip("[]") for place in places if place),
        "PORT": ",".join(port or _POSTGRES_PORT for port in ports) if any(ports) else "",
        # Django forbids prepared statements; so, those that ask for it are prepared and no others.
        "OPTIONS": {**options, **_NOTICED, "prepare_threshold": None if pooled else 2**31},
        "DISABLE_SERVER_SIDE_CURSORS": pooled,
        # One connection per thread for its life: opening one costs more than an order.
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
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
