"""Orders that wait for a price, close the position or end at a time: what is taken, as what.

The market is marked at 25,000 (250,000 ticks of 0.1) with a band of 10 %.
"""

from datetime import UTC, datetime
from typing import Any

import pytest
import redis
from django.utils import timezone

from ledger.models import JournalEntry, Wallet
from matching.messages.commands import Trigger
from matching.messages.vocabulary import MarketState, TriggerBy, TriggerKind
from tests.trading.client import Trader, set_ticker
from trading.commands.order_command import command_of_order
from trading.models import Order

pytestmark = pytest.mark.django_db

MARKET_ORDER: dict[str, Any] = {"orderType": "market", "price": None}
LEVERAGE: dict[str, Any] = {"margin": None, "leverage": 10}
CLOSE: dict[str, Any] = MARKET_ORDER | {"margin": None, "qty": None, "closePosition": True}


def stop(price: object, **fields: Any) -> dict[str, Any]:
    return {"trigger": {"type": "STOP", "price": price} | fields}


def trailing(**fields: Any) -> dict[str, Any]:
    return {"trigger": {"type": "TRAILING_STOP", **fields}}


@pytest.mark.parametrize(
    ("fields", "price_ticks", "size_lots", "trigger"),
    [
        # Opening: its slippage is counted from the trigger until it fires, 26,000 × 1.01.
        (
            MARKET_ORDER | LEVERAGE | stop("26000"),
            262_600,
            500,
            Trigger(
                kind=TriggerKind.STOP,
                by=TriggerBy.MARK,
                price_ticks=260_000,
                max_slippage_ppm=10_000,
            ),
        ),
        # A stop-limit: its limit.
        (
            stop("26000", by="LAST") | {"price": "26100"},
            261_000,
            500,
            Trigger(kind=TriggerKind.STOP, by=TriggerBy.LAST, price_ticks=260_000),
        ),
        # Protecting: no limit but the band of its time, so that a gap does not leave it unfilled.
        (
            CLOSE | stop("24000") | {"side": "SHORT"},
            1,
            1,
            Trigger(kind=TriggerKind.STOP, by=TriggerBy.MARK, price_ticks=240_000),
        ),
        # Unless its trader sets one: 24,000 × 0.95.
        (
            CLOSE | stop("24000") | {"side": "SHORT", "maxSlippage": "0.05"},
            228_000,
            1,
            Trigger(
                kind=TriggerKind.STOP,
                by=TriggerBy.MARK,
                price_ticks=240_000,
                max_slippage_ppm=50_000,
            ),
        ),
        # Buying back: as much as the contract lets 1,000,000 lots cost, 10^16 / (100 × 10^6).
        (
            CLOSE | {"trigger": {"type": "TAKE_PROFIT", "price": "24000"}},
            100_000_000,
            1,
            Trigger(kind=TriggerKind.TAKE_PROFIT, by=TriggerBy.MARK, price_ticks=240_000),
        ),
        (
            MARKET_ORDER | LEVERAGE | trailing(callback="0.02"),
            257_550,  # 250,000 × 1.02 × 1.01
            500,
            Trigger(
                kind=TriggerKind.TRAILING_STOP,
                by=TriggerBy.MARK,
                price_ticks=0,
                callback_ppm=20_000,
                max_slippage_ppm=10_000,
            ),
        ),
    ],
)
def test_it_waits_with_nothing_held(
    trader: Trader,
    fields: dict[str, Any],
    price_ticks: int,
    size_lots: int,
    trigger: Trigger,
) -> None:
    answer = trader.place(**fields)
    assert answer.status == 202, answer
    order = Order.objects.get()
    assert (order.price_ticks, order.size_lots, order.hold_units) == (price_ticks, size_lots, 0)
    assert order.reduce_only is order.close_position is ("closePosition" in fields)
    assert command_of_order(order).trigger == trigger
    assert Wallet.objects.get(user=trader.user).held_units == 0
    assert not JournalEntry.objects.filter(kind="order_hold").exists()


REFUSED: list[tuple[dict[str, Any], str, str, str]] = [
    (stop("25000"), "TRIGGER_ALREADY_TRUE", "trigger.price", "above 25000"),
    (stop("25000") | {"side": "SHORT"}, "TRIGGER_ALREADY_TRUE", "trigger.price", "below 25000"),
    (
        {"trigger": {"type": "TAKE_PROFIT", "price": 26000}},
        "TRIGGER_ALREADY_TRUE",
        "trigger.price",
        "below 25000",
    ),
    (stop(None), "MISSING_FIELD", "trigger.price", "price"),
    (stop("26000.05"), "INVALID_PRICE", "trigger.price", "tick 0.1"),
    (stop("26000", callback="0.1"), "INVALID_TRIGGER", "trigger.callback", "leave it out"),
    (trailing(), "MISSING_FIELD", "trigger.callback", "callback"),
    (trailing(callback="1"), "INVALID_TRIGGER", "trigger.callback", "at most 0.999999"),
    (trailing(callback="0"), "INVALID_TRIGGER", "trigger.callback", "above zero"),
    (trailing(callback="0.0000001"), "INVALID_TRIGGER", "trigger.callback", "0.000001"),
    ({"trigger": {"type": "LIMIT"}}, "INVALID_FIELD", "trigger.type", "STOP, TAKE_PROFIT"),
    (stop("26000", by="INDEX"), "INVALID_FIELD", "trigger.by", "MARK, LAST"),
    (stop("26000", at=1), "UNKNOWN_FIELD", "trigger.at", "type, by, price, callback"),
    ({"trigger": {}}, "MISSING_FIELD", "trigger.type", "trigger.type"),
    ({"trigger": "STOP"}, "INVALID_FIELD", "trigger", "object"),
    # Its limit would be outside the band when it fires: 26,000 × 1.1.
    (stop("26000") | {"price": "28600.1"}, "PRICE_OUTSIDE_BAND", "price", "at most 28600"),
    (stop("26000") | {"margin": 1}, "INSUFFICIENT_MARGIN", "margin", "minimum margin 250.00"),
    ({"closePosition": True, "qty": None}, "INVALID_FIELD", "closePosition", "reduceOnly"),
    (CLOSE | stop(26000) | {"qty": "0.5"}, "INVALID_SIZE", "qty", "leave qty out"),
    ({"expiresAt": "2020-01-01T00:00:00Z"}, "INVALID_EXPIRY", "expiresAt", "future"),
    ({"expiresAt": "0001-01-01T00:00:00+14:00"}, "INVALID_FIELD", "expiresAt", "year 1"),
    ({"expiresAt": "2126-01-01T00:00:00"}, "INVALID_FIELD", "expiresAt", "zone"),
    ({"expiresAt": 1_900_000_000}, "INVALID_FIELD", "expiresAt", "zone"),
    *(
        ({"expiresAt": f"2126-01-01T00:00:00.{part}+01:00"}, "INVALID_FIELD", "expiresAt", "1 ms")
        for part in ("6789", "000001", "0000001", "9999999999", "0000000000000000000000000001")
    ),
    (
        {"expiresAt": "2126-01-01T00:00:00Z", "timeInForce": "IOC"},
        "INVALID_EXPIRY",
        "expiresAt",
        "does not stay",
    ),
]


@pytest.mark.parametrize(("fields", "code", "field", "words"), REFUSED)
def test_what_is_refused_and_why(
    trader: Trader, fields: dict[str, Any], code: str, field: str, words: str
) -> None:
    answer = trader.place(**fields)
    assert (answer.status, answer.code, answer.body.get("field", "")) == (400, code, field), answer
    assert words in answer.body["message"]
    assert not Order.objects.exists()


def test_a_trigger_by_last_looks_at_the_last_price(trader: Trader, redis_db: redis.Redis) -> None:
    set_ticker(redis_db, last_price_ticks=261_000)
    assert trader.place(**LEVERAGE, **stop("26000", by="LAST")).code == "TRIGGER_ALREADY_TRUE"
    assert trader.place(**LEVERAGE, **stop("26000", by="MARK")).status == 202


@pytest.mark.parametrize(
    ("state", "taken"),
    [
        (MarketState.POST_ONLY, True),
        (MarketState.CANCEL_ONLY, True),
        (MarketState.HALTED, False),
        (MarketState.SETTLED, False),
    ],
)
def test_states_that_take_waiting_orders(
    trader: Trader, redis_db: redis.Redis, state: MarketState, taken: bool
) -> None:
    set_ticker(redis_db, state=state)
    answer = trader.place(**stop("26000"))
    assert answer.status == (202 if taken else 400)
    assert taken or answer.code == "MARKET_NOT_OPEN"


def test_it_is_read_back_and_cancelled_while_it_waits(trader: Trader) -> None:
    order_id = trader.place(**CLOSE, **stop("24000"), side="SHORT").body["orderId"]
    Order.objects.filter(pk=order_id).update(status="waiting")
    order = trader.api.get(f"/order/{order_id}").body
    assert (order["status"], order["qty"], order["remainingQty"]) == ("waiting", None, None)
    assert (order["closePosition"], order["reduceOnly"]) == (True, True)
    assert order["trigger"] == {
        "type": "STOP",
        "by": "MARK",
        "price": "24000",
        "callback": None,
        "triggeredAt": None,
    }
    (listed,) = trader.api.get("/user/orders?status=waiting").body["orders"]
    assert listed == order
    Order.objects.filter(pk=order_id).update(size_lots=20, triggered_at=timezone.now())
    fired = trader.api.get(f"/order/{order_id}").body
    assert (fired["qty"], fired["remainingQty"]) == ("0.02", "0.02")
    assert trader.api.delete(f"/order/{order_id}").status == 202
    assert trader.api.delete("/orders").body["marketIds"] == ["BTC-PERP"]


def test_good_till_a_date_goes_out_in_milliseconds(trader: Trader) -> None:
    assert trader.place(expiresAt="2126-01-02T03:04:05.6780000000+01:00").status == 202
    order = Order.objects.get()
    assert order.expires_at == datetime(2126, 1, 2, 2, 4, 5, 678_000, tzinfo=UTC)
    assert command_of_order(order).expires_ms == 4_922_993_045_678


def test_a_client_order_id_names_one_condition(trader: Trader) -> None:
    first = trader.place(**stop("26000"), clientOrderId="x")
    again = trader.place(**stop("26000"), clientOrderId="x")
    assert (again.status, again.body["orderId"]) == (200, first.body["orderId"])
    assert trader.place(**stop("26000.1"), clientOrderId="x").code == "CLIENT_ORDER_ID_REUSED"
    assert trader.place(clientOrderId="x").code == "CLIENT_ORDER_ID_REUSED"
