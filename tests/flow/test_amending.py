"""①–⑥: amendments that follow each other at once, each by the order as it was before both; and what
the book shows of an order, amended while it rests."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.flow.exchange import Exchange, Trader, wait_for

NewTrader = Callable[..., Trader]

pytestmark = pytest.mark.django_db

PAIRS = 20


def amend(trader: Trader, order_id: int, **changes: Any) -> None:
    answer = trader.send("PATCH", f"/order/{order_id}", json=changes)
    assert answer.status_code == 202, answer.text


def wait_until_it_is(trader: Trader, order_id: int, **terms: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        order = trader.order(order_id)
        return order if order | terms == order else None

    return wait_for(look, f"order {order_id} with {terms}")


@pytest.mark.parametrize("price_first", [True, False])
def test_of_two_amendments_neither_undoes_the_other(
    new_trader: NewTrader, price_first: bool
) -> None:
    """A higher price and more lots: the second needs hold for what both make of the order."""
    trader = new_trader("100000")
    order_ids = [trader.place("LONG", "0.01", str(47_000 + n)) for n in range(PAIRS)]
    for order_id in order_ids:
        trader.wait_until(order_id, "open")
    for n, order_id in enumerate(order_ids):
        changes = [{"price": str(48_000 + 2 * n)}, {"qty": "0.03"}]
        for change in changes if price_first else changes[::-1]:
            amend(trader, order_id, **change)
    for n, order_id in enumerate(order_ids):
        order = wait_until_it_is(trader, order_id, price=str(48_000 + 2 * n), qty="0.03")
        assert Decimal(order["held"]) == (48_000 + 2 * n) * Decimal("0.1005") * Decimal("0.03")
    total = sum(Decimal(trader.order(order_id)["held"]) for order_id in order_ids)
    assert Decimal(trader.equity()["locked"]) == total


def test_a_new_order_is_amended_twice_before_it_is_written_down(new_trader: NewTrader) -> None:
    trader = new_trader("100000")
    order_ids = [
        trader.place("LONG", "0.01", "47000", clientOrderId=f"at-once-{n}") for n in range(5)
    ]
    for n, order_id in enumerate(order_ids):
        by_name = {"clientOrderId": f"at-once-{n}"}
        bodies = [by_name | {"price": "47500"}, by_name | {"qty": "0.02", "visibleQty": "0.005"}]
        answer = trader.send("PATCH", "/orders/batch", json={"orders": bodies})
        assert [one["ok"] for one in answer.json()["results"]] == [True, True], answer.text
        wait_until_it_is(trader, order_id, price="47500", qty="0.02", visibleQty="0.005")


@pytest.mark.parametrize("waits", [True, False])
def test_a_margin_that_does_not_divide_stays_what_was_named(
    new_trader: NewTrader, waits: bool
) -> None:
    trader = new_trader("1000")
    price, then = ("52000", "51900") if waits else ("49000", "48900")
    terms: dict[str, Any] = {"margin": "100.000001", "leverage": None}
    if waits:
        terms["trigger"] = {"type": "STOP", "price": "51500"}
    order_id = trader.place("LONG", "0.003", price, **terms)
    trader.wait_until(order_id, "waiting" if waits else "open")
    amend(trader, order_id, price=then)
    wait_until_it_is(trader, order_id, price=then, qty="0.003", margin="100.000001")
    again = trader.send("PATCH", f"/order/{order_id}", json={"qty": "0.003"})
    assert (again.status_code, again.json()["code"]) == (400, "NOTHING_TO_AMEND")
    amend(trader, order_id, qty="0.006")
    wait_until_it_is(trader, order_id, qty="0.006", margin="199.999998")


def test_what_is_shown_is_amended(exchange: Exchange, new_trader: NewTrader) -> None:
    alice, bob, carol = new_trader(), new_trader(), new_trader()
    ice = alice.place("SHORT", "0.1", "50010", visibleQty="0.03")
    alice.wait_until(ice, "open")
    plain = bob.place("SHORT", "0.01", "50010")
    bob.wait_until(plain, "open")

    def shows(qty: str, visible: str) -> None:
        exchange.wait_for_book(asks=[["50010", qty]])
        wait_for(lambda: alice.order(ice)["visibleQty"] == visible, f"{visible} in its row")

    amend(alice, ice, visibleQty="0.02")
    shows("0.03", "0.02")
    carol.place("LONG", "0.01", "50010")
    alice.wait_until(ice, "open", "0.01")  # it kept its place before Bob's
    amend(alice, ice, visibleQty="0.04")  # a hundredth of its part is filled
    shows("0.04", "0.04")
    exchange.restart_engine()
    carol.place("LONG", "0.02", "50010")
    bob.wait_until(plain, "filled")  # who was behind it before it showed more
    alice.wait_until(ice, "open", "0.02")
    amend(alice, ice, visibleQty="0.1")  # all of it
    shows("0.08", "0.1")
