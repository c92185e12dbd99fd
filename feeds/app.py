"""Feeds and order entry as a plain ASGI callable: WebSockets at /ws.

The hub starts with the server (`lifespan`) or with the first client, whichever a process wants.
Who may connect is the API's rule: a Host that is ours, and no page of another site.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import msgspec
import structlog
from django.conf import settings
from django.http.request import split_domain_port, validate_host

from accounts.keys.uses import uses
from accounts.law.countries import is_scope_blocked
from common.errors import DomainError
from common.http.addresses import address_of, origin_of
from common.http.statuses import body_of, status_of
from common.limits.budgets import Ask, LocalBudgets, Rate
from common.metrics.measures import FEED_CLIENTS_MAX
from common.redis_client import async_redis_client
from feeds.connection import Connection, Receive, Send
from feeds.hub import Hub
from feeds.orders.calls import Sender
from feeds.orders.entry import OrderEntry
from feeds.streams.frames import writer_of
from feeds.streams.wire import wire_of
from trading.intake.decisions import Decisions
from trading.intake.desk import Desk

log = structlog.get_logger(__name__)

PATH = "/ws"
CONNECTIONS_PER_ADDRESS_MAX = 100
HANDSHAKES = Rate(10, 1, burst=300)  # of an address
NOT_HERE = 4404
NOT_ALLOWED = 4403
TRY_AGAIN_LATER = 1013


class Feeds:
    """One per process and event loop."""

    def __init__(
        self,
        *,
        connections_max: int | None = None,
        per_address_max: int = CONNECTIONS_PER_ADDRESS_MAX,
        desk: Desk | None = None,
    ) -> None:
        self._desk = desk or Desk()
        self._connections_max = connections_max or settings.FEEDS_CONNECTIONS_MAX
        FEED_CLIENTS_MAX.set(self._connections_max)
        self._per_address_max = per_address_max
        self._per_address: Counter[str] = Counter()
        self._handshakes = LocalBudgets()
        self._starting: asyncio.Task[Hub] | None = None
        self.decisions = Decisions(self.hub)

    async def lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self.hub()
                await send({"type": "lifespan.startup.complete"})
            else:
                await self.stop()
                await self._desk.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def hub(self) -> Hub:
        """Started by whoever asks first."""
        if self._starting is None:
            self._starting = asyncio.create_task(_started_hub(self.decisions))
        return await asyncio.shield(self._starting)

    async def stop(self) -> None:
        if self._starting is not None:
            await (await self._starting).stop()
        await asyncio.to_thread(uses.write_now)

    async def websocket(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        if refused := refusal(scope):
            await _refuse(send, *refused)
            return
        try:
            wire = wire_of(scope.get("query_string", b""), scope.get("subprotocols", ()))
        except DomainError as error:
            await _refuse_handshake(send, error)
            return
        hub = await self.hub()
        address = address_of(scope)
        origin = origin_of(address)
        if len(hub.connections) >= self._connections_max:
            await _refuse(send, TRY_AGAIN_LATER, "too many connections; try again later")
            return
        if self._per_address[origin] >= self._per_address_max:
            await _refuse(send, TRY_AGAIN_LATER, "too many connections from this address")
            return
        _, granted = self._handshakes.spend(Ask(origin, HANDSHAKES))
        if not granted:
            await _refuse(send, TRY_AGAIN_LATER, "too many connects from this address; wait")
            return
        sender = Sender(address, origin, is_scope_blocked(scope))
        order_entry = partial(OrderEntry, self._desk, self.decisions, sender)
        connection = Connection(receive, send, hub, order_entry, address, wire, writer_of(scope))
        hub.connections.add(connection)
        self._per_address[origin] += 1
        try:
            await connection.run()
        except asyncio.CancelledError:  # only the server's end does this, after it has waited
            log.info("feed_connection_cut", address=address)
        finally:
            self._per_address[origin] -= 1
            if not self._per_address[origin]:
                del self._per_address[origin]


async def _started_hub(decisions: Decisions) -> Hub:
    hub = Hub(async_redis_client(), decisions)
    await hub.start()
    log.info("feeds_started")
    return hub


async def _refuse(send: Send, code: int, reason: str) -> None:
    await send({"type": "websocket.close", "code": code, "reason": reason})


async def _refuse_handshake(send: Send, error: DomainError) -> None:
    """With an answer of HTTP, which says what to change."""
    head = [(b"content-type", b"application/json")]
    status = int(status_of(error))
    await send({"type": "websocket.http.response.start", "status": status, "headers": head})
    body = msgspec.json.encode(body_of(error))
    await send({"type": "websocket.http.response.body", "body": body})


def refusal(scope: dict[str, Any]) -> tuple[int, str] | None:
    """Why this handshake isn't taken: close code and reason."""
    if scope["path"] != PATH:
        return NOT_HERE, f"use {PATH}"
    return door_refusal(scope)


def door_refusal(scope: dict[str, Any]) -> tuple[int, str] | None:
    """The same, wherever it leads."""
    headers: Sequence[tuple[bytes, bytes]] = scope["headers"]
    hosts = [value.decode("latin-1") for name, value in headers if name == b"host"]
    origins = [value.decode("latin-1") for name, value in headers if name == b"origin"]
    if len(hosts) != 1 or not _is_ours(hosts[0]):
        return NOT_ALLOWED, "this host is not in ALLOWED_HOSTS"
    if not all(map(_is_page_of_ours, origins)):
        return NOT_ALLOWED, "pages of this origin may not connect"
    return None


def _is_ours(host: str) -> bool:
    domain, _ = split_domain_port(host)
    return bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)


def _is_page_of_ours(origin: str) -> bool:
    """Browsers say where a page comes from; programs needn't."""
    if origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    try:
        return _is_ours(urlsplit(origin).netloc)
    except ValueError:
        return False
