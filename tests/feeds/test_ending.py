"""A server that has waited long enough cuts who is still there: that is said, and no fault."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from common.sockets.entrance import SocketEntrance
from feeds.app import Feeds
from gateway.socket_calls.app import VenueCalls
from gateway.streams.app import VenueStreams

Cut = Callable[[], Any]


class _Hub:
    def __init__(self) -> None:
        self.connections: set[Any] = set()

    def forget(self, connection: Any) -> None:
        self.connections.discard(connection)

    async def topics(self, _: Any) -> dict[str, Any]:
        return {}

    async def subscribe(self, *_: Any) -> None: ...

    def unsubscribe(self, *_: Any) -> None: ...


def feeds() -> Feeds:
    app = Feeds()
    app._starting = _known(_Hub())
    return app


def streams() -> VenueStreams:
    app = VenueStreams(SocketEntrance(connections_max=1, per_address_max=1))
    app._starting = _known((_Hub(), _Hub()))
    return app


def calls() -> VenueCalls:
    return VenueCalls(None, SocketEntrance(connections_max=1, per_address_max=1))


def _known(found: Any) -> Any:
    hub: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    hub.set_result(found)
    return hub


@pytest.mark.parametrize(
    ("make", "path", "event"),
    [
        (feeds, "/ws", "feed_connection_cut"),
        (streams, "/fstream/ws", "gateway_connection_cut"),
        (calls, "/ws-fapi/v1", "gateway_connection_cut"),
    ],
)
def test_a_connection_that_is_cut_ends_in_a_line(make: Cut, path: str, event: str) -> None:
    async def be_cut() -> Any:
        app = make()
        accepted = asyncio.Event()
        first = iter([{"type": "websocket.connect"}])

        async def receive() -> Any:
            return next(first, None) or await asyncio.Event().wait()

        async def send(message: Any) -> None:
            if message["type"] == "websocket.accept":
                accepted.set()

        scope = {"path": path, "headers": [(b"host", b"localhost")], "client": ("192.0.2.1", 1)}
        connection = asyncio.create_task(app.websocket(scope, receive, send))
        is_accepted = asyncio.create_task(accepted.wait())
        await asyncio.wait((is_accepted, connection), return_when=asyncio.FIRST_COMPLETED)
        assert is_accepted.done(), await connection
        connection.cancel()
        await connection
        return app._entrance._per_address

    with capture_logs() as logs:
        assert not asyncio.run(be_cut())
    assert [line["event"] for line in logs] == [event]
