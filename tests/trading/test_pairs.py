"""Two orders placed in one call, of which one cancels the other: what is inserted and sent, what is
refused, and that both are placed or neither.

The market is marked at 25,000.
"""

from typing import Any

import pytest
import redis

from ledger.models import Wallet
from matching.messages.commands import PlaceOrder
from tests.trading.client import Trader, order_body, sent_commands
from trading.commands.order_command import command_of_order
from trading.models import Order

STOP: dict[str, Any] = {
    "side": "LONG",
    "orderType": "limit",
    "qty": "0.5",
    "price": "26100",
    "leverage": 10,
    "trigger": {"type": "STOP", "price": "26000"},
}


@pytest.mark.django_db(transaction=True)
def test_both_name_each_other_and_the_conditional_one_goes_first(
    trader: Trader, redis_db: redis.Redis
) -> None:
    answer = trader.place(clientOrderId="one", other=STOP | {"clientOrderId": "two"})
    assert answer.status == 202, answer
    order_id, other_id = answer.body["orderId"], answer.body["otherId"]
    rows = Order.objects.in_bulk([order_id, other_id])
    assert (rows[order_id].other_id, rows[other_id].other_id) == (other_id, order_id)
    assert rows[other_id].client_order_id == "two"
    sent = sent_commands(redis_db)
    assert sent == [command_of_order(rows[other_id]), command_of_order(rows[order_id])]
    # The one that waits holds nothing.
    assert Wallet.objects.get(user=trader.user).held_units == rows[order_id].hold_units > 0
    assert rows[other_id].hold_units == 0
    shown = trader.api.get(f"/order/{other_id}").body
    assert (shown["otherId"], shown["parentId"]) == (order_id, None)
    again = trader.place(clientOrderId="one", other=STOP | {"clientOrderId": "two"})
    assert (again.status, again.body["orderId"], again.body["otherId"]) == (200, order_id, other_id)
    for other in (STOP, None):
        differs = trader.place(clientOrderId="one", other=other)
        assert (differs.status, differs.code) == (409, "CLIENT_ORDER_ID_REUSED")
    assert Order.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_both_or_neither(trader: Trader, redis_db: redis.Redis) -> None:
    assert trader.place(clientOrderId="known").status == 202
    before = Wallet.objects.get(user=trader.user).available_units
    taken = trader.place(other=STOP | {"clientOrderId": "known"})
    told = (taken.status, taken.code, taken.body["field"])
    assert told == (409, "CLIENT_ORDER_ID_REUSED", "other.clientOrderId")
    poor = trader.place(qty="90", margin="400000", other=STOP)
    assert (poor.status, poor.code) == (400, "INSUFFICIENT_BALANCE")
    results = trader.api.post(
        "/orders/batch",
        {"orders": [order_body(other=STOP), order_body(), order_body(other={"side": "LONG"})]},
    ).body["results"]
    assert [result["ok"] for result in results] == [True, True, False]
    assert "otherId" in results[0]
    assert "otherId" not in results[1]
    assert Order.objects.count() == 4
    assert sum(isinstance(command, PlaceOrder) for command in sent_commands(redis_db)) == 4
    assert Wallet.objects.get(user=trader.user).available_units < before


REFUSED: list[tuple[dict[str, Any], str, str, str]] = [
    ({"other": STOP | {"trigger": None}}, "INVALID_FIELD", "other.trigger", "object"),
    (
        {"other": {n: STOP[n] for n in STOP if n != "trigger"}},
        "MISSING_FIELD",
        "other.trigger",
        "trigger",
    ),
    (
        {"other": STOP | {"trigger": {"type": "STOP", "price": "24000"}}},
        "TRIGGER_ALREADY_TRUE",
        "other.trigger.price",
        "above 25000",
    ),
    ({"other": STOP | {"price": "1"}, "side": "SHORT"}, "MIN_NOTIONAL", "other.qty", "other.qty"),
    ({"other": STOP | {"price": None}}, "MISSING_FIELD", "other.price", "price"),
    ({"other": STOP | {"leverage": None}}, "MISSING_FIELD", "other.margin", "leverage"),
    (
        {"other": STOP | {"marketId": "BTC-PERP"}},
        "UNKNOWN_FIELD",
        "other.marketId",
        "closePosition",
    ),
    ({"other": STOP, "timeInForce": "IOC"}, "INVALID_FIELD", "other", "rests or waits"),
    ({"other": STOP, "price": None, "orderType": "market"}, "INVALID_FIELD", "other", "rests"),
    ({"other": STOP, "takeProfit": {"price": "27000"}}, "INVALID_FIELD", "other", "takeProfit"),
    (
        {"other": STOP | {"clientOrderId": "a"}, "clientOrderId": "a"},
        "INVALID_FIELD",
        "other.clientOrderId",
        "names two orders",
    ),
]


@pytest.mark.django_db
def test_what_is_refused_and_why(trader: Trader) -> None:
    for fields, code, field, words in REFUSED:
        answer = trader.place(**fields)
        told = (answer.status, answer.code, answer.body.get("field", ""))
        assert told == (400, code, field), (fields, answer)
        assert words in answer.body["message"], answer
        preview = trader.api.post("/order/preview", order_body(**fields))
        assert (preview.status, preview.code) == (400, code)
    assert not Order.objects.exists()
    assert trader.api.post("/order/preview", order_body(other=STOP)).status == 200
