"""Who listens to which account, and what each is told.

Theory of operation. What happens to an account's orders is told from the engines' output, entry by
entry (`telling`). What an account is worth is the ledger's to say: it is told once the ledger has
written down what was heard, a moment later (`worth`). Who can't be told all, because an engine's
output does not go on from where it was or an order can't be read, is disconnected: clients connect
again and ask how they stand.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from accounts.keys.known import known_keys
from accounts.keys.verifying import check_still_counts, require_scope
from common.errors import DomainError
from common.http.addresses import Address
from common.scopes import Scope
from common.sockets.closing import POLICY_VIOLATION, SERVICE_RESTART
from gateway.asking import listen_keys
from gateway.asking.listen_keys import ListenKeyOwner
from gateway.streams.hub import StreamHub, wrap
from gateway.streams.own.account_events import expired_event
from gateway.streams.own.telling import Telling
from gateway.streams.own.worth import Worth
from gateway.streams.protocol import encode
from matching.messages.events import OutputEntry

WORTH_EVERY_S = 0.05
WATCH_EVERY_S = 1.0
log = structlog.get_logger(__name__)


class Listening(Protocol):
    """A client of account streams."""

    @property
    def address(self) -> Address | None: ...
    def offer(self, text: str) -> None: ...
    def close(self, code: int, reason: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Ear:
    """One stream that a client opened. ``events``: the only ones it wants; empty for all."""

    listen_key: str
    listener: ListenKeyOwner
    is_combined: bool
    events: frozenset[str]


class AccountStreams:
    def __init__(self, hub: StreamHub) -> None:
        self._hub = hub
        self._ears: defaultdict[int, dict[Listening, Ear]] = defaultdict(dict)
        self._telling = Telling(hub)
        self._worth = Worth(hub)

    def start(self) -> None:
        hub = self._hub
        hub.output.add(self)
        hub.add(
            asyncio.create_task(hub.repeat("worth", self._tell_worth, WORTH_EVERY_S)),
            asyncio.create_task(hub.repeat("listen keys", self._watch, WATCH_EVERY_S)),
        )

    @property
    def are_wanted(self) -> bool:
        return bool(self._ears)

    # --- who listens ------------------------------------------------------------------------------

    async def open(
        self, client: Listening, listen_key: str, is_combined: bool, events: frozenset[str]
    ) -> bool:
        """False for a key that there isn't, or whose API key counts no more."""
        data: Any = await self._hub.redis.get(listen_keys.key_name(listen_key))
        listener = listen_keys.decode(data)
        if listener is None:
            return False
        address = client.address
        if not await self._hub.ask(lambda: _counts(listener, address)):
            return False
        self._ears[listener.user_id][client] = Ear(listen_key, listener, is_combined, events)
        await self._hub.output.ready()
        await self._worth.begin(listener.user_id)
        return True

    def forget(self, client: Listening) -> None:
        for user_id in [user_id for user_id, ears in self._ears.items() if client in ears]:
            del self._ears[user_id][client]
            if not self._ears[user_id]:
                del self._ears[user_id]
                self._telling.forget(user_id)
                self._worth.forget(user_id)

    # --- what they hear ---------------------------------------------------------------------------

    async def hear(self, market_id: str, entries: list[OutputEntry]) -> None:
        users = set(self._ears)
        try:
            told = await self._telling.events_of(market_id, entries, users)
        except Exception as error:  # noqa: BLE001  whatever it is, they must hear that they missed it
            log.error("gateway_account_untold", market=market_id, error=repr(error))
            self._disconnect(users, "events could not be read")
            return
        for user_id, event in told:
            self._tell(user_id, event)
        for entry in entries:
            self._worth.hear(market_id, entry, users)

    def miss(self, market_id: str) -> None:
        self._disconnect(list(self._ears), f"events of {market_id} were missed")

    def _tell(self, user_id: int, event: dict[str, Any]) -> None:
        text = encode(event)
        for client, ear in list(self._ears.get(user_id, {}).items()):
            if ear.events and event["e"] not in ear.events:
                continue
            client.offer(_wrapped(ear, text))

    def _disconnect(self, users: Collection[int], why: str) -> None:
        for user_id in users:
            for client in list(self._ears.get(user_id, ())):
                client.close(SERVICE_RESTART, f"{why}: connect again")

    async def _tell_worth(self) -> None:
        for user_id, event in await self._worth.events(set(self._ears)):
            self._tell(user_id, event)

    # --- for how long -----------------------------------------------------------------------------

    async def _watch(self) -> None:
        if not self._ears:
            return
        for user_id, event in await self._worth.changes(set(self._ears)):
            self._tell(user_id, event)
        open_ears = [(client, ear) for ears in self._ears.values() for client, ear in ears.items()]
        pipeline = self._hub.redis.pipeline(transaction=False)
        for _, ear in open_ears:
            pipeline.exists(listen_keys.key_name(ear.listen_key))
        alive = await pipeline.execute()
        asked = [(ear.listener, client.address) for client, ear in open_ears]
        counting = await self._hub.ask(lambda: [_counts(*one) for one in asked])
        for (client, ear), is_alive, counts in zip(open_ears, alive, counting, strict=True):
            if not is_alive or not counts:
                event = expired_event(ear.listen_key, time.time_ns() // 1_000_000)
                client.offer(_wrapped(ear, encode(event)))
                client.close(POLICY_VIOLATION, "the listen key has expired")


def _wrapped(ear: Ear, text: str) -> str:
    return wrap(ear.listen_key, text) if ear.is_combined else text


def _counts(listener: ListenKeyOwner, address: Address | None) -> bool:
    key = known_keys.get(listener.public_id)
    if key is None:
        return False
    try:
        check_still_counts(key, address)
        require_scope(key.user.scopes, Scope.READ)
    except DomainError:
        return False
    return True
