"""①–⑥: a pair of orders of which one cancels the other, over HTTP and over a socket, and across a
restart of the engine."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.flow.exchange import Exchange, Trader, wait_for
from tests.flow.test_socket_orders import Connect, open_socket
from tests.flow.test_waiting import body_of

__all__ = ["open_socket"]  # a fixture
NewTrader = Callable[..., Trader]

pytestmark = pytest.mark.django_db


def a_pair(trader: Trader, **more: Any) -> dict[str, Any]:
    """Buys 0.1 at 49,900, or once the price rises to 50,500."""
    trigger = {"type": "STOP", "price": "50500"}
    other = body_of("LONG", "0.1", "50600", trigger=trigger) | more
    return body_of("LONG", "0.1", "49900", other={n: other[n] for n in other if n != "marketId"})


def test_a_fill_cancels_the_other_also_after_a_restart(
    exchange: Exchange, new_trader: NewTrader
) -> None:
    alice, bob = new_trader(), new_trader()
    answer = alice.send("POST", "/order", json=a_pair(alice)).json()
    order_id, other_id = answer["orderId"], answer["otherId"]
    alice.wait_until(order_id, "open")
    assert alice.wait_until(other_id, "waiting")["otherId"] == order_id
    exchange.restart_engine()
    bob.place("SHORT", "0.04", "49900")
    alice.wait_until(order_id, "open", "0.04")
    gone = alice.wait_until(other_id, "cancelled", "0")
    assert (gone["reason"], gone["held"]) == ("OTHER_FILLED", "0")


def test_over_a_socket_who_cancels_one_cancels_both(
    new_trader: NewTrader, open_socket: Connect
) -> None:
    alice = new_trader()
    socket = open_socket(alice)
    placed = socket.ack("place", 1, order=a_pair(alice, clientOrderId="stop"))
    alice.wait_until(placed["orderId"], "open")
    alice.wait_until(placed["otherId"], "waiting")
    socket.ack("cancel", 2, clientOrderId="stop")
    gone = alice.wait_until(placed["orderId"], "cancelled", "0")
    assert gone["reason"] == "OTHER_ENDED"
    assert alice.wait_until(placed["otherId"], "cancelled")["reason"] == "USER"
    wait_for(lambda: alice.equity()["available"] == "10000", "all of the money")
