"""Orders asked for, amended and cancelled by the ids their traders gave them."""

from typing import Any
from urllib.parse import quote

import pytest

from tests.trading.client import Trader, make_trader
from tests.trading.intake_server import IntakeApi
from trading.models import Order, OutboxCommand

pytestmark = pytest.mark.django_db

IDS = ["mine", "a/b", "..", "a b", "a,b", "?&=#%", "17", "ünï💥", "x" * 64]


@pytest.mark.parametrize("client_order_id", IDS)
def test_each_call_of_one_order_finds_it(trader: Trader, client_order_id: str) -> None:
    other = make_trader()
    theirs = other.place(clientOrderId=client_order_id).body["orderId"]
    placed = trader.place(clientOrderId=client_order_id).body["orderId"]
    path = f"/order?clientOrderId={quote(client_order_id, safe='')}"
    order = trader.api.get(path)
    assert order.status == 200
    assert order.body == trader.api.get(f"/order/{placed}").body
    assert other.api.get(path).body["id"] == theirs
    Order.objects.update(status="open")
    assert trader.api.send("PATCH", path, b'{"price": "24990"}').body["orderId"] == placed
    assert trader.api.delete(path).body["orderId"] == placed
    promised = OutboxCommand.objects.filter(created_by=trader.user)
    assert {row.payload["order_id"] for row in promised} == {placed}


def test_of_several_each_fares_on_its_own(trader: Trader) -> None:
    ids = [trader.place(clientOrderId=name, qty="0.1").body["orderId"] for name in "ab"]
    make_trader().place(clientOrderId="c")
    answer = trader.api.delete("/orders/batch?clientOrderIds=b,c,a,b")
    assert answer.status == 202
    found = [(item["orderId"], item["code"]) for item in answer.body["results"]]
    b, a = (ids[1], None), (ids[0], None)
    assert found == [b, (None, "ORDER_NOT_FOUND"), a, b]


@pytest.mark.django_db(transaction=True)
def test_a_cancel_is_answered_as_by_order_id_through_intake(trader: Trader) -> None:
    """Alone and in a batch: live, ended, another's, and one that is not."""
    ids = {
        status: trader.place(clientOrderId=status, qty="0.1", margin="250").body["orderId"]
        for status in ("pending", "open", "filled", "cancelled")
    }
    for status, order_id in ids.items():
        ended = {} if status in ("pending", "open") else {"held_units": 0}
        Order.objects.filter(pk=order_id).update(status=status, **ended)
    ids["theirs"] = make_trader().place(clientOrderId="theirs").body["orderId"]
    ids["none"] = ids["theirs"] + 1
    intake = IntakeApi(trader.api.token)
    for name, order_id in ids.items():
        by_id = intake.delete(f"/order/{order_id}")
        assert trader.api.delete(f"/order?clientOrderId={name}") == by_id, name
    by_ids = intake.delete(f"/orders/batch?orderIds={','.join(map(str, ids.values()))}")
    assert [item["ok"] for item in by_ids.body["results"]] == [True, True] + [False] * 4
    assert trader.api.delete(f"/orders/batch?clientOrderIds={','.join(ids)}") == by_ids


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/order", 400, "MISSING_FIELD"),
        ("DELETE", "/order", 400, "MISSING_FIELD"),
        ("PATCH", "/order", 400, "MISSING_FIELD"),
        ("GET", "/order?clientOrderId=", 404, "ORDER_NOT_FOUND"),
        ("DELETE", "/order?clientOrderId=none", 404, "ORDER_NOT_FOUND"),
        ("DELETE", "/order?clientOrderId=%00", 404, "ORDER_NOT_FOUND"),
        ("PATCH", "/order?clientOrderId=none", 404, "ORDER_NOT_FOUND"),
        ("DELETE", "/orders/batch?clientOrderIds=a&orderIds=1", 400, "INVALID_FIELD"),
        ("DELETE", "/orders/batch?clientOrderIds=" + "a," * 100, 400, "BATCH_SIZE"),
        ("DELETE", "/orders/batch", 400, "INVALID_FIELD"),
    ],
)
def test_ids_that_name_none(trader: Trader, method: str, path: str, status: int, code: str) -> None:
    trader.place(clientOrderId="mine")
    data: Any = b'{"qty": "0.4"}' if method == "PATCH" else b""
    answer = trader.api.send(method, path, data)
    assert (answer.status, answer.code) == (status, code), answer
    assert not OutboxCommand.objects.filter(created_by=trader.user).exists()
