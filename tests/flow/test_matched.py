"""①–⑥: an order's price is the book's, whichever door it comes by; the rest of its hold is back."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.flow.exchange import Exchange, Trader, wait_for
from tests.flow.test_preview import preview
from tests.flow.test_socket_orders import Connect, open_socket
from tests.flow.venue import make_account

NewTrader = Callable[..., Trader]

__all__ = ["open_socket"]  # a fixture

pytestmark = pytest.mark.django_db


@pytest.fixture
def maker(exchange: Exchange, new_trader: NewTrader) -> Trader:
    """Bids at 49,990, 49,980 … 49,950 and offers 0.1 at 50,010."""
    maker = new_trader("100000")
    for price in ("49990", "49980", "49970", "49960", "49950"):
        maker.wait_until(maker.place("LONG", "0.1", price), "open")
    maker.wait_until(maker.place("SHORT", "0.1", "50010"), "open")
    wait_for(lambda: len(exchange.depth()["bids"]) == 5, "the bids")
    wait_for(lambda: len(exchange.depth()["asks"]) == 1, "the ask")
    return maker


def matched(match: str, side: str = "LONG", **more: Any) -> dict[str, Any]:
    return {
        "side": side,
        "qty": "0.1",
        "orderType": "limit",
        "leverage": 10,
        "priceMatch": match,
    } | more


@pytest.mark.usefixtures("maker")
def test_it_rests_at_the_price_it_finds_and_holds_for_that(new_trader: NewTrader) -> None:
    alice = new_trader()
    told = preview(alice, matched("QUEUE_5"))
    assert told["outcome"] == "RESTS"
    order_id = alice.place("LONG", "0.1", None, orderType="limit", priceMatch="QUEUE_5")
    order = alice.wait_until(order_id, "open")
    assert (order["price"], order["priceMatch"]) == ("49950", "QUEUE_5")
    held = Decimal("0.1") * 49_950 * Decimal("0.1005")  # margin and fee, not the loss it might have
    assert Decimal(order["held"]) == held < Decimal(told["required"]["total"])
    assert Decimal(alice.equity()["available"]) == 10_000 - held
    changed = alice.send("PATCH", f"/order/{order_id}", json={"price": "49900"})
    assert changed.status_code == 202, changed.text
    wait_for(lambda: alice.order(order_id)["price"] == "49900", "the amendment")


@pytest.mark.usefixtures("maker")
def test_it_takes_what_the_preview_said(new_trader: NewTrader) -> None:
    alice = new_trader()
    told = preview(alice, matched("OPPONENT"))
    assert (told["outcome"], told["expected"]["averagePrice"]) == ("FILLED", "50010")
    order = alice.wait_until(
        alice.place("LONG", "0.1", None, orderType="limit", priceMatch="OPPONENT"), "filled"
    )
    assert (order["price"], order["averagePrice"], order["held"]) == ("50010", "50010", "0")


@pytest.mark.usefixtures("maker")
def test_without_a_price_it_is_refused_and_has_cost_nothing(new_trader: NewTrader) -> None:
    alice = new_trader()
    assert preview(alice, matched("OPPONENT_5"))["outcome"] == "REJECTED"
    order = alice.wait_until(
        alice.place("LONG", "0.1", None, orderType="limit", priceMatch="OPPONENT_5"), "rejected"
    )
    assert (order["reason"], order["price"]) == ("NO_PRICE_TO_MATCH", None)
    assert alice.equity()["available"] == "10000"


@pytest.mark.usefixtures("maker")
def test_over_the_socket_and_by_the_venues_clients(
    new_trader: NewTrader, open_socket: Connect
) -> None:
    alice = new_trader()
    order = {"marketId": alice.market_id} | matched("QUEUE")
    placed = open_socket(alice).ack("place", 1, order=order)
    assert alice.wait_until(placed["orderId"], "open")["price"] == "49990"
    account = make_account(alice)
    asked = {"symbol": "BTCUSDT", "side": "SELL", "type": "LIMIT", "timeInForce": "GTC",
             "quantity": "0.1", "priceMatch": "QUEUE", "newOrderRespType": "RESULT"}  # fmt: skip
    answer = account.signed("POST", "/fapi/v1/order", **asked).json()
    shown = (answer["status"], answer["price"], answer["priceMatch"])
    assert shown == ("NEW", "50010.0", "QUEUE"), answer
    known = account.signed("GET", "/fapi/v1/order", symbol="BTCUSDT", orderId=answer["orderId"])
    assert (known.json()["price"], known.json()["priceMatch"]) == ("50010.0", "QUEUE")
    deep = account.signed("POST", "/fapi/v1/order", **asked | {"priceMatch": "OPPONENT_20"})
    assert (deep.status_code, deep.json()["code"]) == (400, -1130)
    none = account.signed("POST", "/fapi/v1/order", **asked | {"priceMatch": "QUEUE_5"})
    assert (none.status_code, none.json()["code"]) == (400, -2010)
