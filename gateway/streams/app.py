"""WebSockets under /fstream, as a plain ASGI callable. Its hub starts with the first client."""

import asyncio
from typing import Any

import structlog

from common.asgi.messages import Receive, Send
from common.http.addresses import address_of
from common.redis_client import async_redis_client
from common.sockets.closing import GOING_AWAY, NOT_HERE, refuse
from common.sockets.entrance import SocketEntrance
from gateway.streams import names
from gateway.streams.connection import StreamConnection
from gateway.streams.hub import StreamHub
from gateway.streams.names import BASE
from gateway.streams.own.accounts import AccountStreams

log = structlog.get_logger(__name__)


def is_of_streams(path: str) -> bool:
    return path == BASE or path.startswith(f"{BASE}/")


class VenueStreams:
    """One per process and event loop."""

    def __init__(self, entrance: SocketEntrance) -> None:
        self._entrance = entrance
        self._connections: set[StreamConnection] = set()
        self._starting: asyncio.Task[tuple[StreamHub, AccountStreams]] | None = None

    async def stop(self) -> None:
        for connection in list(self._connections):
            connection.close(GOING_AWAY, "the server stops; connect again")
        if self._starting is not None:
            hub, _ = await self._starting
            await hub.stop()

    async def websocket(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        query = scope.get("query_string", b"").decode("latin-1")
        asked = names.address_of(scope["path"], query)
        address = address_of(scope)
        if asked is None:
            await refuse(send, (NOT_HERE, f"use {BASE}/ws or {BASE}/stream"))
            return
        if refused := self._entrance.refusal(scope, address):
            await refuse(send, refused)
            return
        hub, accounts = await self._hub()
        connection = StreamConnection(receive, send, hub, accounts, address, asked)
        self._connections.add(connection)
        try:
            with self._entrance.passed(address):
                await connection.run()
        except asyncio.CancelledError:  # only the server's end does this, after it has waited
            log.info("gateway_connection_cut", address=address)
        finally:
            self._connections.discard(connection)

    async def _hub(self) -> tuple[StreamHub, AccountStreams]:
        """Started by whoever asks first."""
        if self._starting is None or (
            self._starting.done() and self._starting.exception() is not None
        ):
            self._starting = asyncio.create_task(_started())
        return await asyncio.shield(self._starting)


async def _started() -> tuple[StreamHub, AccountStreams]:
    hub = StreamHub(async_redis_client())
    await hub.start()
    accounts = AccountStreams(hub)
    accounts.start()
    log.info("gateway_streams_started")
    return hub, accounts
