"""Algos at their door: what is asked, what is refused and why, what a SCALED places, who sees it.

The market is marked at 25,000; time is real here, in `test_algos_steps` it is told.
"""

from datetime import UTC, datetime
from typing import Any

import pytest
import redis
from django.db import transaction

from accounts.access.obstacles import obstacles_of
from accounts.models import User
from ledger.models import Wallet
from matching.messages.commands import CancelOrder, PlaceOrder
from matching.messages.vocabulary import OrderStatus
from tests.trading.client import Answer, Api, Trader, make_trader, sent_commands
from trading.algos import services
from trading.algos.models import Algo, AlgoSlice
from trading.models import Order

pytestmark = pytest.mark.django_db(transaction=True)

SCALED: dict[str, Any] = {
    "kind": "SCALED",
    "marketId": "BTC-PERP",
    "side": "LONG",
    "qty": "1",
    "fromPrice": "24000",
    "toPrice": "24900",
    "count": 4,
    "leverage": 10,
}
TWAP: dict[str, Any] = {
    "kind": "TWAP",
    "marketId": "BTC-PERP",
    "side": "LONG",
    "qty": "1.2",
    "durationS": 60,
    "intervalS": 15,
    "leverage": 10,
}


def start(trader: Trader, terms: dict[str, Any], **fields: Any) -> Answer:
    body = {name: value for name, value in (terms | fields).items() if value is not None}
    return trader.api.post("/algos", body)


def test_a_scaled_is_so_many_orders_over_a_range(trader: Trader, redis_db: redis.Redis) -> None:
    answer = start(trader, SCALED, clientAlgoId="ladder", timeInForce="GTX")
    assert answer.status == 202, answer
    algo_id = answer.body["id"]
    orders = list(Order.objects.order_by("pk"))
    assert [(o.client_order_id, o.price_ticks, o.size_lots) for o in orders] == [
        (f"algo-{algo_id}-1", 240_000, 250),
        (f"algo-{algo_id}-2", 243_000, 250),
        (f"algo-{algo_id}-3", 246_000, 250),
        (f"algo-{algo_id}-4", 249_000, 250),
    ]
    assert {order.time_in_force for order in orders} == {"GTX"}
    assert sum(isinstance(command, PlaceOrder) for command in sent_commands(redis_db)) == 4
    held = sum(order.hold_units for order in orders)
    assert Wallet.objects.get(user=trader.user).held_units == held > 0
    shown = trader.api.get(f"/algos/{algo_id}").body
    assert (shown["state"], shown["slicesSent"], shown["openSlices"]) == ("running", 4, 4)
    assert [one["orderId"] for one in shown["slices"]] == [o.pk for o in reversed(orders)]
    assert trader.place(price="24000").status == 202
    listed = trader.api.get("/user/orders").body["orders"]
    assert [one["algoId"] for one in listed] == [None] + [algo_id] * 4
    alone = trader.api.get(f"/order/{orders[0].pk}").body
    assert (alone["algoId"], alone["clientOrderId"]) == (algo_id, f"algo-{algo_id}-1")
    again = start(trader, SCALED, clientAlgoId="ladder", timeInForce="GTX", qty="1.0")
    assert (again.status, again.body["id"]) == (200, algo_id)
    differs = start(trader, SCALED, clientAlgoId="ladder", count=5)
    assert (differs.status, differs.code) == (409, "CLIENT_ALGO_ID_REUSED")
    assert f"names algo {algo_id}, which differs in count, timeInForce." in differs.body["message"]
    assert Order.objects.count() == 5


def test_what_is_not_said_is_the_same_as_its_default(trader: Trader) -> None:
    terms = {"clientAlgoId": "ladder", "leverage": 20}
    first = start(trader, SCALED, **terms)
    again = start(trader, SCALED, **terms, timeInForce="GTC", reduceOnly=False)
    assert (again.status, again.body["id"]) == (200, first.body["id"])


def test_uneven_sizes_prices_and_margin_add_up(trader: Trader) -> None:
    answer = start(trader, SCALED, qty="1", count=7, leverage=None, margin="5000", toPrice="24001")
    assert answer.status == 202, answer
    orders = list(Order.objects.order_by("pk"))
    assert sum(order.size_lots for order in orders) == 1_000
    assert sum(order.margin_units for order in orders) == 5_000_000_000
    assert [order.price_ticks - 240_000 for order in orders] == [0, 2, 3, 5, 7, 8, 10]


def test_what_the_wallet_cant_pay_is_kept_as_refused(trader: Trader) -> None:
    answer = start(trader, SCALED, qty="4", count=4, leverage=8)
    assert answer.status == 202, answer
    slices = {one["number"]: one for one in answer.body["slices"]}
    assert [slices[n]["status"] for n in (1, 2, 3, 4)] == ["pending"] * 3 + ["refused"]
    assert (slices[4]["code"], slices[4]["orderId"]) == ("INSUFFICIENT_BALANCE", None)
    assert answer.body["state"] == "running"
    none = start(trader, SCALED, qty="4", count=2, leverage=1)
    assert (none.body["state"], none.body["reason"]) == ("failed", "INSUFFICIENT_BALANCE")


REFUSED: list[tuple[dict[str, Any], dict[str, Any], str, str]] = [
    (SCALED, {"kind": "ICEBERG"}, "INVALID_FIELD", "kind"),
    (SCALED, {"count": None}, "MISSING_FIELD", "count"),
    (SCALED, {"count": 1}, "INVALID_FIELD", "count"),
    (SCALED, {"count": 101}, "INVALID_FIELD", "count"),
    (SCALED, {"count": "2.5"}, "INVALID_NUMBER", "count"),
    (SCALED, {"count": {}}, "INVALID_NUMBER", "count"),
    (SCALED, {"fromPrice": "24000.05"}, "INVALID_PRICE", "fromPrice"),
    (SCALED, {"toPrice": "0"}, "INVALID_PRICE", "toPrice"),
    (SCALED, {"qty": "0.005"}, "INVALID_SIZE", "qty"),
    (SCALED, {"qty": "1e999"}, "NUMBER_OUT_OF_RANGE", "qty"),
    (SCALED, {"qty": "0.008"}, "MIN_NOTIONAL", "qty"),
    (SCALED, {"timeInForce": "IOC"}, "INVALID_TIME_IN_FORCE", "timeInForce"),
    (SCALED, {"price": "24000"}, "INVALID_FIELD", "price"),
    (SCALED, {"intervalS": 5}, "INVALID_FIELD", "intervalS"),
    (SCALED, {"leverage": None}, "MISSING_FIELD", "margin"),
    (SCALED, {"leverage": 51}, "INVALID_LEVERAGE", "leverage"),
    (SCALED, {"margin": "500"}, "MARGIN_OR_LEVERAGE", "leverage"),
    (SCALED, {"clientAlgoId": ""}, "INVALID_FIELD", "clientAlgoId"),
    (SCALED, {"skew": 1}, "UNKNOWN_FIELD", "skew"),
    (TWAP, {"durationS": 59}, "INVALID_FIELD", "durationS"),
    (TWAP, {"durationS": 86_401}, "INVALID_FIELD", "durationS"),
    (TWAP, {"intervalS": 4}, "INVALID_FIELD", "intervalS"),
    (TWAP, {"intervalS": 31}, "INVALID_FIELD", "intervalS"),
    (TWAP, {"intervalS": True}, "INVALID_NUMBER", "intervalS"),
    (TWAP, {"price": "25000.01"}, "INVALID_PRICE", "price"),
    (TWAP, {"price": "25000", "maxSlippage": "0.01"}, "INVALID_SLIPPAGE", "maxSlippage"),
    (TWAP, {"maxSlippage": "0.9"}, "INVALID_SLIPPAGE", "maxSlippage"),
    (TWAP, {"timeInForce": "IOC"}, "INVALID_FIELD", "timeInForce"),
    (TWAP, {"margin": "10"}, "INVALID_FIELD", "margin"),
]


def test_what_is_refused_and_why(trader: Trader) -> None:
    for terms, fields, code, field in REFUSED:
        answer = start(trader, terms, **fields)
        told = (answer.status, answer.code, answer.body.get("field"))
        assert told == (400, code, field), (fields, answer)
    unknown = start(trader, TWAP, marketId="NO-PERP")
    assert (unknown.status, unknown.code) == (404, "MARKET_NOT_FOUND")
    assert not Algo.objects.exists()
    assert not Order.objects.exists()


def test_ending_one_cancels_its_open_orders(trader: Trader, redis_db: redis.Redis) -> None:
    algo_id = start(trader, SCALED).body["id"]
    first = Order.objects.earliest("pk")
    Order.objects.filter(pk=first.pk).update(
        status=OrderStatus.FILLED,
        filled_lots=250,
        filled_cost_units=6_000_000_000,
        held_units=0,
    )
    ended = trader.api.delete(f"/algos/{algo_id}")
    assert (ended.status, ended.body["state"], ended.body["reason"]) == (202, "cancelled", "USER")
    assert (ended.body["filledQty"], ended.body["averagePrice"]) == ("0.25", "24000")
    cancels = [c.order_id for c in sent_commands(redis_db) if isinstance(c, CancelOrder)]
    assert cancels == list(
        Order.objects.exclude(pk=first.pk).order_by("pk").values_list("pk", flat=True)
    )
    again = trader.api.delete(f"/algos/{algo_id}")
    assert (again.status, again.code) == (409, "ALGO_NOT_LIVE")


def test_pausing_is_of_a_twap_and_can_be_repeated(trader: Trader) -> None:
    algo_id, scaled_id = start(trader, TWAP).body["id"], start(trader, SCALED).body["id"]
    for _ in range(2):
        assert trader.api.send("POST", f"/algos/{algo_id}/pause").body["state"] == "paused"
    for _ in range(2):
        assert trader.api.send("POST", f"/algos/{algo_id}/resume").body["state"] == "running"
    refused = trader.api.send("POST", f"/algos/{scaled_id}/pause")
    assert (refused.status, refused.code) == (409, "ALGO_NOT_PAUSABLE")


def test_nobody_else_sees_or_ends_it(trader: Trader) -> None:
    algo_id = start(trader, TWAP, clientAlgoId="mine").body["id"]
    other = make_trader()
    for answer in (
        other.api.get(f"/algos/{algo_id}"),
        other.api.delete(f"/algos/{algo_id}"),
        other.api.send("POST", f"/algos/{algo_id}/pause"),
        other.api.send("POST", f"/algos/{algo_id}/resume"),
        trader.api.get("/algos/9223372036854775807"),
    ):
        assert (answer.status, answer.code) == (404, "ALGO_NOT_FOUND")
    assert other.api.get("/algos").body["algos"] == []
    assert Api().get("/algos").status == 401
    assert start(other, TWAP, clientAlgoId="mine").status == 202


def test_lists_by_state_kind_market_and_name(trader: Trader) -> None:
    scaled = start(trader, SCALED).body["id"]
    twap = start(trader, TWAP, clientAlgoId="t").body["id"]
    trader.api.delete(f"/algos/{scaled}")

    def found(query: str) -> list[int]:
        return [one["id"] for one in trader.api.get(f"/algos{query}").body["algos"]]

    assert found("") == [twap, scaled]
    assert found("?state=running,paused") == [twap]
    assert found("?kind=SCALED") == [scaled]
    assert found("?marketId=BTC-PERP&state=cancelled") == [scaled]
    assert found("?clientAlgoId=t") == [twap]
    page = trader.api.get("/algos?limit=1").body
    assert found(f"?limit=1&cursor={page['nextCursor']}") == [scaled]
    for bad in ("state=x", "kind=x", "clientAlgoId=%00", "limit=0"):
        assert trader.api.get(f"/algos?{bad}").status == 400


def test_an_account_has_so_many_and_isnt_closed_with_one(
    trader: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "LIVE_MAX", 1)
    algo_id = start(trader, TWAP).body["id"]
    refused = start(trader, SCALED)
    assert (refused.status, refused.code) == (409, "TOO_MANY_ALGOS")
    with transaction.atomic():
        assert "1 algos are running or paused: cancel them" in obstacles_of(trader.user.pk)
    assert trader.api.delete(f"/algos/{algo_id}").status == 202
    assert start(trader, SCALED).status == 202


def test_an_operator_cancels_and_pauses(trader: Trader, redis_db: redis.Redis) -> None:
    now, operator = datetime.now(UTC), User.objects.create_user("op", password="x" * 20)
    twap, scaled = start(trader, TWAP).body["id"], start(trader, SCALED).body["id"]
    assert services.pause_algo_as_operator(twap, now).state == "paused"
    assert services.cancel_algo_as_operator(scaled, operator, now).reason == "OPERATOR"
    cancels = [c for c in sent_commands(redis_db) if isinstance(c, CancelOrder)]
    assert {str(cancel.reason) for cancel in cancels} == {"OPERATOR"}
    assert AlgoSlice.objects.filter(algo=scaled).count() == len(cancels) == 4
