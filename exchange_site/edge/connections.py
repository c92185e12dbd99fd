"""The connections of a process: whose they are, what they wait for, and which must go.

An address whose sockets were closed for what they said, again and again, is not refused: others may
share it. Its new connections are listened to later, so that together they are few a second.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Protocol

from django.conf import settings

from common.limits.budgets import Ask, LocalBudgets, Rate

HEAD_WITHIN_S = 5.0  # from the first byte, or from connecting, to the end of the headers
LOOK_EVERY_S = 0.5
AT_WORK_S = 0.05  # between two requests
CONNECTIONS_MAX = 4_000
CONNECTIONS_PER_ADDRESS_MAX = 256
BREACHES = Rate(1, 1, burst=20)  # of an address: sockets closed for what they said
_PENANCE_S_EACH = 0.1  # of its connections, once that is spent
_PENANCE_MAX_S = 4.0


class Connected(Protocol):
    """What a connection lets be done to it. ``has_head``: its request's headers are whole."""

    has_head: bool
    unread_max_s: float

    def end_late_head(self) -> None: ...
    def abort(self) -> None: ...


class _Peer:
    """The connections of an address. Dictionaries, as they keep the order of arrival."""

    def __init__(self) -> None:
        self.all: dict[Connected, None] = {}
        self.asking: dict[Connected, float] = {}  # not yet a whole request, since when
        self.unread: dict[Connected, float] = {}  # an answer that its client doesn't take
        self.idle: dict[Connected, float] = {}  # answered, since when, and may ask again

    def longest_waiting(self, now_s: float) -> Connected | None:
        """For its own client. Those that are behind before those that were served; whoever was
        served just now is at work, and stays."""
        idle = (one for one, since in self.idle.items() if now_s - since >= AT_WORK_S)
        kinds: tuple[Iterable[Connected], ...] = (self.asking, self.unread, idle)
        return next(chain.from_iterable(kinds), None)


class Connections:
    """One per process and event loop. ``per_address_max`` None: all come from proxies."""

    def __init__(
        self,
        per_address_max: int | None,
        connections_max: int = CONNECTIONS_MAX,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._per_address_max = per_address_max
        self._max = connections_max
        self._now = now
        self._peers: dict[str, _Peer] = {}
        self._peer_of: dict[Connected, _Peer] = {}
        self._address_of: dict[Connected, str] = {}
        self._watch: asyncio.Task[None] | None = None
        self._breaches = LocalBudgets(lambda: int(now() * 1e6))

    def __len__(self) -> int:
        return len(self._peer_of)

    # --- what protocols tell ----------------------------------------------------------------------

    def join(self, connection: Connected, address: str) -> None:
        """One too many makes another go, or goes itself where all others are being served."""
        self._keep_watch()
        peer = self._peers.setdefault(address, _Peer())
        peer.all[connection] = None
        self._peer_of[connection] = peer
        self._address_of[connection] = address
        crowd = None
        if self._per_address_max is not None and len(peer.all) > self._per_address_max:
            crowd = peer
        elif len(self) > self._max:
            crowd = max(self._peers.values(), key=lambda one: len(one.all))
        if crowd is not None:
            leaving = crowd.longest_waiting(self._now()) or connection
            self.leave(leaving)
            leaving.abort()

    def leave(self, connection: Connected) -> None:
        peer = self._peer_of.pop(connection, None)
        if peer is None:
            return
        peer.all.pop(connection, None)
        peer.asking.pop(connection, None)
        peer.unread.pop(connection, None)
        peer.idle.pop(connection, None)
        address = self._address_of.pop(connection)
        if not peer.all:
            del self._peers[address]

    def asks(self, connection: Connected) -> None:
        """From now on a request is awaited of it."""
        if peer := self._peer_of.get(connection):
            peer.idle.pop(connection, None)
            peer.asking.setdefault(connection, self._now())

    def has_asked(self, connection: Connected) -> None:
        """The request is whole."""
        if peer := self._peer_of.get(connection):
            peer.asking.pop(connection, None)

    def is_answered(self, connection: Connected) -> None:
        peer = self._peer_of.get(connection)
        if peer and connection not in peer.unread:
            peer.idle.setdefault(connection, self._now())

    def leaves_unread(self, connection: Connected) -> None:
        if peer := self._peer_of.get(connection):
            peer.idle.pop(connection, None)
            peer.unread.setdefault(connection, self._now())

    def reads(self, connection: Connected) -> None:
        if peer := self._peer_of.get(connection):
            peer.unread.pop(connection, None)

    def breaks_rules(self, connection: Connected) -> None:
        """It is closed for what it said."""
        if self._per_address_max is not None and connection in self._address_of:
            self._breaches.spend(Ask(self._address_of[connection], BREACHES))

    def penance_s(self, connection: Connected) -> float:
        """How long a new one is not listened to: ten of its address begin in a second while the
        last breach of its budget is not a second old."""
        address = self._address_of.get(connection)
        if self._per_address_max is None or address is None:
            return 0.0
        ahead_us, _ = self._breaches.spend(Ask(address, BREACHES, cost=0))
        if ahead_us <= BREACHES.interval_us * (BREACHES.burst - 1):
            return 0.0
        return min(_PENANCE_S_EACH * len(self._peers[address].all), _PENANCE_MAX_S)

    # --- deadlines --------------------------------------------------------------------------------

    def _keep_watch(self) -> None:
        if self._watch is None or self._watch.done():
            self._watch = asyncio.get_running_loop().create_task(self._look_again_and_again())

    async def _look_again_and_again(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self.end_late()

    def end_late(self) -> None:
        now = self._now()
        late, unread = [], []
        for peer in self._peers.values():
            for connection, since in peer.asking.items():
                if now - since < HEAD_WITHIN_S:
                    break  # the others came later
                if not connection.has_head:  # else its body has a deadline of its own
                    late.append(connection)
            unread += [one for one, since in peer.unread.items() if now - since >= one.unread_max_s]
        for connection in late:
            self.leave(connection)
            connection.end_late_head()
        for connection in unread:
            self.leave(connection)
            connection.abort()


_connections: Connections | None = None


def connections() -> Connections:
    """Of this process. Behind proxies an address is a proxy's."""
    global _connections  # noqa: PLW0603  made with the first connection, when settings are there
    if _connections is None:
        _connections = Connections(
            None if settings.TRUSTED_PROXIES else CONNECTIONS_PER_ADDRESS_MAX
        )
    return _connections
