"""Take-profits and stop-losses that come with their entry: what is inserted and sent, what is
refused, and that all of it is placed or nothing.

The market is marked at 25,000; the entry buys 0.5 at 25,000 if nothing else is said.
"""

import json
from typing import Any

import pytest
import redis

from ledger.models import Wallet
from matching.messages.commands import PlaceOrder
from matching.messages.vocabulary import OrderType, Side, TriggerBy, TriggerKind
from tests.trading.client import Trader, order_body, sent_commands
from trading.models import Order

PROFIT: dict[str, Any] = {"price": "26000"}
LOSS: dict[str, Any] = {"price": "24000", "by": "LAST", "limitPrice": "23900"}
BOTH = {"takeProfit": PROFIT, "stopLoss": LOSS}


def placed(client: redis.Redis) -> list[PlaceOrder]:
    return [command for command in sent_commands(client) if isinstance(command, PlaceOrder)]


@pytest.mark.django_db(transaction=True)
def test_each_is_an_order_of_its_own_and_goes_before_the_entry(
    trader: Trader, redis_db: redis.Redis
) -> None:
    answer = trader.place(
        takeProfit=PROFIT | {"clientOrderId": "tp"}, stopLoss=LOSS, clientOrderId="in"
    )
    assert answer.status == 202, answer
    profit_id, loss_id = answer.body["takeProfitId"], answer.body["stopLossId"]
    entry = Order.objects.get(pk=answer.body["orderId"])
    profit, loss = Order.objects.get(pk=profit_id), Order.objects.get(pk=loss_id)
    assert (profit.parent_id, loss.parent_id, entry.parent_id) == (entry.pk, entry.pk, None)
    for order in (profit, loss):
        assert (order.side, order.reduce_only, order.size_lots) == (Side.SHORT, True, 500)
        assert (order.status, order.hold_units) == ("pending", 0)
    assert (profit.order_type, profit.client_order_id) == (OrderType.MARKET, "tp")
    assert (loss.order_type, loss.price_ticks) == (OrderType.LIMIT, 239_000)
    assert (profit.trigger_kind, profit.trigger_by) == (TriggerKind.TAKE_PROFIT, TriggerBy.MARK)
    assert (loss.trigger_kind, loss.trigger_by) == (TriggerKind.STOP, TriggerBy.LAST)
    sent = placed(redis_db)
    assert [command.order_id for command in sent] == [profit_id, loss_id, entry.pk]
    assert [command.parent_id for command in sent[:2]] == [entry.pk, entry.pk]
    assert Wallet.objects.get(user=trader.user).held_units == entry.hold_units
    shown = trader.api.get(f"/order/{profit_id}").body
    assert (shown["parentId"], shown["qty"], shown["trigger"]["price"]) == (
        entry.pk,
        "0.5",
        "26000",
    )
    # Sent again it is the same; with another stop-loss it is not.
    again = trader.place(
        takeProfit=PROFIT | {"clientOrderId": "tp"}, stopLoss=LOSS, clientOrderId="in"
    )
    assert again.status == 200
    names = ("orderId", "takeProfitId", "stopLossId")
    assert [again.body[name] for name in names] == [answer.body[name] for name in names]
    other = trader.place(takeProfit=PROFIT, stopLoss=LOSS, clientOrderId="in")
    assert (other.status, other.code) == (409, "CLIENT_ORDER_ID_REUSED")
    assert Order.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_in_a_batch_each_entry_fares_on_its_own(trader: Trader, redis_db: redis.Redis) -> None:
    orders = [
        order_body(**BOTH),
        order_body(),
        order_body(takeProfit={"price": "24000"}),
        order_body(stopLoss=LOSS),
        order_body(qty="90", margin="400000", takeProfit=PROFIT),
    ]
    results = trader.api.post("/orders/batch", {"orders": orders}).body["results"]
    assert [r["ok"] for r in results] == [True, True, False, True, False]
    assert [r["code"] for r in results[2:5:2]] == ["INVALID_TRIGGER", "INSUFFICIENT_BALANCE"]
    assert {"takeProfitId", "stopLossId"} <= results[0].keys()
    assert "takeProfitId" not in results[1]
    assert "takeProfitId" not in results[3]
    assert Order.objects.count() == len(placed(redis_db)) == 6


REFUSED: list[tuple[dict[str, Any], str, str, str]] = [
    ({"takeProfit": {"price": "25000"}}, "INVALID_TRIGGER", "takeProfit.price", "above 25000"),
    ({"stopLoss": {"price": "25000"}}, "INVALID_TRIGGER", "stopLoss.price", "below 25000"),
    (
        {"price": "24900", "stopLoss": {"price": "24900"}},
        "INVALID_TRIGGER",
        "stopLoss.price",
        "below 24900",
    ),
    (
        {"side": "SHORT", "takeProfit": {"price": "25001"}},
        "INVALID_TRIGGER",
        "takeProfit.price",
        "below 25000",
    ),
    ({"takeProfit": {"price": "26000.05"}}, "INVALID_PRICE", "takeProfit.price", "tick 0.1"),
    ({"takeProfit": {"price": None}}, "MISSING_FIELD", "takeProfit.price", "price"),
    ({"takeProfit": {}}, "MISSING_FIELD", "takeProfit.price", "price"),
    ({"stopLoss": {"price": []}}, "INVALID_NUMBER", "stopLoss.price", "number"),
    (
        {"stopLoss": LOSS | {"limitPrice": "0.05"}},
        "INVALID_PRICE",
        "stopLoss.limitPrice",
        "tick 0.1",
    ),
    (
        {"stopLoss": LOSS | {"limitPrice": "21599.9"}},
        "PRICE_OUTSIDE_BAND",
        "stopLoss.limitPrice",
        "at least 21600",
    ),
    ({"stopLoss": LOSS | {"qty": "1"}}, "UNKNOWN_FIELD", "stopLoss.qty", "limitPrice"),
    ({"stopLoss": {"price": "24000", "by": "X"}}, "INVALID_FIELD", "stopLoss.by", "MARK"),
    ({"stopLoss": "24000"}, "INVALID_FIELD", "stopLoss", "object"),
    (
        {"stopLoss": LOSS | {"clientOrderId": ""}},
        "INVALID_FIELD",
        "stopLoss.clientOrderId",
        "1 to 64",
    ),
    (
        {"stopLoss": LOSS | {"clientOrderId": "a"}, "clientOrderId": "a"},
        "INVALID_FIELD",
        "stopLoss.clientOrderId",
        "names two orders",
    ),
    ({"reduceOnly": True, "margin": None} | BOTH, "INVALID_FIELD", "takeProfit", "opens"),
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
    assert trader.api.post("/order/preview", order_body(**BOTH)).status == 200


@pytest.mark.django_db
def test_all_of_it_is_placed_or_nothing(trader: Trader) -> None:
    trader.place(clientOrderId="mine")
    held = Wallet.objects.get(user=trader.user).held_units
    taken = trader.place(takeProfit=PROFIT | {"clientOrderId": "mine"}, stopLoss=LOSS)
    assert (taken.status, taken.code, taken.body["field"]) == (
        409,
        "CLIENT_ORDER_ID_REUSED",
        "takeProfit.clientOrderId",
    )
    short = trader.place(qty="90", margin="400000", **BOTH)
    assert (short.status, short.code) == (400, "INSUFFICIENT_BALANCE")
    assert Order.objects.count() == 1
    assert Wallet.objects.get(user=trader.user).held_units == held


@pytest.mark.django_db
def test_asleep_each_is_amended_and_cancelled_like_any_other(trader: Trader) -> None:
    body = trader.place(**BOTH).body
    ids = [body["takeProfitId"], body["stopLossId"]]
    Order.objects.filter(pk__in=ids).update(status="asleep")

    def patch(**changes: Any) -> Any:
        return trader.api.send("PATCH", f"/order/{ids[0]}", json.dumps(changes).encode())

    # Its condition may hold before it wakes.
    assert patch(trigger={"price": "24500"}).status == 202
    refused = patch(qty="0.4")
    assert (refused.status, refused.code) == (400, "INVALID_SIZE")
    assert trader.api.delete(f"/order/{ids[1]}").status == 202
    shown = trader.api.get("/user/orders?status=asleep").body["orders"]
    assert [order["id"] for order in shown] == sorted(ids, reverse=True)
