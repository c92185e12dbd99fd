"""① `"wait": "result"`: an order's answer tells what its engine decided, whoever served it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.flow.exchange import Exchange, Trader, wait_for

NewTrader = Callable[..., Trader]

pytestmark = pytest.mark.django_db

# Of Django's views: order intake takes the plain form alone.
ODD = {"Accept": "application/json, text/plain, */*"}
DOORS = pytest.mark.parametrize("headers", [{}, ODD], ids=["intake", "views"])


def body_of(side: str, qty: str, price: str | None, **more: Any) -> dict[str, Any]:
    kind = {"orderType": "limit", "price": price} if price else {"orderType": "market"}
    return {"marketId": "BTC-PERP", "side": side, "qty": qty, "leverage": 10, **kind, **more}


def wait_for_result(
    trader: Trader, body: dict[str, Any], headers: dict[str, str], path: str = "/order"
) -> httpx.Response:
    signed = {"Authorization": f"Bearer {trader.token}", **headers}
    return trader.exchange.http.post(path, json=body | {"wait": "result"}, headers=signed)


def result_of(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    assert "x-awaits" not in answer.headers
    body = answer.json()
    assert body["status"] == body["result"]["status"]
    result: dict[str, Any] = body["result"]
    return result


@DOORS
def test_what_the_engine_decided_is_the_answer(
    new_trader: NewTrader, headers: dict[str, str]
) -> None:
    maker, taker = new_trader(), new_trader()
    rested = result_of(wait_for_result(maker, body_of("SHORT", "0.1", "50010"), headers))
    assert (rested["status"], rested["remainingQty"], rested["fills"]) == ("open", "0.1", [])
    assert rested["averagePrice"] is None
    result_of(wait_for_result(maker, body_of("SHORT", "0.2", "50020"), headers, "/v1/order"))
    answer = wait_for_result(taker, body_of("LONG", "0.2", None), headers)
    filled = result_of(answer)
    assert (filled["status"], filled["filledQty"], filled["remainingQty"]) == ("filled", "0.2", "0")
    assert [(f["role"], f["price"], f["qty"]) for f in filled["fills"]] == [
        ("TAKER", "50010", "0.1"),
        ("TAKER", "50020", "0.1"),
    ]
    order = taker.wait_until(answer.json()["orderId"], "filled")
    assert filled["averagePrice"] == order["averagePrice"] == "50015"
    fills = {fill["tradeId"]: fill for fill in taker.get("/user/fills")["fills"]}
    for fill in filled["fills"]:
        assert fill["fee"] == fills[fill["tradeId"]]["fee"]
    assert filled["fee"] == "5.0015"


@DOORS
def test_what_it_refused_or_let_expire_says_why(
    new_trader: NewTrader, headers: dict[str, str]
) -> None:
    maker, taker = new_trader(), new_trader()
    result_of(wait_for_result(maker, body_of("SHORT", "0.1", "50010"), headers))
    crossing = body_of("LONG", "0.1", "50010", postOnly=True)
    expired = result_of(wait_for_result(taker, crossing, headers))
    assert (expired["status"], expired["reason"]) == ("expired", "POST_ONLY_WOULD_TAKE")
    part = body_of("LONG", "0.3", "50010", timeInForce="IOC")
    result = result_of(wait_for_result(taker, part, headers))
    assert (result["status"], result["reason"]) == ("expired", "IOC_REMAINDER")
    assert (result["filledQty"], result["remainingQty"]) == ("0.1", "0")
    trigger = {"type": "STOP", "price": "60000"}
    waiting = result_of(
        wait_for_result(taker, body_of("LONG", "0.1", None, trigger=trigger), headers)
    )
    assert (waiting["status"], waiting["remainingQty"]) == ("waiting", None)


@DOORS
def test_a_repeat_tells_how_the_order_stands(
    new_trader: NewTrader, headers: dict[str, str]
) -> None:
    maker, taker = new_trader(), new_trader()
    body = body_of("SHORT", "0.2", "50010", clientOrderId="mine")
    answer = wait_for_result(maker, body, headers)
    assert result_of(answer)["seq"] is not None
    taken = result_of(wait_for_result(taker, body_of("LONG", "0.1", "50010"), headers))
    maker.wait_until(answer.json()["orderId"], "open", "0.1")
    again = wait_for_result(maker, body, headers)
    result = result_of(again)
    assert again.json()["orderId"] == answer.json()["orderId"]
    assert again.json()["message"] == "This order was placed before."
    assert (result["filledQty"], result["remainingQty"], result["seq"]) == ("0.1", "0.1", None)
    assert [fill["tradeId"] for fill in result["fills"]] == [taken["fills"][0]["tradeId"]]
    # Without waiting it is the same order, too.
    plain = maker.send("POST", "/order", json=body)
    assert (plain.status_code, plain.json()["orderId"]) == (200, answer.json()["orderId"])
    assert "result" not in plain.json()


@DOORS
def test_each_order_of_a_batch_has_its_result(
    new_trader: NewTrader, headers: dict[str, str]
) -> None:
    trader = new_trader()
    orders = [body_of("SHORT", "0.1", "50010"), body_of("LONG", "x", "1"), {"marketId": 7}]
    batch = {"orders": [*orders, body_of("LONG", "0.1", "49990")]}
    answer = wait_for_result(trader, batch, headers, "/orders/batch")
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [one.get("result", {}).get("status") for one in results] == ["open", None, None, "open"]
    assert [one["ok"] for one in results] == [True, False, False, True]
    inside = {"orders": [body_of("LONG", "0.1", "49990", wait="result")]}
    refused = trader.send("POST", "/orders/batch", json=inside).json()["results"][0]
    assert (refused["code"], refused["field"]) == ("UNKNOWN_FIELD", "wait")


@DOORS
@pytest.mark.parametrize("wait", ["ack", "", True, 2, ["result"]])
def test_other_words_are_refused(
    exchange: Exchange, new_trader: NewTrader, headers: dict[str, str], wait: Any
) -> None:
    trader = new_trader()
    body = body_of("LONG", "0.1", "49990", wait=wait)
    signed = {"Authorization": f"Bearer {trader.token}", **headers}
    answer = exchange.http.post("/order", json=body, headers=signed)
    assert (answer.status_code, answer.json()["field"]) == (400, "wait")
    assert trader.get("/user/orders")["orders"] == []


def test_a_name_in_other_letters_waits_as_well(exchange: Exchange, new_trader: NewTrader) -> None:
    trader = new_trader()
    data = b'{"marketId":"BTC-PERP","side":"LONG","qty":"0.1","orderType":"limit","price":"49990",'
    data += rb'"leverage":10,"w\u0061it":"result"}'
    headers = {"Authorization": f"Bearer {trader.token}", "Content-Type": "application/json"}
    assert result_of(exchange.http.post("/order", content=data, headers=headers))["seq"]


def test_while_an_engine_is_down_nobody_is_held_up(
    exchange: Exchange, new_trader: NewTrader
) -> None:
    """More wait than there are threads; each is answered as if it had not waited."""
    traders = [new_trader() for _ in range(3)]
    exchange.kill_engine()
    try:
        with ThreadPoolExecutor(30) as pool:
            waiting = [
                pool.submit(
                    wait_for_result,
                    traders[number % 2],
                    body_of("LONG", "0.001", "49000"),
                    [{}, ODD][number % 3 == 0],
                )
                for number in range(30)
            ]
            placed = traders[2].place("LONG", "0.001", "49000")
            assert not all(one.done() for one in waiting)
            answers = [one.result() for one in waiting]
    finally:
        exchange.start_engine()
    assert {answer.status_code for answer in answers} == {202}
    for answer in answers:
        assert (answer.json()["status"], answer.json().get("result")) == ("pending", None)
        assert "x-awaits" not in answer.headers
    for trader in traders:
        ids = {order["id"] for order in trader.get("/user/orders")["orders"]}
        wait_for(
            lambda: not trader.get("/user/orders?status=pending")["orders"],  # noqa: B023
            "orders that the engine took",
        )
        assert ids <= {order["id"] for order in trader.get("/user/orders?status=open")["orders"]}
    assert traders[2].order(placed)["status"] == "open"
