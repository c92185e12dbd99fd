"""An order is previewed, then placed: what was told comes true, to the last digit."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.flow.exchange import Exchange, Trader, wait_for
from tests.trading.test_reading import same_shape
from trading.http import examples

NewTrader = Callable[..., Trader]
Order = dict[str, Any]

pytestmark = pytest.mark.django_db


@pytest.fixture
def maker(exchange: Exchange, new_trader: NewTrader) -> Trader:
    """Offers 0.1 at 50,010, 0.2 at 50,020 and bids 0.3 at 49,990."""
    maker = new_trader("100000")
    for side, qty, price in (
        ("SHORT", "0.1", "50010"),
        ("SHORT", "0.2", "50020"),
        ("LONG", "0.3", "49990"),
    ):
        maker.wait_until(maker.place(side, qty, price), "open")
    wait_for(lambda: len(exchange.depth()["asks"]) == 2, "the asks")
    wait_for(lambda: len(exchange.depth()["bids"]) == 1, "the bid")
    return maker


def preview(trader: Trader, order: Order) -> Any:
    answer = trader.send("POST", "/order/preview", json={"marketId": trader.market_id} | order)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["position"] is None or same_shape(told, examples.ORDER_PREVIEW)
    return told


def comes_true(trader: Trader, order: Order, status: str) -> Any:
    """Places it; what it held, filled, cost and made of the position is what was told."""
    before, told = trader.equity(), preview(trader, order)
    assert preview(trader, order) == told
    assert trader.equity() == before, "nothing is held"
    fills_before = len(trader.fills())
    answer = trader.send("POST", "/order", json={"marketId": trader.market_id} | order)
    assert answer.status_code == 202, answer.text
    placed = trader.wait_until(answer.json()["orderId"], status)
    expected = told["expected"]
    assert placed["filledQty"] == expected["qty"]
    assert placed["averagePrice"] == expected["averagePrice"]
    fills = trader.get("/user/fills")["fills"]
    fills = fills[: len(fills) - fills_before]
    assert sum(Decimal(fill["fee"]) for fill in fills) == Decimal(expected["fee"])
    profit = sum(Decimal(fill["realizedPnl"]) for fill in fills)
    assert profit == Decimal(expected["realizedPnl"])
    held = trader.get("/user/positions")["positions"]
    position = held[0] if held else {"type": None, "qty": "0", "margin": "0"}
    assert told["position"]["type"] == position["type"]
    for name in ("qty", "margin"):
        assert told["position"][name] == position[name], name
    if held:
        for name in ("averagePrice", "liquidationPrice"):
            assert told["position"][name] == position[name], name
    return told


def test_what_is_told_comes_true(new_trader: NewTrader, maker: Trader) -> None:
    trader = new_trader("10000")
    limit = {"orderType": "limit", "leverage": 10}
    told = comes_true(trader, limit | {"side": "LONG", "qty": "0.05", "price": "49000"}, "open")
    assert told["outcome"] == "RESTS"
    assert Decimal(trader.equity()["locked"]) == Decimal(told["required"]["total"])
    trader.cancel_everything()
    buy = limit | {"side": "LONG", "qty": "0.2", "price": "50020"}
    assert comes_true(trader, buy, "filled")["outcome"] == "FILLED"
    rest = limit | {"side": "SHORT", "qty": "0.4", "price": "49990", "timeInForce": "IOC"}
    assert comes_true(trader, rest, "expired")["outcome"] == "PART_FILLED"  # over to short
    close = {"orderType": "market", "side": "LONG", "qty": "0.05", "reduceOnly": True}
    assert comes_true(trader, close, "filled")["outcome"] == "FILLED"
    named = {"orderType": "market", "side": "SHORT", "qty": "0.01", "margin": "400"}
    assert comes_true(trader, named, "expired")["outcome"] == "EXPIRES"  # the bid is gone


def test_post_only_fill_or_kill_and_triggers(new_trader: NewTrader, maker: Trader) -> None:
    trader = new_trader("10000")
    taking = {"orderType": "limit", "side": "LONG", "qty": "0.5", "price": "50020", "leverage": 10}
    assert preview(trader, taking | {"postOnly": True})["outcome"] == "REJECTED"
    whole = preview(trader, taking | {"timeInForce": "FOK"})
    assert (whole["outcome"], whole["expected"]["qty"]) == ("EXPIRES", "0")
    stop = {"type": "STOP", "by": "MARK", "price": "51000"}
    waiting = preview(trader, taking | {"price": "51100", "trigger": stop})
    assert (waiting["outcome"], waiting["position"]) == ("WAITS", None)


def test_the_largest_size_is_taken_and_a_lot_more_is_not(
    new_trader: NewTrader, maker: Trader
) -> None:
    trader = new_trader("1000")
    order = {"orderType": "limit", "side": "LONG", "price": "50005", "leverage": 20}
    told = preview(trader, order | {"qty": "0.9"})
    assert not told["affordable"]
    most = Decimal(told["maxQty"])
    refused = trader.try_to_place("LONG", str(most + Decimal("0.001")), "50005", leverage=20)
    assert refused.json()["code"] == "INSUFFICIENT_BALANCE"
    trader.wait_until(trader.place("LONG", str(most), "50005", leverage=20), "open")


def test_what_placing_refuses_is_refused(new_trader: NewTrader) -> None:
    trader = new_trader("1000")
    good = {"orderType": "limit", "side": "LONG", "qty": "0.1", "price": "50000", "leverage": 10}
    for wrong in (
        {"qty": "0"},
        {"price": "50000.05"},
        {"price": "90000"},
        {"leverage": 1_000},
        {"marketId": "NONE"},
        {"side": "UP"},
    ):
        body = {"marketId": trader.market_id} | good | wrong
        placed = trader.send("POST", "/order", json=body)
        previewed = trader.send("POST", "/order/preview", json=body)
        assert placed.status_code in (400, 404)
        assert (previewed.status_code, previewed.json()) == (placed.status_code, placed.json())
    for unknown in ({"unknown": 1}, {"wait": "result"}):  # nothing is waited for that isn't placed
        said = trader.send("POST", "/order/preview", json={"marketId": "NONE"} | good | unknown)
        assert (said.status_code, said.json()["code"]) == (400, "UNKNOWN_FIELD")
    assert trader.exchange.http.post("/order/preview", json=good).status_code == 401
