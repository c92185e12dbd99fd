"""A Redis Cluster, to callers that know of none.

Theory of operation. All keys of a market have one hash tag, so they are in one slot, and one server
has them. Hence two ways to it:

- ``server_of`` a market, or of a key that is no market's, is an ordinary client of that server:
  transactions, lines and reads that wait work as with one server. Its connections are led to the
  slot's master as they are opened (`common.redis.slots`).
- Everything else goes through redis-py's own client, which sends each command to its server, and a
  pipeline in parts. What one call may not do is name keys of two slots.

Neither lets a failover look like anything but a lost connection. redis-py says so in errors that
are no `redis.RedisError`, or look as if a key held something wrong; here all are `ClusterAway`. A
cluster that lacks one part of its slots is away until that part has a master again.
"""

import re
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Self

import redis
import redis.asyncio
import redis.asyncio.cluster
import redis.asyncio.retry
import redis.cluster
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.crc import key_slot
from redis.exceptions import (
    AskError,
    ClusterError,
    CrossSlotTransactionError,
    RedisClusterException,
    TryAgainError,
)
from redis.retry import Retry

from common.redis.first_answers import FirstAnswers
from common.redis.slots import (
    AsyncSlotConnection,
    ClusterAway,
    Nodes,
    Place,
    SlotConnection,
    TlsAsyncSlotConnection,
    TlsSlotConnection,
)

CLUSTER = ("redis+cluster://", "rediss+cluster://")
_DEFAULT_PORT = 6379


@dataclass(frozen=True, kw_only=True)
class ClusterAddress:
    """``options`` are those of each connection; with ``is_tls`` it is wrapped."""

    nodes: tuple[Place, ...]
    options: dict[str, Any]
    is_tls: bool

    @classmethod
    def parsed(cls, url: str) -> Self:
        """Of ``redis+cluster://user:password@host:port,host:port``, and what redis-py takes behind
        a question mark. Raises ValueError."""
        scheme, _, rest = url.partition("+cluster://")
        who, at, places = rest.rpartition("@")
        found = re.fullmatch(r"([^/?#]+)/?(0?)(\?[^#]*)?", places)
        if found is None:
            raise ValueError("is not as redis+cluster://host:port,host:port")
        hosts, _, query = found.groups()
        nodes = []
        for host in hosts.split(","):
            one = parse_url(f"{scheme}://{host}")  # type: ignore[no-untyped-call]
            if "host" not in one or "@" in host:
                raise ValueError("names a server that is not as host:port")
            nodes.append((str(one["host"]), int(one.get("port", _DEFAULT_PORT))))
        whole = f"{scheme}://{who}{at}host{query or ''}"
        options = parse_url(whole)  # type: ignore[no-untyped-call]
        for name in ("host", "port", "db", "connection_class"):
            options.pop(name, None)
        return cls(nodes=tuple(nodes), options=options, is_tls=scheme == "rediss")


class _Quiet:
    """After a failure all calls fail at once for so long: one of them waits for a cluster that is
    away, and the others don't."""

    def __init__(self, lasts_s: float) -> None:
        self._lasts_s = lasts_s
        self._failed_at = float("-inf")

    @contextmanager
    def call(self) -> Iterator[None]:
        """Raises ClusterAway for what redis-py says of a cluster that is changing, or lacks a
        part."""
        if time.monotonic() - self._failed_at < self._lasts_s:
            raise ClusterAway("the cluster was out of reach a moment ago")
        try:
            yield
        except CrossSlotTransactionError:
            raise  # of whoever wrote the call
        except (*_OF_CLUSTERS, redis.ConnectionError, redis.TimeoutError) as error:
            self._failed_at = time.monotonic()
            if isinstance(error, _OF_CLUSTERS):
                raise ClusterAway(str(error)) from error
            raise


# As redis-py raises them: no `redis.RedisError`, or one that looks as if a key held something else.
# The last is of servers that have no slots yet.
_OF_CLUSTERS = (RedisClusterException, ClusterError, AskError, TryAgainError, IndexError)


def _unless_away(answers: list[Any]) -> list[Any]:
    """What the servers answered to a pipeline. Raises where one of them was away: callers take any
    other error among the answers for a refusal."""
    for answer in answers:
        if isinstance(answer, (*_OF_CLUSTERS, redis.ConnectionError, redis.TimeoutError)):
            raise answer
    return answers


class _WholePipeline(redis.cluster.ClusterPipeline):
    """What is of no key is asked of one of the servers, in pipelines, too."""

    quiet: _Quiet

    def time(self, **options: Any) -> Any:
        return self.execute_command("TIME", **options)  # type: ignore[no-untyped-call]

    def info(self, section: str | None = None, *more: str, **options: Any) -> Any:
        return self.execute_command("INFO", *([section] if section else []), *more, **options)  # type: ignore[no-untyped-call]

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        with self.quiet.call():
            return _unless_away(super().execute(raise_on_error))


class _WholeCluster(redis.cluster.RedisCluster):
    def __init__(self, quiet: _Quiet, **options: Any) -> None:
        self.quiet = quiet
        super().__init__(**options)

    def execute_command(self, *args: Any, **options: Any) -> Any:
        with self.quiet.call():
            return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]

    def pipeline(self, transaction: Any = None, shard_hint: Any = None) -> Any:
        """A transaction is for `ClusterClient.server_of`."""
        found: Any = super().pipeline(transaction, shard_hint)  # type: ignore[no-untyped-call]
        found.__class__ = _WholePipeline  # redis-py lets nobody name a class of pipelines
        found.quiet = self.quiet
        return found


class ClusterClient:
    """In the place of a `redis.Redis`. Connects on use, and tries again with the next one."""

    def __init__(
        self,
        url: str,
        pool_class: type[redis.ConnectionPool],
        *,
        retry: Retry | None = None,
        quiet_s: float = 0.0,
        **options: Any,
    ) -> None:
        address = ClusterAddress.parsed(url)
        self._nodes = Nodes(address.nodes, address.is_tls, address.options | options)
        self._pool_class = pool_class
        self._connection_class = TlsSlotConnection if address.is_tls else SlotConnection
        self._retry: dict[str, Any] = {} if retry is None else {"retry": retry}
        # By its first failure redis-py finds out who took over: without a second try the first call
        # of each process after a failover would fail, however long ago that was.
        self._retry_whole: dict[str, Any] = (
            {} if retry is None else {"retry": Retry(NoBackoff(), 1)}
        )
        self._servers: dict[int, redis.Redis] = {}
        self._quiet = _Quiet(quiet_s)
        self._lock = threading.Lock()
        self._found: _WholeCluster | None = None

    def server_of(self, key: str) -> redis.Redis:
        """A client of whichever server has this key, or this market's keys."""
        slot = key_slot(key.encode())
        server = self._servers.get(slot)
        if server is None:
            pool = self._pool_class(
                connection_class=self._connection_class,
                nodes=self._nodes,
                slot=slot,
                **self._nodes.options,
                **self._retry,
            )
            server = self._servers.setdefault(slot, redis.Redis.from_pool(pool))
        return server

    def __getattr__(self, name: str) -> Any:
        """Any other call of a `redis.Redis`. Raises ClusterAway."""
        return getattr(self._whole(), name)

    def _whole(self) -> _WholeCluster:
        if self._found is None:
            with self._lock:
                if self._found is None:
                    self._found = self._find()
        return self._found

    def _find(self) -> _WholeCluster:
        with self._quiet.call():
            return _WholeCluster(
                self._quiet,
                startup_nodes=[_node(*place) for place in self._nodes.listed],
                ssl=self._nodes.is_tls,
                **self._nodes.options,
                **self._retry_whole,
            )


def _node(host: str, port: int) -> redis.cluster.ClusterNode:
    return redis.cluster.ClusterNode(host, port)  # type: ignore[no-untyped-call]


class AsyncClusterClient(redis.asyncio.cluster.RedisCluster):
    """The same for one event loop."""

    def __init__(self, url: str, **options: Any) -> None:
        address = ClusterAddress.parsed(url)
        retry = redis.asyncio.retry.Retry(NoBackoff(), 0)
        self._nodes = Nodes(address.nodes, address.is_tls, address.options | options)
        self._led = TlsAsyncSlotConnection if address.is_tls else AsyncSlotConnection
        self._servers: dict[int, redis.asyncio.Redis] = {}
        self._no_retry = retry
        self.waiting = FirstAnswers()
        super().__init__(
            startup_nodes=[redis.asyncio.cluster.ClusterNode(*node) for node in address.nodes],
            ssl=address.is_tls,
            retry=retry,
            **self._nodes.options,
        )

    def server_of(self, key: str) -> redis.asyncio.Redis:
        slot = key_slot(key.encode())
        server = self._servers.get(slot)
        if server is None:
            pool = redis.asyncio.ConnectionPool(
                connection_class=self._led,
                nodes=self._nodes,
                slot=slot,
                retry=self._no_retry,
                **self._nodes.options,
            )
            server = self._servers[slot] = redis.asyncio.Redis.from_pool(pool)
        return server

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        async with self.asked():
            return await super().execute_command(*args, **options)

    def pipeline(self, transaction: Any = None, shard_hint: Any = None) -> Any:
        found: Any = super().pipeline(transaction, shard_hint)
        found.__class__ = _AsyncWholePipeline
        return found

    @asynccontextmanager
    async def asked(self) -> AsyncIterator[None]:
        """Whoever was away is looked for anew by the next call."""
        try:
            yield
        except CrossSlotTransactionError:
            raise
        except (*_OF_CLUSTERS, redis.ConnectionError, redis.TimeoutError) as error:
            await super().aclose()
            if isinstance(error, _OF_CLUSTERS):
                raise ClusterAway(str(error)) from error
            raise

    async def aclose(self) -> None:
        self.waiting.close()
        for server in self._servers.values():
            await server.aclose()
        await super().aclose()


class _AsyncWholePipeline(redis.asyncio.cluster.ClusterPipeline):
    async def execute(
        self, raise_on_error: bool = True, allow_redirections: bool = True
    ) -> list[Any]:
        client: Any = self.cluster_client
        async with client.asked():
            return _unless_away(await super().execute(raise_on_error, allow_redirections))
