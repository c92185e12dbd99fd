"""Where Redis is: one server, the master that sentinels name, or a cluster.

Theory of operation. ``redis+sentinel://user:password@host:port,host:port/master-name/0`` lists
sentinels. Each new connection asks them, in their order, who is master, goes there, and asks that
server itself whether it is: a master that was replaced believes what it was until it is told. When
sentinels make another server master they cut the connections of the one before, so an open
connection needs no asking: it leads to a master or breaks, and whoever used it connects again and
is led to the new one. Everything else is as with one server: pools, lines and forked children know
nothing of it. User and password are those of the servers; sentinels are asked without.

Celery has its own way to name sentinels, and gets the address in its words. For clusters see
`common.redis.cluster`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote, unquote

import redis
import redis.asyncio
import redis.asyncio.retry
from redis.backoff import NoBackoff
from redis.retry import Retry

from common.redis.cluster import CLUSTER, ClusterAddress

SENTINEL = "redis+sentinel://"
PLAIN = ("redis://", "rediss://", "unix://")
SENTINEL_PORT = 26_379
SENTINEL_TIMEOUT_S = 1.0

Place = tuple[str, int]


class RedisAddressRefused(ValueError):
    """No address of Redis that can be used; says why, and nothing of its password."""


@dataclass(frozen=True, kw_only=True)
class SentinelAddress:
    sentinels: tuple[Place, ...]
    master: str
    database: int
    username: str | None
    password: str | None

    @classmethod
    def parsed(cls, url: str) -> Self:
        """Raises RedisAddressRefused."""
        who, _, rest = url.removeprefix(SENTINEL).rpartition("@")
        found = re.fullmatch(r"([^/?#]+)/([\w.-]+)(?:/(\d+))?/?", rest)
        if found is None:
            raise RedisAddressRefused(f"is not as {SENTINEL}host:port,host:port/master-name/0")
        hosts, master, database = found.groups()
        username, _, password = who.partition(":")
        return cls(
            sentinels=tuple(_place(host) for host in hosts.split(",")),
            master=master,
            database=int(database or 0),
            username=unquote(username) or None,
            password=unquote(password) or None,
        )

    @property
    def broker_url(self) -> str:
        """The same in Celery's words, which has the master's name in its transport options."""
        who = f"{quote(self.username or '', safe='')}:{quote(self.password or '', safe='')}@"
        first, *others = (f"{host}:{port}" for host, port in self.sentinels)
        urls = [f"sentinel://{who if self.password else ''}{first}/{self.database}"]
        return ";".join([*urls, *(f"sentinel://{other}" for other in others)])

    @property
    def connection_options(self) -> dict[str, Any]:
        return {
            "sentinels": self.sentinels,
            "master": self.master,
            "db": self.database,
            "username": self.username,
            "password": self.password,
        }


def _place(text: str) -> Place:
    host, _, port = text.rpartition(":") if re.search(r":\d+$", text) else (text, "", "")
    number = int(port or SENTINEL_PORT)
    if not host or not 0 < number < 65_536:
        raise RedisAddressRefused("names a sentinel that is not as host:port")
    return host.strip("[]"), number


def checked(url: str) -> str:
    """The same, if it is one of those that we can use. Raises RedisAddressRefused."""
    if url.startswith(SENTINEL):
        SentinelAddress.parsed(url)
    elif url.startswith(CLUSTER):
        try:
            ClusterAddress.parsed(url)
        except ValueError as error:
            raise RedisAddressRefused(str(error)) from None
    elif not url.startswith(PLAIN):
        known = ", ".join((*PLAIN, SENTINEL, *CLUSTER))
        raise RedisAddressRefused(f"does not begin with one of {known}")
    return url


class NoMaster(redis.ConnectionError):
    """No sentinel that answers knows a master that is one."""


class MasterConnection(redis.Connection):
    """Leads to whichever server is master as it is opened."""

    def __init__(self, *, sentinels: Sequence[Place], master: str, **options: Any) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call]
        self._sentinels = sentinels
        self._master = master

    def _connect(self) -> Any:
        self.host, self.port = self._named_master()
        return super()._connect()  # type: ignore[no-untyped-call]

    def on_connect_check_health(self, check_health: bool = True) -> None:
        super().on_connect_check_health(check_health)
        self.send_command("ROLE", check_health=False)  # type: ignore[no-untyped-call]
        _demand_master(self.read_response())

    def _named_master(self) -> Place:
        for host, port in self._sentinels:
            with redis.Redis(host=host, port=port, **_SENTINEL_OPTIONS) as sentinel:
                try:
                    named: Any = sentinel.execute_command(_WHERE, self._master)
                except redis.RedisError:
                    continue
            if named:
                return str(named[0]), int(named[1])
        raise _no_master(self._master)


class AsyncMasterConnection(redis.asyncio.Connection):
    """The same on an event loop."""

    def __init__(self, *, sentinels: Sequence[Place], master: str, **options: Any) -> None:
        super().__init__(**options)
        self._sentinels = sentinels
        self._master = master

    async def _connect(self) -> None:
        self.host, self.port = await self._named_master()
        await super()._connect()  # type: ignore[no-untyped-call]

    async def on_connect_check_health(self, check_health: bool = True) -> None:
        await super().on_connect_check_health(check_health)
        await self.send_command("ROLE", check_health=False)
        _demand_master(await self.read_response())

    async def _named_master(self) -> Place:
        options = _SENTINEL_OPTIONS | {"retry": redis.asyncio.retry.Retry(NoBackoff(), 0)}
        for host, port in self._sentinels:
            async with redis.asyncio.Redis(host=host, port=port, **options) as sentinel:
                try:
                    named: Any = await sentinel.execute_command(  # type: ignore[no-untyped-call]
                        _WHERE, self._master
                    )
                except redis.RedisError:
                    continue
            if named:
                return str(named[0]), int(named[1])
        raise _no_master(self._master)


_WHERE = "SENTINEL GET-MASTER-ADDR-BY-NAME"
_SENTINEL_OPTIONS: dict[str, Any] = {
    "socket_timeout": SENTINEL_TIMEOUT_S,
    "socket_connect_timeout": SENTINEL_TIMEOUT_S,
    "retry": Retry(NoBackoff(), 0),
    "decode_responses": True,
}


def _no_master(master: str) -> NoMaster:
    return NoMaster(f"no sentinel names a master of {master}")


def _demand_master(role: Any) -> None:
    if role[0] not in (b"master", "master"):
        raise NoMaster("the server that sentinels name is not master yet")


class AddressedPool(redis.ConnectionPool):
    """Connections to what an address of ours names."""

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        if not url.startswith(SENTINEL):
            return super().from_url(url, **options)
        options |= SentinelAddress.parsed(url).connection_options
        return cls(connection_class=MasterConnection, **options)


def async_pool(url: str, **options: Any) -> redis.asyncio.ConnectionPool:
    if not url.startswith(SENTINEL):
        return redis.asyncio.ConnectionPool.from_url(url, **options)
    options |= SentinelAddress.parsed(url).connection_options
    return redis.asyncio.ConnectionPool(connection_class=AsyncMasterConnection, **options)
