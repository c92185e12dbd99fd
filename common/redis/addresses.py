"""Where Redis is: one server, the master that sentinels name, or a cluster.

Theory of operation. ``redis+sentinel://user:password@host:port,host:port/master-name/0`` lists
sentinels. Each new connection asks all of them who is master, and goes by the newest word of the
first that are more than half: one that was cut off together with an old master still names that.
Then it asks that server itself whether it is: a master that was replaced believes what it was
until it is told. When sentinels make another server master they cut the connections of the one
before, as soon as they reach it. Until then a process would have two masters, one by its old
connections and one by its new ones; so a pool remembers the newest word any of its connections was
given, and marks those of an older one: none is used again. Everything else is as with
one server: lines and forked children know nothing of it. User and password are those of the
servers; sentinels are asked without.

Celery has its own way to name sentinels, and gets the address in its words. For clusters see
`common.redis.cluster`.
"""

import asyncio
import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any, NamedTuple, Self
from urllib.parse import quote, unquote, urlsplit

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
    else:
        _check_plain(url)
    return url


def _check_plain(url: str) -> None:
    """redis-py takes a database that is no number for the first, and an address whose password
    has a # in it for a host's."""
    try:
        parts = urlsplit(url)
        redis.connection.parse_url(url)  # type: ignore[no-untyped-call]
        is_whole = not parts.fragment and parts.port != 0
    except (ValueError, TypeError):
        is_whole = False
    if is_whole and parts.scheme == "unix":
        is_whole = len(parts.path) > 1
    elif is_whole:
        is_whole = bool(parts.hostname) and re.fullmatch(r"/?|/\d+", parts.path) is not None
    if not is_whole:
        raise RedisAddressRefused(
            "is not as redis://user:password@host:6379/0; in a password what is neither letter nor "
            "digit is written as in %23"
        )


class NoMaster(redis.ConnectionError):
    """No sentinel that answers knows a master that is one."""


class Named(NamedTuple):
    """A sentinel's word; the one of the higher ``epoch`` is the newer."""

    epoch: int
    host: str
    port: int


class MasterConnection(redis.Connection):
    """Leads to whichever server is master as it is opened."""

    def __init__(self, *, sentinels: Sequence[Place], master: str, **options: Any) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call]
        self._sentinels = sentinels
        self._master = master
        self.epoch = 0

    def _connect(self) -> Any:
        self.epoch, self.host, self.port = self._named_master()
        return super()._connect()  # type: ignore[no-untyped-call]

    def on_connect_check_health(self, check_health: bool = True) -> None:
        super().on_connect_check_health(check_health)
        self.send_command("ROLE", check_health=False)  # type: ignore[no-untyped-call]
        _demand_master(self.read_response())

    def _named_master(self) -> Named:
        found: list[Named] = []
        asking = ThreadPoolExecutor(len(self._sentinels), "sentinels")
        try:
            asked = [asking.submit(self._word_of, *place) for place in self._sentinels]
            for answer in as_completed(asked):
                found += answer.result()
                if _are_enough(found, self._sentinels):
                    break
        finally:
            asking.shutdown(wait=False)
        return _newest(found, self._master)

    def _word_of(self, host: str, port: int) -> list[Named]:
        """[] of one that doesn't answer, or knows no such master."""
        with redis.Redis(host=host, port=port, **_SENTINEL_OPTIONS) as sentinel:
            try:
                known = sentinel.execute_command(_KNOWN, self._master)
                return [_named(known, sentinel.execute_command(_WHERE, self._master))]
            except redis.RedisError:
                return []


class AsyncMasterConnection(redis.asyncio.Connection):
    """The same on an event loop."""

    def __init__(self, *, sentinels: Sequence[Place], master: str, **options: Any) -> None:
        super().__init__(**options)
        self._sentinels = sentinels
        self._master = master

    async def _connect(self) -> None:
        _, self.host, self.port = await self._named_master()
        await super()._connect()  # type: ignore[no-untyped-call]

    async def on_connect_check_health(self, check_health: bool = True) -> None:
        await super().on_connect_check_health(check_health)
        await self.send_command("ROLE", check_health=False)
        _demand_master(await self.read_response())

    async def _named_master(self) -> Named:
        found: list[Named] = []
        asked = [asyncio.ensure_future(self._word_of(*place)) for place in self._sentinels]
        try:
            for answer in asyncio.as_completed(asked):
                found += await answer
                if _are_enough(found, self._sentinels):
                    break
        finally:
            for one in asked:
                one.cancel()
        return _newest(found, self._master)

    async def _word_of(self, host: str, port: int) -> list[Named]:
        options = _SENTINEL_OPTIONS | {"retry": redis.asyncio.retry.Retry(NoBackoff(), 0)}
        async with redis.asyncio.Redis(host=host, port=port, **options) as sentinel:
            ask: Any = sentinel.execute_command
            try:
                known = await ask(_KNOWN, self._master)
                return [_named(known, await ask(_WHERE, self._master))]
            except redis.RedisError:
                return []


# In this order: in the midst of a failover the second has the new master's address, of whose epoch
# the first then is, or an older one. An older master never comes with a newer epoch.
_KNOWN, _WHERE = "SENTINEL MASTER", "SENTINEL GET-MASTER-ADDR-BY-NAME"
_SENTINEL_OPTIONS: dict[str, Any] = {
    "socket_timeout": SENTINEL_TIMEOUT_S,
    "socket_connect_timeout": SENTINEL_TIMEOUT_S,
    "retry": Retry(NoBackoff(), 0),
    "decode_responses": True,
}


def _named(known: Any, place: Any) -> Named:
    return Named(int(known["config-epoch"]), str(place[0]), int(place[1]))


def _are_enough(found: Sequence[Named], sentinels: Sequence[Place]) -> bool:
    return len(found) > len(sentinels) // 2


def _newest(found: Iterable[Named], master: str) -> Named:
    if word := max(found, default=None):
        return word
    raise NoMaster(f"no sentinel names a master of {master}")


def _demand_master(role: Any) -> None:
    if role[0] not in (b"master", "master"):
        raise NoMaster("the server that sentinels name is not master yet")


class AddressedPool(redis.ConnectionPool):
    """Connections to what an address of ours names, and of several masters to the newest."""

    _newest_epoch = 0

    def get_connection(self, *command: Any, **options: Any) -> Any:
        connection = super().get_connection(*command, **options)
        if isinstance(connection, MasterConnection):
            try:
                self._lead_to_newest(connection)
            except BaseException:
                self.release(connection)
                raise
        return connection

    def _lead_to_newest(self, connection: MasterConnection) -> None:
        if connection.epoch < self._newest_epoch:
            connection.disconnect()  # type: ignore[no-untyped-call]
            connection.connect()  # type: ignore[no-untyped-call]
        if connection.epoch < self._newest_epoch:
            raise NoMaster("sentinels that know the newest master don't answer")
        if connection.epoch > self._newest_epoch:
            self._newest_epoch = connection.epoch
            with self._lock:
                for other in self._in_use_connections - {connection}:
                    other.mark_for_reconnect()

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
