"""① The API's entry point: order intake in front, the feeds at /ws, everything else to Django.

Django's views are sync; they run in a few threads and processes (`exchange_site.edge.places`), as
under a WSGI server, and cost about the same. Under Django's own ASGI handler they would cost twice
as much. Whoever answers a request has its body at hand (`exchange_site.edge.bodies`).

The feeds are the same callable as in the process of their own (`exchange_site.asgi`), so that one
address is enough to begin with. They start with the first client and take only a few: they share
the loop with order intake. Whoever has many sends /ws to processes of their own.
"""

import sys
from typing import Any

from exchange_site.wsgi import application as django_application  # Django is set up by it

# isort: split
from common.sockets.entrance import SocketEntrance
from exchange_site.edge.bodies import Bodies
from exchange_site.edge.counted import Counted
from exchange_site.edge.haste import Unhurried
from exchange_site.edge.places import Places
from exchange_site.edge.refusals import RefusedAtTheEnd
from exchange_site.edge.versions import without_version
from exchange_site.serve import end_with_main
from feeds.app import Feeds
from gateway.edge import VenueWords
from gateway.orders.app import VenueOrders
from gateway.socket_calls.app import VenueCalls, is_of_calls
from gateway.streams.app import VenueStreams, is_of_streams
from trading.intake.app import Intake
from trading.intake.desk import Desk

FEED_CONNECTIONS_MAX = 100
FEED_CONNECTIONS_PER_ADDRESS_MAX = 25
# Clients of the gateway open one for each kind of stream.
STREAM_CONNECTIONS_MAX = 200
STREAM_CONNECTIONS_PER_ADDRESS_MAX = 50

# So long the loop and order intake wait for a thread that computes. With Python's own 5 ms an
# order would wait for several.
sys.setswitchinterval(0.0005)
end_with_main()
_desk = Desk()
_feeds = Feeds(
    connections_max=FEED_CONNECTIONS_MAX,
    per_address_max=FEED_CONNECTIONS_PER_ADDRESS_MAX,
    desk=_desk,
)
_entrance = SocketEntrance(
    connections_max=STREAM_CONNECTIONS_MAX, per_address_max=STREAM_CONNECTIONS_PER_ADDRESS_MAX
)
_streams = VenueStreams(_entrance)
_places = Places(django_application)
_intake = Intake(_places, _desk, _feeds.decisions)
_orders = VenueOrders(_intake, _desk, _feeds.decisions)
_http = RefusedAtTheEnd(Counted(VenueWords(Bodies(Unhurried(_orders)))))
_calls = VenueCalls(_http, _entrance)


async def application(scope: Any, receive: Any, send: Any) -> None:
    scope = without_version(scope)
    if scope["type"] == "websocket" and is_of_streams(scope["path"]):
        await _streams.websocket(scope, receive, send)
        return
    if scope["type"] == "websocket" and is_of_calls(scope["path"]):
        await _calls.websocket(scope, receive, send)
        return
    if scope["type"] == "websocket":
        await _feeds.websocket(scope, receive, send)
        return
    if scope["type"] == "lifespan":
        _places.open()
        receive = _stopping_feeds(receive)
    await _http(scope, receive, send)


def _stopping_feeds(receive: Any) -> Any:
    """Their clients go before intake waits for what it took."""

    async def read() -> Any:
        message = await receive()
        if message["type"] == "lifespan.shutdown":
            _calls.stop()
            await _streams.stop()
            await _feeds.stop()
        return message

    return read
