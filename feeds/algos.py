"""What happens to algos, told on the account channel of their traders.

Theory of operation. No engine knows of algos, so their events come from Postgres, where they are
written in the transaction in which they happen (`trading.algos.telling`). Once a second one query
asks for what is new of all accounts that listen. Rows are found by the time they were written at
and not by when they were committed, so each look goes back `OVERLAP_S` further than the last one
that succeeded: longer than any of those transactions may take. What was told is left aside.

Events of an algo are numbered without a gap, so a client sees at once if it was not there for one,
and reads the algo over HTTP.
"""

import time
from collections.abc import Awaitable, Callable, Collection
from typing import Any, Protocol

from common.times import unix_ms
from feeds import protocol
from feeds.protocol import ACCOUNT_CHANNEL
from trading.algos.telling import ToldEvent, told_since

OVERLAP_S = 30.0

Read = Callable[[Callable[[], list[ToldEvent]]], Awaitable[list[ToldEvent] | None]]


class Listeners(Protocol):
    """Whom the events are for."""

    def listened_to(self) -> Collection[int]: ...
    def tell(self, account_id: int, text: str) -> None: ...


class AlgoNews:
    """``read`` asks Postgres in a thread; None while it is away."""

    def __init__(self, listeners: Listeners, read: Read) -> None:
        self._listeners = listeners
        self._read = read
        self._told: set[int] = set()
        self._looked_at = time.monotonic()

    async def step(self) -> None:
        began_at, accounts = time.monotonic(), list(self._listeners.listened_to())
        if accounts:
            back_s = began_at - self._looked_at + OVERLAP_S
            found = await self._read(lambda: told_since(back_s, accounts))
            if found is None:
                return  # the next look goes back as much further
            for one in found:
                if one.event_id not in self._told:
                    self._listeners.tell(one.user_id, protocol.encode(algo_message(one)))
            self._told = {one.event_id for one in found}
        self._looked_at = began_at


def algo_message(told: ToldEvent) -> dict[str, Any]:
    message = {"message": told.words} if told.words else {}
    return message | {
        "channel": ACCOUNT_CHANNEL,
        "type": "algo",
        "marketId": told.market_id,
        "event": told.happening,
        "algoId": told.algo_id,
        "clientAlgoId": told.client_algo_id,
        "number": told.number,
        "state": told.state,
        "slice": told.slice_number,
        "orderId": told.order_id,
        "reason": told.code or None,
        "timeMs": unix_ms(told.recorded_at),
    }
