"""Connections to whichever server of a Redis Cluster is master of a slot.

Theory of operation. Each new connection asks a server that answers who is master of its slot, goes
there, and asks that one, too: it may not know yet that it was replaced. A server that no longer has
the slot says so to the next command, or breaks off; the connection is then closed, and whoever used
it connects again and is led to the new master. So a failover is a lost connection and no more, and
pools, lines, transactions and forked children know nothing of clusters (as with sentinels,
`common.redis.addresses`).
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import redis
import redis.asyncio
import redis.asyncio.retry
from redis.backoff import NoBackoff
from redis.exceptions import AskError, ClusterDownError, TryAgainError
from redis.retry import Retry

ASKING_TIMEOUT_S = 1.0
Place = tuple[str, int]


class ClusterAway(redis.ConnectionError):
    """Who has the slot can't be told, or it is not who was asked."""


class Nodes:
    """Of one cluster, as far as this process knows. ``options`` are those of each connection."""

    def __init__(self, listed: Iterable[Place], is_tls: bool, options: Mapping[str, Any]) -> None:
        self.listed = tuple(listed)
        self._learned: tuple[Place, ...] = ()
        self.is_tls = is_tls
        self.options = dict(options)

    def to_ask(self) -> Iterator[tuple[Place, dict[str, Any]]]:
        """Servers and what to connect with, those that were there lately first."""
        options = self.options | {
            "ssl": self.is_tls,
            "socket_timeout": ASKING_TIMEOUT_S,
            "socket_connect_timeout": ASKING_TIMEOUT_S,
        }
        for host, port in dict.fromkeys((*self._learned, *self.listed)):
            yield (host, port), options | {"host": host, "port": port}

    def master(self, slots: Any, slot: int, asked: Place) -> Place | None:
        """By what CLUSTER SLOTS answered; None where nobody has the slot."""
        named = [_place(node, asked) for _, _, *nodes in slots for node in nodes]
        # Who answered is asked first the next time.
        self._learned = tuple(dict.fromkeys((asked, *named)))
        for first, last, master, *_ in slots:
            if first <= slot <= last:
                return _place(master, asked)
        return None


def _place(node: Any, asked: Place) -> Place:
    """A server that knows no address of its own is the one that was asked."""
    host = node[0].decode() if isinstance(node[0], bytes) else str(node[0] or "")
    return host or asked[0], int(node[1])


def _nobody(slot: int) -> ClusterAway:
    return ClusterAway(f"no server of the cluster says who has slot {slot}")


# What a server answers that has not, or not yet, or no longer, what was asked for.
_ELSEWHERE = (AskError, ClusterDownError, TryAgainError)
_SLOTS = "CLUSTER SLOTS"


def _demand_master(role: Any) -> None:
    if role[0] not in (b"master", "master"):
        raise ClusterAway("the server that the cluster names is not master yet")


class SlotConnection(redis.Connection):
    """Leads to whichever server has the slot as it is opened."""

    def __init__(self, *, nodes: Nodes, slot: int, **options: Any) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call]
        self._nodes = nodes
        self._slot = slot

    def _connect(self) -> Any:
        self.host, self.port = self._master()
        return super()._connect()  # type: ignore[no-untyped-call]

    def on_connect_check_health(self, check_health: bool = True) -> None:
        super().on_connect_check_health(check_health)
        self.send_command("ROLE", check_health=False)  # type: ignore[no-untyped-call]
        _demand_master(self.read_response())

    def read_response(self, *args: Any, **options: Any) -> Any:
        try:
            return super().read_response(*args, **options)
        except _ELSEWHERE as error:
            self.disconnect()  # type: ignore[no-untyped-call]
            raise ClusterAway(str(error)) from error

    def _master(self) -> Place:
        for asked, options in self._nodes.to_ask():
            with redis.Redis(**options, retry=Retry(NoBackoff(), 0)) as node:
                try:
                    found = self._nodes.master(node.execute_command(_SLOTS), self._slot, asked)
                except redis.RedisError:
                    continue
            if found is not None:
                return found
        raise _nobody(self._slot)


class TlsSlotConnection(SlotConnection, redis.SSLConnection):
    """The same, wrapped: the name in the certificate is that of the server led to."""


class AsyncSlotConnection(redis.asyncio.Connection):
    """The same on an event loop."""

    def __init__(self, *, nodes: Nodes, slot: int, **options: Any) -> None:
        super().__init__(**options)
        self._nodes = nodes
        self._slot = slot

    async def _connect(self) -> None:
        self.host, self.port = await self._master()
        await super()._connect()  # type: ignore[no-untyped-call]

    async def on_connect_check_health(self, check_health: bool = True) -> None:
        await super().on_connect_check_health(check_health)
        await self.send_command("ROLE", check_health=False)
        _demand_master(await self.read_response())

    async def read_response(self, *args: Any, **options: Any) -> Any:
        try:
            return await super().read_response(*args, **options)
        except _ELSEWHERE as error:
            await self.disconnect(nowait=True)
            raise ClusterAway(str(error)) from error

    async def _master(self) -> Place:
        no_retry = redis.asyncio.retry.Retry(NoBackoff(), 0)
        for asked, options in self._nodes.to_ask():
            options["retry"] = no_retry
            async with redis.asyncio.Redis(**options) as node:
                try:
                    slots = await node.execute_command(_SLOTS)  # type: ignore[no-untyped-call]
                except redis.RedisError:
                    continue
            found = self._nodes.master(slots, self._slot, asked)
            if found is not None:
                return found
        raise _nobody(self._slot)


class TlsAsyncSlotConnection(AsyncSlotConnection, redis.asyncio.SSLConnection):
    """The same, wrapped."""
