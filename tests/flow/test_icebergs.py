"""①–⑥: of an iceberg the world sees a part, its trader all of it."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from tests.flow.exchange import Exchange, Trader

NewTrader = Callable[..., Trader]

pytestmark = pytest.mark.django_db


def test_the_world_sees_a_part(exchange: Exchange, new_trader: NewTrader) -> None:
    alice, bob, carol = new_trader(), new_trader(), new_trader()
    ice = alice.place("SHORT", "0.1", "50010", visibleQty="0.03")
    alice.wait_until(ice, "open")
    plain = bob.place("SHORT", "0.01", "50010")
    bob.wait_until(plain, "open")

    def shows(qty: str) -> None:
        exchange.wait_for_book(asks=[["50010", qty]])

    shows("0.04")
    order = alice.order(ice)
    assert (order["visibleQty"], order["remainingQty"]) == ("0.03", "0.1")
    assert Decimal(order["held"]) == Decimal("0.1") * 50_010 * Decimal("0.1005")
    carol.place("LONG", "0.05", "50010")
    alice.wait_until(ice, "open", "0.04")  # its second part came behind Bob's order
    bob.wait_until(plain, "filled")
    shows("0.02")
    exchange.restart_engine()
    carol.place("LONG", "0.03", "50010")
    alice.wait_until(ice, "open", "0.07")
    shows("0.02")
    assert [fill[2] for fill in carol.fills()] == ["0.03", "0.01", "0.01", "0.02", "0.01"]
    assert alice.send("DELETE", f"/order/{ice}").status_code == 202
    assert alice.wait_until(ice, "cancelled", "0.07")["held"] == "0"
