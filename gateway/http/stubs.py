"""Calls whose answer is always the same here: what the exchange has none of, clients still ask."""

from typing import Any

from gateway.http.calls import VenueAsk
from gateway.http.data.market import now_ms


def nothing(_: VenueAsk) -> list[Any]:
    return []


def no_symbols(_: VenueAsk) -> dict[str, Any]:
    return {"symbols": []}


def system_status(_: VenueAsk) -> dict[str, Any]:
    return {"status": 0, "msg": "normal"}


def trading_status(_: VenueAsk) -> dict[str, Any]:
    """No rules that would keep an account from trading are counted."""
    return {"indicators": {}, "updateTime": now_ms()}
