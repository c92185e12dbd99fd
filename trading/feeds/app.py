"""The feeds as a plain ASGI callable: WebSockets at /ws."""

from typing import Any

import structlog

from exchange_site.redis_client import async_redis_client
from trading.feeds.connection import Connection, Receive, Send
from trading.feeds.hub import Hub

log = structlog.get_logger(__name__)

PATH = "/ws"
CONNECTIONS_MAX = 1_000
NOT_HERE = 4404
TRY_AGAIN_LATER = 1013


class Feeds:
    """One per process; its hub lives between the server's startup and shutdown."""

    def __init__(self) -> None:
        self._hub: Hub | None = None

    async def lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._hub = Hub(async_redis_client())
                await self._hub.start()
                log.info("feeds_started")
                await send({"type": "lifespan.startup.complete"})
            else:
                if self._hub is not None:
                    await self._hub.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def websocket(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        if scope["path"] != PATH or self._hub is None:
            await send({"type": "websocket.close", "code": NOT_HERE, "reason": f"use {PATH}"})
            return
        if len(self._hub.connections) >= CONNECTIONS_MAX:
            reason = "too many connections; try again later"
            await send({"type": "websocket.close", "code": TRY_AGAIN_LATER, "reason": reason})
            return
        connection = Connection(receive, send, self._hub)
        self._hub.connections.add(connection)
        await connection.run()
