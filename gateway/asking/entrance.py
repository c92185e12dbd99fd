"""Who may connect to sockets, and how many at once: of all together, and of one address."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from common.http.addresses import origin_of
from common.limits.budgets import Ask, LocalBudgets, Rate
from feeds.app import door_refusal

HANDSHAKES = Rate(10, 1, burst=300)  # of an address
TRY_AGAIN_LATER = 1013

Refusal = tuple[int, str]  # the code it is closed with, and why


class SocketEntrance:
    """One for all sockets of a process that count together."""

    def __init__(self, *, connections_max: int, per_address_max: int) -> None:
        self._connections_max = connections_max
        self._per_address_max = per_address_max
        self._per_address: Counter[str] = Counter()
        self._handshakes = LocalBudgets()

    def refusal(self, scope: Any, address: Any) -> Refusal | None:
        if refused := door_refusal(scope):
            return refused
        origin = origin_of(address)
        if self._per_address.total() >= self._connections_max:
            return TRY_AGAIN_LATER, "too many connections; try again later"
        if self._per_address[origin] >= self._per_address_max:
            return TRY_AGAIN_LATER, "too many connections from this address"
        _, granted = self._handshakes.spend(Ask(origin, HANDSHAKES))
        if not granted:
            return TRY_AGAIN_LATER, "too many connects from this address; wait"
        return None

    @contextmanager
    def passed(self, address: Any) -> Iterator[None]:
        """While it is connected."""
        origin = origin_of(address)
        self._per_address[origin] += 1
        try:
            yield
        finally:
            self._per_address[origin] -= 1
            if not self._per_address[origin]:
                del self._per_address[origin]
