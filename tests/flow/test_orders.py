"""①–⑥: what becomes of orders, told over HTTP. Holds are computed by hand where they are exact.

At leverage 10 a resting order of 0.1 at P holds 0.1 × P × (10 % + 0.05 %), and 0.1 × what a limit
is worse than the mark (50,000).
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from tests.flow.exchange import Exchange, Trader

NewTrader = Callable[..., Trader]

pytestmark = pytest.mark.django_db


def rest(trader: Trader, side: str, qty: str, price: str) -> int:
    order_id = trader.place(side, qty, price)
    trader.wait_until(order_id, "open")
    return order_id


def test_a_market_order_sweeps_levels_in_price_then_time_order(
    exchange: Exchange, new_trader: NewTrader
) -> None:
    carol, dave, erin = new_trader(), new_trader(), new_trader()
    worst = rest(carol, "SHORT", "0.1", "50020")
    first = rest(dave, "SHORT", "0.1", "50010")
    second = rest(carol, "SHORT", "0.2", "50010")
    levels = [["50010", "0.3"], ["50020", "0.1"]]
    exchange.wait_for_book(asks=levels)
    sweep = erin.place("LONG", "0.35", None)
    order = erin.wait_until(sweep, "filled", "0.35")
    assert erin.fills() == [
        ("TAKER", "50010", "0.1"),
        ("TAKER", "50010", "0.2"),
        ("TAKER", "50020", "0.05"),
    ]
    # (0.3 × 50,010 + 0.05 × 50,020) / 0.35, to a millionth of a tick
    assert order["averagePrice"] == "50011.4285714"
    dave.wait_until(first, "filled", "0.1")
    carol.wait_until(second, "filled", "0.2")
    carol.wait_until(worst, "open", "0.05")
    assert dave.fills() == [("MAKER", "50010", "0.1")]
    assert carol.fills() == [("MAKER", "50010", "0.2"), ("MAKER", "50020", "0.05")]
    trades = exchange.http.get("/markets/BTC-PERP/trades?limit=3").json()["trades"]
    assert [(t["side"], t["price"], t["qty"]) for t in trades] == [
        ("LONG", "50020", "0.05"),
        ("LONG", "50010", "0.2"),
        ("LONG", "50010", "0.1"),
    ]


def test_a_market_order_that_finds_nothing_expires_and_gives_everything_back(
    new_trader: NewTrader,
) -> None:
    alice = new_trader()
    order = alice.wait_until(alice.place("LONG", "0.1", None), "expired")
    assert (order["reason"], order["filledQty"], order["held"]) == ("IOC_REMAINDER", "0", "0")
    assert alice.equity()["available"] == "10000"


def test_a_cancel_returns_the_exact_hold(new_trader: NewTrader) -> None:
    alice = new_trader("1000.123456")
    order_id = rest(alice, "LONG", "0.1", "49999.9")
    # Per lot: margin ⌈100 × 499,999 / 10⌉ = 4,999,990; fee ⌈49,999,900 × 0.0005⌉ = 25,000
    # (24,999.95 rounded up). Of 100 lots: 502.499 held, 497.624456 left.
    assert alice.order(order_id)["held"] == "502.499"
    assert alice.equity() == {
        "available": "497.624456",
        "locked": "502.499",
        "margin": "0",
        "unrealizedPnl": "0",
        "equity": "1000.123456",
    }
    assert alice.send("DELETE", f"/order/{order_id}").status_code == 202
    order = alice.wait_until(order_id, "cancelled", "0")
    assert (order["reason"], order["held"]) == ("USER", "0")
    assert alice.equity()["available"] == "1000.123456"
    assert alice.equity()["locked"] == "0"
    again = alice.send("DELETE", f"/order/{order_id}")
    assert (again.status_code, again.json()["code"]) == (409, "ORDER_NOT_OPEN")


def test_a_partly_filled_order_shows_its_progress_and_its_cancel_returns_the_rest(
    new_trader: NewTrader,
) -> None:
    alice, bob = new_trader(), new_trader()
    order_id = rest(alice, "LONG", "0.5", "49000")
    # Reserve per lot: 4,900,000 + ⌈49,000,000 × 0.0005⌉ = 4,924,500; of 500 lots 2,462.25.
    assert alice.order(order_id)["held"] == "2462.25"
    bob.wait_until(bob.place("SHORT", "0.2", "49000"), "filled")
    order = alice.wait_until(order_id, "open", "0.2")
    progress = ("filledQty", "remainingQty", "averagePrice", "held")
    assert [order[name] for name in progress] == ["0.2", "0.3", "49000", "1477.35"]
    assert alice.send("DELETE", f"/order/{order_id}").status_code == 202
    order = alice.wait_until(order_id, "cancelled")
    assert [order[name] for name in progress] == ["0.2", "0", "49000", "0"]
    equity = alice.equity()
    # Margin 0.2 × 4,900; maker's fee 9,800 × 0.02 % = 1.96; the position gains 0.2 × 1,000.
    assert equity == {
        "available": "9018.04",
        "locked": "0",
        "margin": "980",
        "unrealizedPnl": "200",
        "equity": "10198.04",
    }


def test_a_client_order_id_repeated_places_nothing_more(new_trader: NewTrader) -> None:
    alice = new_trader()
    first = alice.try_to_place("LONG", "0.1", "49000", clientOrderId="my-1")
    again = alice.try_to_place("LONG", "0.1", "49000", clientOrderId="my-1")
    assert (first.status_code, again.status_code) == (202, 200)
    assert first.json()["orderId"] == again.json()["orderId"]
    other = alice.try_to_place("LONG", "0.2", "49000", clientOrderId="my-1")
    assert (other.status_code, other.json()["code"]) == (409, "CLIENT_ORDER_ID_REUSED")
    alice.wait_until(first.json()["orderId"], "open")
    assert len(alice.get("/user/orders")["orders"]) == 1
    assert alice.equity()["locked"] == "492.45"
    bob = new_trader()  # the id is the account's own
    assert bob.try_to_place("LONG", "0.1", "49000", clientOrderId="my-1").status_code == 202


def test_what_the_api_refuses_it_explains_and_holds_nothing_for(new_trader: NewTrader) -> None:
    alice = new_trader("100")
    refusals = {
        "INVALID_PRICE": alice.try_to_place("LONG", "0.1", "49000.05"),
        "INVALID_SIZE": alice.try_to_place("LONG", "0.0001", "49000"),
        "PRICE_OUTSIDE_BAND": alice.try_to_place("LONG", "0.1", "55000.1"),
        "INSUFFICIENT_MARGIN": alice.try_to_place("LONG", "0.1", "49000", margin="97.9"),
        "INSUFFICIENT_BALANCE": alice.try_to_place("LONG", "0.1", "49000"),
    }
    messages = {code: answer.json()["message"] for code, answer in refusals.items()}
    assert {answer.json()["code"] for answer in refusals.values()} == refusals.keys()
    assert all(answer.status_code == 400 for answer in refusals.values())
    assert "multiple of the tick 0.1" in messages["INVALID_PRICE"]
    assert "at most 55000" in messages["PRICE_OUTSIDE_BAND"]
    assert "minimum margin 98.00" in messages["INSUFFICIENT_MARGIN"]
    assert messages["INSUFFICIENT_BALANCE"] == (
        "This needs 492.45; 100 is available. Needed are margin 490, open loss 0 and fee 2.45."
    )
    assert alice.equity()["available"] == "100"
    assert alice.get("/user/orders")["orders"] == []


def test_what_the_engine_rejects_it_explains(new_trader: NewTrader) -> None:
    alice = new_trader()
    order = alice.wait_until(alice.place("SHORT", "0.1", "51000", reduceOnly=True), "rejected")
    assert (order["reason"], order["filledQty"]) == ("REDUCE_ONLY_NO_POSITION", "0")
    assert alice.equity()["available"] == "10000"


def test_nobody_trades_with_themselves(new_trader: NewTrader) -> None:
    alice = new_trader()
    resting = rest(alice, "SHORT", "0.1", "50100")
    taking = alice.place("LONG", "0.1", "50100")
    order = alice.wait_until(resting, "cancelled")
    assert order["reason"] == "SELF_TRADE"
    alice.wait_until(taking, "open", "0")
    assert alice.fills() == []


def test_post_only_expires_and_fill_or_kill_is_all_or_nothing(new_trader: NewTrader) -> None:
    alice, bob = new_trader(), new_trader()
    rest(alice, "SHORT", "0.1", "50000")
    post_only = bob.wait_until(bob.place("LONG", "0.1", "50000", postOnly=True), "expired")
    assert post_only["reason"] == "POST_ONLY_WOULD_TAKE"
    too_much = bob.wait_until(bob.place("LONG", "0.2", "50000", timeInForce="FOK"), "expired")
    assert (too_much["reason"], too_much["filledQty"]) == ("FOK_UNFILLED", "0")
    bob.wait_until(bob.place("LONG", "0.1", "50000", timeInForce="FOK"), "filled", "0.1")


def test_strangers_see_nothing_of_an_order(new_trader: NewTrader) -> None:
    alice, mallory = new_trader(), new_trader()
    order_id = rest(alice, "LONG", "0.1", "49000")
    for method in ("GET", "DELETE"):
        answer = mallory.send(method, f"/order/{order_id}")
        assert answer.status_code in (403, 404)
        assert set(answer.json()) == {"message", "code"}
    assert alice.order(order_id)["status"] == "open"


def test_the_engine_is_killed_and_goes_on_where_it_was(
    exchange: Exchange, new_trader: NewTrader
) -> None:
    """Orders placed while it is down are held and pending; the book it had is there again."""
    alice, bob = new_trader(), new_trader()
    early = rest(alice, "SHORT", "0.1", "50100")
    exchange.kill_engine()
    try:
        late = alice.place("SHORT", "0.1", "50100")
        taking = bob.place("LONG", "0.15", "50100")
        assert bob.order(taking)["status"] == "pending"
        assert bob.equity()["locked"] != "0"
    finally:
        exchange.start_engine()
    bob.wait_until(taking, "filled", "0.15")
    alice.wait_until(early, "filled", "0.1")
    alice.wait_until(late, "open", "0.05")
    assert bob.fills() == [("TAKER", "50100", "0.1"), ("TAKER", "50100", "0.05")]
    assert alice.fills() == [("MAKER", "50100", "0.1"), ("MAKER", "50100", "0.05")]


def test_it_ends_on_time_though_nobody_says_a_word(new_trader: NewTrader) -> None:
    alice = new_trader()
    soon = datetime.now(tz=UTC) + timedelta(seconds=1)
    order_id = alice.place(
        "LONG", "0.1", "49000", expiresAt=soon.isoformat(timespec="milliseconds")
    )
    order = alice.wait_until(order_id, "expired")
    assert (order["reason"], order["held"]) == ("EXPIRED", "0")
    counted = rest(alice, "LONG", "0.1", "49000")
    body = {"marketId": alice.market_id, "countdownMs": 300}
    assert alice.send("POST", "/orders/countdown", json=body).json()["protective"] is False
    assert alice.wait_until(counted, "cancelled")["reason"] == "COUNTDOWN"


def test_a_stop_outlives_cancel_all_and_goes_with_its_position(new_trader: NewTrader) -> None:
    alice, bob = new_trader(), new_trader()
    rest(bob, "SHORT", "0.2", "50000")
    alice.wait_until(alice.place("LONG", "0.2", "50000"), "filled")
    stop = alice.place(
        "SHORT", "0.1", "44000", reduceOnly=True, trigger={"type": "STOP", "price": "45000"}
    )
    alice.wait_until(stop, "waiting")
    bid = rest(alice, "LONG", "0.1", "49000")
    answer = alice.send("DELETE", "/orders").json()
    assert answer["protective"] is False
    assert "stay" in answer["message"]
    alice.wait_until(bid, "cancelled")
    assert alice.order(stop)["status"] == "waiting"
    rest(bob, "LONG", "0.2", "50000")
    alice.wait_until(alice.place("SHORT", "0.2", "50000"), "filled")
    assert alice.wait_until(stop, "cancelled")["reason"] == "POSITION_CLOSED"
