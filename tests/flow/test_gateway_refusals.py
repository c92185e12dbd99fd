"""Whatever arrives at the gateway is answered in the venue's shape, and has no effect."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from common.scopes import Scope
from gateway.http.routes import ROUTES
from gateway.orders.app import TAKEN
from tests.flow.exchange import Trader, wait_for
from tests.flow.venue import BUY, Account, make_account

NewTrader = Callable[..., Trader]
pytestmark = pytest.mark.django_db
ORDER = "/fapi/v1/order"


@pytest.fixture
def account(new_trader: NewTrader) -> Account:
    return make_account(new_trader())


def code_of(answer: httpx.Response) -> int:
    body = answer.json()
    assert 400 <= answer.status_code < 500, answer.text
    assert set(body) == {"code", "msg"}, body
    assert isinstance(body["code"], int)
    assert body["msg"]
    return int(body["code"])


def orders_of(account: Account) -> list[Any]:
    orders: list[Any] = account.trader.get("/user/orders")["orders"]
    return orders


def test_who_may_not(account: Account) -> None:
    now_ms = time.time_ns() // 1_000_000
    signed = account.query(**BUY)
    for expected, answer in (
        (-2014, account.send("POST", ORDER, signed, headers={"X-MBX-APIKEY": ""})),
        (-2014, account.send("POST", ORDER, signed, headers={"X-MBX-APIKEY": "abc"})),
        (-2015, account.send("POST", ORDER, signed, headers={"X-MBX-APIKEY": f"hm{'0' * 32}"})),
        (-1022, account.send("POST", ORDER, f"{signed[:-1]}{int(signed[-1] == '0')}")),
        (-1022, account.send("POST", ORDER, signed.replace("0.01", "0.02"))),
        (-1022, account.send("POST", ORDER, f"{signed[:-64]}short")),
        (-1021, account.signed("POST", ORDER, **BUY, timestamp=now_ms - 61_000)),
        (-1021, account.signed("POST", ORDER, **BUY, timestamp=now_ms + 60_000)),
        (-1131, account.signed("POST", ORDER, **BUY, recvWindow=60_001)),
        (-1102, account.signed("POST", ORDER, **BUY, timestamp="soon")),
        (-1102, account.send("POST", ORDER, "symbol=BTCUSDT")),
    ):
        assert code_of(answer) == expected, answer.text
    assert orders_of(account) == []


def test_a_request_is_served_once(account: Account) -> None:
    query = account.query(**BUY, newOrderRespType="RESULT")
    first = account.send("POST", ORDER, query)
    assert first.status_code == 200, first.text
    assert code_of(account.send("POST", ORDER, query)) == -1021
    named = {"symbol": "BTCUSDT", "orderId": first.json()["orderId"]}
    reading = account.query(**named)
    assert account.send("GET", ORDER, reading).status_code == 200
    assert code_of(account.send("DELETE", ORDER, reading)) == -1021
    again = account.signed("POST", ORDER, **BUY, newClientOrderId=first.json()["clientOrderId"])
    assert code_of(again) == -4116
    assert [order["status"] for order in orders_of(account)] == ["open"]


def test_powers_and_addresses_of_keys(account: Account) -> None:
    reading = make_account(account.trader, name="reader", permissions=["read"])
    assert code_of(reading.signed("POST", ORDER, **BUY)) == -2015
    assert reading.signed("GET", "/fapi/v3/account").status_code == 200
    elsewhere = make_account(account.trader, name="elsewhere", addresses=["203.0.113.7"])
    assert code_of(elsewhere.signed("GET", "/fapi/v3/account")) == -2015
    assert code_of(elsewhere.send("POST", "/fapi/v1/listenKey")) == -2015
    assert orders_of(account) == []


def test_each_call_takes_keys_of_its_power_and_no_other(account: Account) -> None:
    """What is wrong about a call is told to whoever may send it."""
    keys = {
        scope: make_account(account.trader, name=scope, permissions=[scope])
        for scope in (Scope.READ, Scope.TRADE)
    }
    needed = {where: route.scope for where, route in ROUTES.items() if route.scope is not None}
    needed |= dict.fromkeys(TAKEN, Scope.TRADE)
    assert len(needed) > 40

    def ask(method: str, path: str, held: Scope) -> None:
        answer = keys[held].signed(method, path)
        refused = answer.status_code == 401 and answer.json()["code"] == -2015
        assert refused == (held != needed[method, path]), (method, path, held, answer.text)

    with ThreadPoolExecutor(8) as pool:  # who is refused waits a moment
        asked = [pool.submit(ask, *where, held) for where in needed for held in keys]
    for one in asked:
        one.result()


def test_where_parameters_may_be(account: Account) -> None:
    query = account.query(**BUY)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert account.send("POST", ORDER, content=query, headers=form).status_code == 200
    # Both: signed one directly behind the other, and what the query says counts.
    stamp = time.time_ns() // 1_000_000
    head, tail = f"symbol=BTCUSDT&timestamp={stamp}", "side=BUY&type=MARKET&quantity=0"
    signature = account.sign(head + tail)
    answer = account.send("POST", ORDER, f"{head}&signature={signature}", content=tail)
    assert code_of(answer) == -4003
    named = json.dumps([BUY | {"price": "47000"}])
    stamp = time.time_ns() // 1_000_000
    unencoded = f"batchOrders={named}&timestamp={stamp}&recvWindow=60000"
    content = f"{unencoded}&signature={account.sign(unencoded)}"
    (placed,) = account.send("POST", "/fapi/v1/batchOrders", content=content).json()
    assert placed["status"] == "NEW"
    gone = account.query(symbol="BTCUSDT", orderId=placed["orderId"])
    assert account.send("DELETE", ORDER, content=gone).json()["status"] == "CANCELED"


WRONG: list[tuple[int, dict[str, Any]]] = [
    (-1102, {"symbol": None}),
    (-1121, {"symbol": "NOPEUSDT"}),
    (-1102, {"side": None}),
    (-1130, {"side": "UP"}),
    (-1130, {"type": "DANCE"}),
    (-1102, {"timeInForce": None}),
    (-1130, {"timeInForce": "LATER"}),
    (-1102, {"quantity": None}),
    (-1102, {"quantity": "many"}),
    (-1102, {"quantity": "NaN"}),
    (-4003, {"quantity": "-1"}),
    (-1111, {"quantity": "0.0105"}),
    (-4005, {"quantity": "1000000"}),
    (-1102, {"price": None}),
    (-4001, {"price": "0"}),
    (-4014, {"price": "48000.05"}),
    (-4016, {"price": "90000"}),
    (-4061, {"positionSide": "LONG"}),
    (-1100, {"newClientOrderId": "ä"}),
    (-1100, {"newClientOrderId": "a" * 37}),
    (-1102, {"reduceOnly": "perhaps"}),
    (-2022, {"type": "MARKET", "price": None, "side": "SELL", "reduceOnly": "true"}),
    (-1102, {"timeInForce": "GTD"}),
    (-5040, {"timeInForce": "GTD", "goodTillDate": 1}),
    (-1102, {"type": "STOP_MARKET", "price": None}),
    (-2019, {"quantity": "5"}),
]


@pytest.mark.parametrize(("expected", "changed"), WRONG, ids=range(len(WRONG)))
def test_wrong_orders(account: Account, expected: int, changed: dict[str, Any]) -> None:
    order = {"newOrderRespType": "RESULT"} | BUY | changed

    def refused() -> httpx.Response | None:
        """Once its engine has decided in time; a busy one lets the answer come before."""
        answer = account.signed("POST", ORDER, **order)
        return None if answer.is_success and answer.json()["status"] == "NEW" else answer

    answer = wait_for(refused, "a decision")
    assert code_of(answer) == expected, answer.text
    account.settle()
    assert [order for order in orders_of(account) if order["status"] != "rejected"] == []


def test_rubbish(account: Account) -> None:
    many = "&".join(f"p{number}=1" for number in range(200))
    for answer in (
        account.send("GET", "/fapi/v1/nowhere"),
        account.send("PATCH", ORDER),
        account.send("GET", "/fapi/v1/depth?symbol=BTCUSDT&symbol=ETHUSDT"),
        account.send("GET", "/fapi/v1/depth?symbol=%00"),
        account.send("GET", "/fapi/v1/depth?symbol=%ff"),
        account.send("GET", "/fapi/v1/depth?symbol=BTCUSDT&limit=7"),
        account.send("GET", f"/fapi/v1/time?{many}"),
        account.send("GET", "/fapi/v1/klines?symbol=BTCUSDT&interval=7m"),
        account.send("GET", "/fapi/v1/klines?symbol=BTCUSDT&interval=1m&startTime=9&endTime=1"),
        account.send("POST", ORDER, content=b'{"symbol": "BTCUSDT"}'),
        account.send("POST", ORDER, content=b"x" * 1_000_001),
        account.send("POST", ORDER, content=b"\xff\xfe"),
        account.send("POST", "/fapi/v1/leverage", content=b"x" * 1_000_001),
        account.signed("POST", "/fapi/v1/batchOrders", batchOrders="[{"),
        account.signed("POST", "/fapi/v1/batchOrders", batchOrders=json.dumps([BUY] * 6)),
        account.signed("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage="many"),
        account.signed("DELETE", ORDER, symbol="BTCUSDT", orderId=10**30),
        account.signed("GET", ORDER, symbol="BTCUSDT", orderId=0),
        account.signed("GET", "/fapi/v1/userTrades", symbol="BTCUSDT", limit="x"),
        account.signed("POST", "/fapi/v1/positionMargin", symbol="BTCUSDT", amount=1, type=3),
        account.signed("POST", "/fapi/v1/positionMargin", symbol="BTCUSDT", amount=1, type=1),
        account.signed("POST", "/fapi/v1/countdownCancelAll", symbol="BTCUSDT", countdownTime=-1),
        account.signed("GET", "/fapi/v1/allOrders", symbol="BTCUSDT", startTime=10**18),
    ):
        code_of(answer)
    items = [7, BUY | {"quantity": "none"}, {"symbol": "NOPE"}]
    refused = account.signed("POST", "/fapi/v1/batchOrders", batchOrders=json.dumps(items))
    assert refused.status_code == 200
    assert [set(item) for item in refused.json()] == [{"code", "msg"}] * 3
    assert orders_of(account) == []


def test_budgets_are_told(account: Account) -> None:
    answer = account.signed("POST", ORDER, **BUY)
    assert {"x-mbx-order-count-10s", "x-mbx-order-count-1m"} <= answer.headers.keys()
    assert "x-mbx-used-weight-1m" in account.send("GET", "/fapi/v1/time").headers
