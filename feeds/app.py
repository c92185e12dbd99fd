"""Feeds and order entry as a plain ASGI callable: WebSockets at /ws.

The hub starts with the server (`lifespan`) or with the first client, whichever a process wants.
"""

import asyncio
from functools import partial
from typing import Any

import msgspec
import structlog
from django.conf import settings

from accounts.keys.uses import uses
from accounts.law.countries import is_scope_blocked
from common.asgi.messages import Receive, Send
from common.errors import DomainError
from common.http.addresses import address_of, origin_of
from common.http.statuses import body_of, status_of
from common.metrics.measures import FEED_CLIENTS_MAX
from common.redis_client import async_redis_client
from common.sockets.closing import NOT_HERE, Refusal, refuse
from common.sockets.entrance import SocketEntrance, door_refusal
from feeds.connection import Connection
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
        connections_max = connections_max or settings.FEEDS_CONNECTIONS_MAX
        FEED_CLIENTS_MAX.set(connections_max)
        self._entrance = SocketEntrance(
            connections_max=connections_max, per_address_max=per_address_max
        )
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
            await refuse(send, refused)
            return
        try:
            wire = wire_of(scope.get("query_string", b""), scope.get("subprotocols", ()))
        except DomainError as error:
            await _refuse_handshake(send, error)
            return
        hub = await self.hub()
        address = address_of(scope)
        if refused := self._entrance.crowd_refusal(address):
            await refuse(send, refused)
            return
        sender = Sender(address, origin_of(address), is_scope_blocked(scope))
        order_entry = partial(OrderEntry, self._desk, self.decisions, sender)
        connection = Connection(receive, send, hub, order_entry, address, wire, writer_of(scope))
        hub.connections.add(connection)
        try:
            with self._entrance.passed(address):
                await connection.run()
        except asyncio.CancelledError:  # only the server's end does this, after it has waited
            log.info("feed_connection_cut", address=address)


async def _started_hub(decisions: Decisions) -> Hub:
    hub = Hub(async_redis_client(), decisions)
    await hub.start()
    log.info("feeds_started")
    return hub


async def _refuse_handshake(send: Send, error: DomainError) -> None:
    """With an answer of HTTP, which says what to change."""
    head = [(b"content-type", b"application/json")]
    status = int(status_of(error))
    await send({"type": "websocket.http.response.start", "status": status, "headers": head})
    body = msgspec.json.encode(body_of(error))
    await send({"type": "websocket.http.response.body", "body": body})


def refusal(scope: dict[str, Any]) -> Refusal | None:
    """Why this handshake isn't taken: close code and reason."""
    if scope["path"] != PATH:
        return NOT_HERE, f"use {PATH}"
    return door_refusal(scope)
