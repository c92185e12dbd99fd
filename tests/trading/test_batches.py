"""Many orders in one call; cancelling by side and countdown; funding and liquidations to read."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
import redis

from common.errors import DomainError
from markets.models import Market, MarketStatus
from matching.messages.commands import AmendOrder, CancelAllOrders, PlaceOrder, SetCountdown
from matching.messages.vocabulary import Side
from tests.trading.client import Api, Trader, make_trader, order_body, sent_commands
from tests.trading.test_reading import same_shape
from trading import services
from trading.commands.outbox import command_of_row
from trading.http import examples
from trading.http.markets import examples as market_examples
from trading.models import FundingSettlement, Liquidation, Order, OutboxCommand

pytestmark = pytest.mark.django_db

THEN = datetime(2026, 1, 2, 8, 0, 0, tzinfo=UTC)


def outcomes(results: list[Any]) -> list[Any]:
    return [result["code"] or result["ok"] for result in results]


def patch(trader: Trader, *changes: Any) -> Any:
    data = json.dumps({"orders": changes}).encode()
    return trader.api.send("PATCH", "/orders/batch", data)


@pytest.mark.django_db(transaction=True)
def test_amendments_fare_each_on_its_own(trader: Trader, redis_db: redis.Redis) -> None:
    theirs = make_trader().place().body["orderId"]
    mine = trader.place(clientOrderId="a").body["orderId"]
    other = trader.place().body["orderId"]
    Order.objects.update(status="open")
    answer = patch(
        trader,
        {"orderId": mine, "price": "24000"},
        {"clientOrderId": "a", "qty": "0.1"},
        {"orderId": other, "price": "24000.05"},
        {"orderId": theirs, "price": "24000"},
        {"clientOrderId": "none", "price": "24000"},
        {"orderId": 2**63, "price": "24000"},
        {"orderId": mine, "clientOrderId": "a", "price": "24000"},
        {"price": "24000"},
        {"orderId": other},
        {"orderId": other, "price": "24000", "side": "LONG"},
        "rubbish",
    )
    assert answer.status == 202
    assert same_shape(answer.body["results"][0], examples.ORDERS_BATCH_AMENDING["results"][0])
    assert outcomes(answer.body["results"]) == [
        True,
        True,
        "INVALID_PRICE",
        *["ORDER_NOT_FOUND"] * 3,
        *["MISSING_FIELD"] * 2,
        "NOTHING_TO_AMEND",
        "UNKNOWN_FIELD",
        "MALFORMED_JSON",
    ]
    sent = [one for one in sent_commands(redis_db) if isinstance(one, AmendOrder)]
    assert [(one.order_id, one.price_ticks) for one in sent] == [(mine, 240_000)] * 2
    assert [one.keeps_price is True for one in sent] == [False, True]
    assert patch(trader).code == "BATCH_SIZE"
    assert patch(trader, *[{"orderId": mine}] * 101).code == "BATCH_SIZE"


@pytest.mark.django_db(transaction=True)
def test_a_bad_order_never_fails_another(trader: Trader, redis_db: redis.Redis) -> None:
    answer = trader.api.post(
        "/orders/batch",
        {
            "orders": [
                order_body(clientOrderId="a"),
                order_body(price="25000.05"),
                order_body(margin="9000"),  # only 7,493.75 is left
                "rubbish",
                order_body(marketId="NONE"),
                order_body(clientOrderId="a"),
                order_body(side="SHORT", price="25100"),
            ]
        },
    )
    assert answer.status == 202
    results = answer.body["results"]
    assert outcomes(results) == [
        True,
        "INVALID_PRICE",
        "INSUFFICIENT_BALANCE",
        "MALFORMED_JSON",
        "MARKET_NOT_FOUND",
        True,
        True,
    ]
    assert results[1]["field"] == "price"
    assert results[5]["orderId"] == results[0]["orderId"]  # the same client order id
    sent = sent_commands(redis_db)
    assert all(isinstance(command, PlaceOrder) for command in sent)
    ids = [command.order_id for command in sent if isinstance(command, PlaceOrder)]
    assert ids == [results[0]["orderId"], results[6]["orderId"]]
    assert sorted(ids) == list(Order.objects.order_by("pk").values_list("pk", flat=True))


def test_a_hundred_at_most(trader: Trader) -> None:
    for orders in ([], [order_body()] * 101):
        answer = trader.api.post("/orders/batch", {"orders": orders})
        assert (answer.status, answer.code) == (400, "BATCH_SIZE")
    many = [order_body(qty="0.1", margin="60")] * 100
    assert outcomes(trader.api.post("/orders/batch", {"orders": many}).body["results"]) == (
        [True] * 100
    )
    ids = ",".join(str(pk) for pk in Order.objects.values_list("pk", flat=True))
    assert outcomes(trader.api.delete(f"/orders/batch?orderIds={ids}").body["results"]) == (
        [True] * 100
    )
    assert OutboxCommand.objects.filter(command_type="CancelOrder").count() == 100


def test_a_cancel_that_can_not_be_does_not_fail_the_others(trader: Trader) -> None:
    mine = trader.place().body["orderId"]
    theirs = make_trader().place().body["orderId"]
    done = trader.place().body["orderId"]
    Order.objects.filter(pk=done).update(status="filled", held_units=0)
    answer = trader.api.delete(f"/orders/batch?orderIds={mine},{theirs},{done},{done + 999}")
    assert answer.status == 202
    assert outcomes(answer.body["results"]) == [
        True,
        "ORDER_NOT_FOUND",
        "ORDER_NOT_OPEN",
        "ORDER_NOT_FOUND",
    ]


@pytest.mark.parametrize(
    "ids", ["", "x", "1,,2", "-1", "1.5", "9223372036854775808", "9" * 30, "²", ",".join("1" * 101)]
)
def test_ids_that_are_none(trader: Trader, ids: str) -> None:
    answer = trader.api.delete(f"/orders/batch?orderIds={ids}")
    assert (answer.status, answer.body["field"]) == (400, "orderIds")


def test_cancelling_one_side(trader: Trader) -> None:
    trader.place()
    assert trader.api.delete("/orders?side=SHORT").body["marketIds"] == ["BTC-PERP"]
    row = OutboxCommand.objects.get(command_type="CancelAllOrders")
    assert command_of_row(row) == CancelAllOrders(
        command_id=row.pk, account_id=trader.user.pk, side=Side.SHORT
    )
    answer = trader.api.delete("/orders?side=UP")
    assert (answer.status, answer.body["field"]) == (400, "side")


def test_a_countdown_is_promised(trader: Trader) -> None:
    body = {"marketId": "BTC-PERP", "countdownMs": 5_000}
    answer = trader.api.post("/orders/countdown", body)
    row = OutboxCommand.objects.get(command_type="SetCountdown")
    assert (answer.status, answer.body["commandId"]) == (202, row.pk)
    assert command_of_row(row) == SetCountdown(
        command_id=row.pk, account_id=trader.user.pk, countdown_ms=5_000
    )
    assert answer.body["protective"] is False
    assert "stay" in answer.body["message"]
    answer = trader.api.post("/orders/countdown", body | {"protective": True})
    assert answer.body["protective"] is True
    command = command_of_row(OutboxCommand.objects.get(pk=answer.body["commandId"]))
    assert isinstance(command, SetCountdown)
    assert command.protective
    for unclear in ("true", 1, None):
        answer = trader.api.post("/orders/countdown", body | {"protective": unclear})
        assert answer.status == 400
    for wrong in (-1, 86_400_001, "5", 1.5, None, 2**70):
        answer = trader.api.post("/orders/countdown", body | {"countdownMs": wrong})
        assert (answer.status, answer.body["field"]) == (400, "countdownMs")
    assert trader.api.post("/orders/countdown", body | {"marketId": "NO"}).status == 404


def test_funding_past_and_to_come(market: Market) -> None:
    # Average premium 300,000 ppb = 0.03 %; interest 0.01 %: 0.03 % − 0.02 % = 0.01 % per 8 h.
    MarketStatus.objects.filter(pk="BTC-PERP").update(
        premium_sum_ppb=600_000,
        premium_count=2,
        funding_rate_ppb=-20_000,
        next_funding_ms=int(THEN.timestamp() * 1_000),
    )
    for number in range(3):
        FundingSettlement.objects.create(
            market=market,
            seq=number,
            funding_time=THEN,
            settled_at=THEN,
            rate_ppb=100_000 + number,
            mark_price_ticks=250_000,
            per_lot_units=5,
            paid_units=31_262_500,
        )
    answer = Api().get("/markets/BTC-PERP/funding?limit=2").body
    assert same_shape(answer, market_examples.FUNDING)
    assert answer["lastRate"] == "-0.00002"
    assert answer["estimate"] == {
        "rate": "0.0001",
        "fundingTime": "2026-01-02T08:00:00Z",
        "premium": "0.0003",
        "interest": "0.0001",
    }
    assert [row["rate"] for row in answer["settlements"]] == ["0.000100002", "0.000100001"]
    assert answer["settlements"][0]["paid"] == "31.2625"
    rest = Api().get(f"/markets/BTC-PERP/funding?cursor={answer['nextCursor']}").body
    assert [row["rate"] for row in rest["settlements"]] == ["0.0001"]
    assert Api().get("/markets/NONE/funding").status == 404


def test_the_estimate_of_a_split_interval(market: Market) -> None:
    """0.01 % of the time before, and half of the interval at the 0.01 % that the samples say."""
    due_ms = int(THEN.timestamp() * 1_000)
    MarketStatus.objects.filter(pk="BTC-PERP").update(
        premium_sum_ppb=600_000,
        premium_count=2,
        next_funding_ms=due_ms,
        funding_since_ms=due_ms - market.funding_interval_ms // 2,
        funding_is_split=True,
        funding_accrued_ppb=100_000,
    )
    estimate = Api().get("/markets/BTC-PERP/funding").body["estimate"]
    assert estimate["rate"] == "0.00015"


def test_liquidations_are_public_without_a_name(trader: Trader, market: Market) -> None:
    MarketStatus.objects.filter(pk="BTC-PERP").update(insurance_units=1_042_500_000)
    Liquidation.objects.create(
        market=market,
        user=trader.user,
        seq=9,
        ordinal=0,
        liquidated_at=THEN,
        mark_price_ticks=202_000,
        position_lots=-200,
        entry_cost_units=-5_000_000_000,
        margin_units=1,
        equity_units=1,
        maintenance_units=1,
        fee_reserve_units=1,
        limit_ticks=200_000,
        cancelled_orders=0,
        filled_lots=150,
        deleveraged_lots=30,
        fee_units=20_300_000,
        insurance_paid_units=7,
        left_lots=20,
        returned_units=0,
    )
    answer = Api().get("/markets/BTC-PERP/liquidations").body
    assert same_shape(answer, market_examples.LIQUIDATIONS)
    assert answer["insuranceFund"] == "1042.5"
    (row,) = answer["liquidations"]
    assert (row["side"], row["qty"], row["filledQty"]) == ("SHORT", "0.2", "0.15")
    assert (row["deleveragedQty"], row["leftQty"]) == ("0.03", "0.02")
    assert (row["liquidationFee"], row["insurancePaid"]) == ("20.3", "0.000007")
    assert trader.user.username not in str(answer)
    assert "userId" not in row
    assert Api().get("/markets/NONE/liquidations").status == 404


def test_operators_settle_and_fund(market: Market) -> None:
    settling = services.settle_market(market, "24999.5", by=None)
    assert OutboxCommand.objects.get(pk=settling).payload["price_ticks"] == 249_995
    funding = services.fund_insurance(market, 5_000_000, by=None)
    assert OutboxCommand.objects.get(pk=funding).payload["amount_units"] == 5_000_000
    for wrong in (0, -1, 10**17 + 1):
        with pytest.raises(DomainError, match="above zero"):
            services.fund_insurance(market, wrong, by=None)
    for price in ("24999.55", "0", "-5", "x"):
        with pytest.raises(DomainError, match="price"):
            services.settle_market(market, price, by=None)
    MarketStatus.objects.update(state="SETTLED")
    with pytest.raises(DomainError, match="settled already"):
        services.settle_market(market, "25000", by=None)
