"""Listen keys, by the API key alone."""

from typing import Any

from gateway.asking import listen_keys
from gateway.http.calls import VenueAsk
from gateway.words import errors
from gateway.words.errors import GatewayRefusal


def open_listen_key(asked: VenueAsk) -> dict[str, Any]:
    return {"listenKey": listen_keys.open_key(asked.user_id, asked.key)}


def keep_listen_key(asked: VenueAsk) -> dict[str, Any]:
    _check(asked)
    live = listen_keys.keep_alive(asked.key)
    if live is None:
        raise GatewayRefusal(errors.NO_SUCH_LISTEN_KEY)
    return {"listenKey": live}


def close_listen_key(asked: VenueAsk) -> dict[str, Any]:
    _check(asked)
    listen_keys.close_key(asked.key)
    return {}


def _check(asked: VenueAsk) -> None:
    """Clients may name it, and needn't."""
    named = asked.params.text("listenKey")
    if named and named != listen_keys.live_key(asked.key):
        raise GatewayRefusal(errors.NO_SUCH_LISTEN_KEY)
