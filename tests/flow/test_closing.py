"""A position is closed now: whole, in part, at a price, and once for one client order id."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.flow.exchange import Exchange, Trader, wait_for

NewTrader = Callable[..., Trader]

pytestmark = pytest.mark.django_db


@pytest.fixture
def holder(exchange: Exchange, new_trader: NewTrader) -> Trader:
    """Long 0.3 from 50,000, with 0.5 bid at 49,990."""
    maker, holder = new_trader("100000"), new_trader("10000")
    maker.wait_until(maker.place("SHORT", "0.3", "50000"), "open")
    holder.wait_until(holder.place("LONG", "0.3", "50000"), "filled")
    maker.wait_until(maker.place("LONG", "0.5", "49990"), "open")
    exchange.wait_for_book(bids=[["49990", "0.5"]])
    return holder


def close(trader: Trader, **closing: Any) -> httpx.Response:
    return trader.send("POST", f"/user/positions/{trader.market_id}/close", json=closing)


def qty(trader: Trader) -> str:
    return "".join(position["qty"] for position in trader.get("/user/positions")["positions"])


def test_part_then_at_a_price_then_the_rest(holder: Trader) -> None:
    part = close(holder, qty="0.1")
    assert part.status_code == 202, part.text
    holder.wait_until(part.json()["orderId"], "filled", "0.1")
    assert qty(holder) == "0.2"
    resting = close(holder, price="50500").json()["orderId"]
    order = holder.wait_until(resting, "open")
    assert (order["type"], order["qty"], order["reduceOnly"]) == ("SHORT", "0.2", True)
    assert close(holder).status_code == 202
    wait_for(lambda: not qty(holder), "no position")
    holder.wait_until(resting, "cancelled")  # there is nothing left to reduce
    refused = close(holder)
    assert (refused.status_code, refused.json()["code"]) == (400, "NO_POSITION")


def test_a_client_order_id_closes_once(holder: Trader) -> None:
    first = close(holder, qty="0.1", clientOrderId="out")
    holder.wait_until(first.json()["orderId"], "filled")
    again = close(holder, qty="0.10", clientOrderId="out")
    assert (again.status_code, again.json()["orderId"]) == (200, first.json()["orderId"])
    assert qty(holder) == "0.2"
    opening = holder.try_to_place("LONG", "0.1", "49000", clientOrderId="in")
    assert opening.status_code == 202
    taken = close(holder, clientOrderId="in")
    assert (taken.status_code, taken.json()["code"]) == (409, "CLIENT_ORDER_ID_REUSED")
    assert qty(holder) == "0.2"
    whole = close(holder, clientOrderId="all")
    holder.wait_until(whole.json()["orderId"], "filled")
    again = close(holder, clientOrderId="all")  # of which nothing is left to close
    assert (again.status_code, again.json()["orderId"]) == (200, whole.json()["orderId"])


@pytest.mark.parametrize(
    ("first", "other", "differing"),
    [
        ({"qty": "0.1"}, {"qty": "0.2"}, "qty"),
        ({"qty": "0.1"}, {}, "qty"),
        ({}, {"qty": "0.3"}, "qty"),
        ({"qty": "0.1"}, {"qty": "0.1", "maxSlippage": "0.005"}, "maxSlippage"),
        ({"qty": "0.1"}, {"qty": "0.1", "price": "50400"}, "orderType, price, timeInForce"),
        ({"price": "50500"}, {"price": "50400"}, "price"),
    ],
)
def test_another_closing_under_the_same_id_is_refused(
    holder: Trader, first: dict[str, str], other: dict[str, str], differing: str
) -> None:
    """Else whoever closes more is told that it was done, and it is not."""
    status = "open" if "price" in first else "filled"
    order = close(holder, **first, clientOrderId="out").json()["orderId"]
    holder.wait_until(order, status)
    left = qty(holder)
    refused = close(holder, **other, clientOrderId="out")
    assert (refused.status_code, refused.json()["code"]) == (409, "CLIENT_ORDER_ID_REUSED")
    assert f"differs in {differing}." in refused.json()["message"], refused.text
    assert qty(holder) == left
    assert close(holder, **first, clientOrderId="out").json()["orderId"] == order


@pytest.mark.parametrize(
    ("closing", "field"),
    [
        ({"qty": "0"}, "qty"),
        ({"qty": "x"}, "qty"),
        ({"price": "50000.05"}, "price"),
        ({"price": "90000", "maxSlippage": "0.01"}, "maxSlippage"),
        ({"clientOrderId": ""}, "clientOrderId"),
        ({"side": "LONG"}, "side"),
    ],
)
def test_rubbish_is_refused_in_words(holder: Trader, closing: dict[str, str], field: str) -> None:
    answer = close(holder, **closing)
    assert (answer.status_code, answer.json()["field"]) == (400, field), answer.text
    assert close(holder, clientOrderId="a\0b").status_code == 400
    assert qty(holder) == "0.3"


def test_an_unknown_market(holder: Trader) -> None:
    assert holder.send("POST", "/user/positions/NONE/close", json={}).status_code == 404
