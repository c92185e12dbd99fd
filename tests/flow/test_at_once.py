"""① Whoever was told what the engine decided may change or cancel the order at once, however far
behind the worker is. Here it is held up: nothing of the market is written down until the test lets
go."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest

from tests.feeds.conftest import database_url
from tests.flow.exchange import MARKET, Exchange, Trader, wait_for
from tests.flow.test_socket_orders import Connect, open_socket
from tests.flow.test_waiting import body_of

__all__ = ["open_socket"]

NewTrader = Callable[..., Trader]

pytestmark = pytest.mark.django_db


@contextmanager
def worker_held_up() -> Iterator[None]:
    """Workers write a market under the lock of its cursor."""
    with psycopg.connect(database_url()) as holder:
        holder.execute(
            "SELECT seq FROM persistence_marketcursor WHERE market_id = %s FOR UPDATE", (MARKET,)
        )
        yield
        holder.rollback()


def place(trader: Trader, side: str, price: str, **more: object) -> int:
    body = body_of(side, "0.2", price, wait="result", **more)
    answer = trader.send("POST", "/order", json=body)
    assert answer.status_code == 200, answer.text
    order_id: int = answer.json()["orderId"]
    return order_id


def test_an_order_is_amended_and_cancelled_before_it_is_written_down(
    exchange: Exchange, new_trader: NewTrader, open_socket: Connect
) -> None:
    alice = new_trader()
    stop = {"type": "STOP", "price": "51000"}
    with worker_held_up():
        long = place(alice, "LONG", "49000", clientOrderId="long")
        short = place(alice, "SHORT", "50100")
        plain = place(alice, "LONG", "49100", clientOrderId="plain")
        waits = place(alice, "LONG", "51500", trigger=stop)
        ids = (long, short, plain, waits)
        assert {alice.order(order_id)["status"] for order_id in ids} == {"pending"}
        by_name = alice.send("PATCH", "/order?clientOrderId=long", json={"price": "49010"})
        assert by_name.status_code == 202, by_name.text
        higher = alice.send("PATCH", f"/order/{short}", json={"price": "50500", "qty": "0.3"})
        assert higher.status_code == 202, higher.text
        changes = [
            {"clientOrderId": "plain", "qty": "0.1"},
            {"orderId": waits, "trigger": {"price": "51100"}},
        ]
        batch = alice.send("PATCH", "/orders/batch", json={"orders": changes})
        assert [one["ok"] for one in batch.json()["results"]] == [True, True], batch.text
        asks = [["50500", "0.3"]]
        exchange.wait_for_book(asks=asks)
        socket = open_socket(alice)
        assert socket.ack("place", 1, order=body_of("LONG", "0.1", "48000"), wait="result")
        late = socket.hear_until("result")["orderId"]
        socket.ack("amend", 2, order={"orderId": late, "price": "48010"}, wait="result")
        result = socket.hear_until("result")["result"]
        assert (result["done"], result["status"]) == (True, "open")
        socket.ack("cancel", 3, orderId=late, wait="result")
        assert socket.hear_until("result")["result"]["done"] is True
        cancel = alice.send("DELETE", "/order?clientOrderId=long")
        assert cancel.status_code == 202, cancel.text
    alice.wait_until(long, "cancelled")
    alice.wait_until(late, "cancelled")
    wanted = {short: ("50500", "0.3"), plain: ("49100", "0.1")}
    for order_id, (price, qty) in wanted.items():
        order = alice.wait_until(order_id, "open")
        assert (order["price"], order["qty"]) == (price, qty)
    assert alice.wait_until(waits, "waiting")["trigger"]["price"] == "51100"
    assert alice.order(long)["price"] == "49010"


def test_what_never_rests_is_not_amendable(new_trader: NewTrader) -> None:
    maker, alice = new_trader(), new_trader()
    ask = maker.place("SHORT", "0.1", "50000")
    maker.wait_until(ask, "open")
    with worker_held_up():
        body = body_of("LONG", "0.1", "50000", timeInForce="IOC", wait="result")
        taken = alice.send("POST", "/order", json=body).json()
        assert taken["status"] == "filled"
        late = alice.send("PATCH", f"/order/{taken['orderId']}", json={"price": "49000"})
        assert (late.status_code, late.json()["code"]) == (409, "NOT_AMENDABLE")
    maker.wait_until(ask, "filled")


def test_what_a_change_brought_too_late_goes_back(new_trader: NewTrader) -> None:
    maker, alice = new_trader(), new_trader()
    ask = maker.place("SHORT", "0.2", "50000")
    maker.wait_until(ask, "open")
    with worker_held_up():
        taken = place(alice, "LONG", "50000")  # all of it, as its result said
        more = alice.send("PATCH", f"/order/{taken}", json={"qty": "0.3"})
        assert more.status_code == 202, more.text
    alice.wait_until(taken, "filled", "0.2")
    wait_for(lambda: alice.equity()["locked"] == "0", "nothing held")
