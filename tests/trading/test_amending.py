"""PATCH /order/:id: what goes to the engine, and the further hold that goes with it.

The order is 0.5 at 25,000 with a margin of 2,500: it holds 2,506.25. Holds by hand as in
`test_placing`.
"""

import json
from typing import Any

import pytest
import redis
from msgspec import UNSET

from ledger.models import JournalEntry, Wallet
from matching.messages.commands import AmendConditional, AmendOrder, PlaceOrder
from matching.messages.streams import input_stream
from tests.trading.client import Answer, Trader, make_trader, sent_commands, set_ticker
from trading.commands.outbox import command_of_row
from trading.models import Order, OutboxCommand

pytestmark = pytest.mark.django_db


@pytest.fixture
def order(trader: Trader) -> Order:
    """Open."""
    trader.place()
    Order.objects.update(status="open")
    return Order.objects.get()


def amend(trader: Trader, order: Order, **changes: Any) -> Answer:
    return trader.api.send("PATCH", f"/order/{order.pk}", json.dumps(changes).encode())


@pytest.mark.parametrize(
    ("changes", "price_ticks", "size_lots", "extra_units"),
    [
        # Above the mark: open loss 25, fee 6.2625.
        ({"price": "25050"}, 250_500, 500, 25_000_000 + 12_500),
        ({"price": 24950}, 249_500, 500, 0),
        # 0.1 more at 5.0125 of hold per lot of 0.001.
        ({"qty": "0.6"}, 250_000, 600, 501_250_000),
        ({"qty": "0.4"}, 250_000, 400, 0),
        # 400 × (5 + 0.05 open loss + 0.012525 fee) is less than is held.
        ({"qty": "0.4", "price": "25050"}, 250_500, 400, 0),
    ],
)
def test_a_change_is_promised_with_what_it_needs(
    trader: Trader,
    order: Order,
    changes: dict[str, Any],
    price_ticks: int,
    size_lots: int,
    extra_units: int,
) -> None:
    answer = amend(trader, order, **changes)
    assert answer.status == 202, answer
    row = OutboxCommand.objects.get(command_type="AmendOrder")
    assert command_of_row(row) == AmendOrder(
        command_id=row.pk,
        order_id=order.pk,
        account_id=trader.user.pk,
        price_ticks=price_ticks,
        size_lots=size_lots,
        hold_units=extra_units,
        keeps_price="price" not in changes or UNSET,
        keeps_size="qty" not in changes or UNSET,
    )
    wallet = Wallet.objects.get(user=trader.user)
    assert wallet.held_units == order.held_units + extra_units
    assert wallet.available_units == 10_000_000_000 - wallet.held_units
    entries = JournalEntry.objects.filter(kind="amend_hold", order_id=order.pk)
    assert entries.count() == (1 if extra_units else 0)
    after = Order.objects.get()
    assert (after.held_units, after.price_ticks) == (order.held_units, order.price_ticks)


REFUSED: list[tuple[dict[str, Any], str, str, str]] = [
    ({}, "NOTHING_TO_AMEND", "", "another price, qty or visibleQty"),
    ({"price": "25000", "qty": "0.5"}, "NOTHING_TO_AMEND", "", "another price, qty or visibleQty"),
    ({"price": "25000.05"}, "INVALID_PRICE", "price", "tick 0.1"),
    ({"price": "27500.1"}, "PRICE_OUTSIDE_BAND", "price", "at most 27500"),
    ({"qty": "0.2"}, "INVALID_SIZE", "qty", "above 0.2"),
    ({"qty": "100.001"}, "INVALID_SIZE", "qty", "at most 100"),
    ({"qty": 0}, "INVALID_SIZE", "qty", "above zero"),
    ({"qty": "4"}, "INSUFFICIENT_BALANCE", "", "7493.75 is available"),
    ({"side": "LONG"}, "UNKNOWN_FIELD", "side", "price, qty"),
    ({"price": []}, "INVALID_NUMBER", "price", "number"),
]


@pytest.mark.parametrize(("changes", "code", "field", "words"), REFUSED)
def test_what_is_refused_and_why(
    trader: Trader, order: Order, changes: dict[str, Any], code: str, field: str, words: str
) -> None:
    Order.objects.update(filled_lots=200, size_lots=700)  # 0.2 filled, 0.5 left
    if changes.get("qty") == "0.5":
        changes = changes | {"qty": "0.7"}
    answer = amend(trader, order, **changes)
    assert (answer.status, answer.code, answer.body.get("field", "")) == (400, code, field), answer
    assert words in answer.body["message"]
    assert not OutboxCommand.objects.filter(command_type="AmendOrder").exists()
    assert Wallet.objects.get(user=trader.user).held_units == 2_506_250_000


@pytest.mark.parametrize("status", ["filled", "cancelled"])
def test_only_an_open_or_waiting_order_can_be_amended(
    trader: Trader, order: Order, status: str
) -> None:
    Order.objects.update(status=status, held_units=0)
    answer = amend(trader, order, price="25010")
    assert (answer.status, answer.code) == (409, "NOT_AMENDABLE")
    assert status in answer.body["message"]


@pytest.mark.django_db(transaction=True)
def test_what_is_on_its_way_is_changed_behind_it(trader: Trader, redis_db: redis.Redis) -> None:
    trader.place()
    order = Order.objects.get()
    redis_db.delete(input_stream("BTC-PERP"))  # as if its engine had never been told
    assert amend(trader, order, price="24950").status == 202
    told = sent_commands(redis_db)
    assert [type(command) for command in told] == [PlaceOrder, AmendOrder]
    assert {getattr(command, "order_id", 0) for command in told} == {order.pk}


def test_a_new_short_is_not_thought_to_keep_what_it_held_to_take(
    trader: Trader, redis_db: redis.Redis
) -> None:
    """With a bid at 25,100 it may sell there; once it rests it reserves for its limit alone."""
    set_ticker(redis_db, best_bid_ticks=251_000)
    trader.place(side="SHORT", margin=None, leverage=10)
    order = Order.objects.get()
    set_ticker(redis_db)
    assert amend(trader, order, price="25050").status == 202
    row = OutboxCommand.objects.get(command_type="AmendOrder")
    # 500 × (2.505 + 0.012525) less 500 × (2.5 + 0.0125): what it holds besides goes back.
    assert command_of_row(row) == AmendOrder(
        command_id=row.pk,
        order_id=order.pk,
        account_id=trader.user.pk,
        price_ticks=250_500,
        size_lots=500,
        hold_units=500 * (2_505_000 + 12_525 - 2_500_000 - 12_500),
        keeps_size=True,
    )


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"orderType": "market", "price": None}, "pending"),
        ({"timeInForce": "IOC"}, "pending"),
        ({"price": None, "priceMatch": "QUEUE"}, "name one"),
    ],
)
def test_what_can_t_be_changed_on_its_way(
    trader: Trader, redis_db: redis.Redis, fields: dict[str, Any], words: str
) -> None:
    set_ticker(redis_db, best_bid_ticks=249_990, best_ask_ticks=250_010)
    answer = trader.place(**fields)
    assert answer.status == 202, answer
    refused = amend(trader, Order.objects.get(), qty="0.4")
    assert (refused.status, refused.code) == (409, "NOT_AMENDABLE")
    assert words in refused.body["message"]


CONDITIONAL = "AmendConditional"
STOP = {"type": "STOP", "price": "26000"}
TRAILING = {"type": "TRAILING_STOP", "price": "25500", "callback": "0.02"}
AT_MARKET: dict[str, Any] = {"orderType": "market", "price": None}
CLOSING = AT_MARKET | {"margin": None, "qty": None, "closePosition": True}


def waits(trader: Trader, **fields: Any) -> Order:
    assert trader.place(**fields).status == 202
    Order.objects.update(status="waiting")
    order = Order.objects.first()
    assert order is not None
    return order


PROMISED: list[tuple[dict[str, Any], dict[str, Any], dict[str, int]]] = [
    (
        {"trigger": STOP, "price": "26100"},
        {"trigger": {"price": "26010"}},
        {"trigger_price_ticks": 260_100},
    ),
    (
        {"trigger": STOP, "price": "26100"},
        {"trigger": {"price": 25900}, "price": "26000", "qty": "0.4"},
        {"trigger_price_ticks": 259_000, "price_ticks": 260_000, "size_lots": 400},
    ),
    ({"trigger": STOP, "price": "26100"}, {"price": "26200"}, {"price_ticks": 262_000}),
    # The limit of a market order follows: 25,500 × 1.01.
    (
        {"trigger": STOP, **AT_MARKET},
        {"trigger": {"price": "25500"}},
        {"trigger_price_ticks": 255_000, "price_ticks": 257_550},
    ),
    (
        CLOSING | {"trigger": STOP},
        {"trigger": {"price": "26010"}},
        {"trigger_price_ticks": 260_100},
    ),
    (
        {"trigger": TRAILING, "price": "26100"},
        {"trigger": {"callback": "0.01"}},
        {"callback_ppm": 10_000},
    ),
    (
        {"trigger": TRAILING, "price": "26100"},
        {"trigger": {"price": "25400", "callback": "0.01"}},
        {"trigger_price_ticks": 254_000, "callback_ppm": 10_000},
    ),
]


def test_of_one_that_waits_what_changes_is_promised(trader: Trader) -> None:
    for fields, changes, sent in PROMISED:
        order = waits(trader, **fields)
        answer = amend(trader, order, **changes)
        assert (answer.status, answer.body["status"]) == (202, "waiting"), answer
        row = OutboxCommand.objects.get(command_type=CONDITIONAL, payload__order_id=order.pk)
        assert command_of_row(row) == AmendConditional(
            command_id=row.pk, order_id=order.pk, account_id=trader.user.pk, **sent
        )
    assert Wallet.objects.get(user=trader.user).held_units == 0


NOT_OF_ONE_THAT_WAITS: list[tuple[dict[str, Any], dict[str, Any], str, str, str]] = [
    ({"trigger": STOP}, {}, "NOTHING_TO_AMEND", "", "price, qty or trigger"),
    ({"trigger": STOP}, {"trigger": {}}, "NOTHING_TO_AMEND", "", "price, qty or trigger"),
    (
        {"trigger": STOP},
        {"trigger": {"price": "26000"}},
        "NOTHING_TO_AMEND",
        "",
        "price, qty or trigger",
    ),
    (
        {"trigger": STOP},
        {"trigger": {"price": "25000"}},
        "TRIGGER_ALREADY_TRUE",
        "trigger.price",
        "above 25000",
    ),
    (
        {"trigger": STOP},
        {"trigger": {"price": "25500.05"}},
        "INVALID_PRICE",
        "trigger.price",
        "0.1",
    ),
    ({"trigger": STOP}, {"trigger": {"price": []}}, "INVALID_NUMBER", "trigger.price", "number"),
    ({"trigger": STOP}, {"trigger": {"price": 0}}, "INVALID_PRICE", "trigger.price", "above zero"),
    (
        {"trigger": STOP},
        {"trigger": {"callback": "0.1"}},
        "INVALID_TRIGGER",
        "trigger.callback",
        "leave it out",
    ),
    (
        {"trigger": TRAILING},
        {"trigger": {"callback": "1"}},
        "INVALID_TRIGGER",
        "trigger.callback",
        "at most",
    ),
    ({"trigger": STOP}, {"trigger": {"by": "LAST"}}, "UNKNOWN_FIELD", "trigger.by", "callback"),
    ({"trigger": STOP}, {"trigger": "26000"}, "INVALID_FIELD", "trigger", "object"),
    # Its limit would be outside the band when it fires: 26,000 × 1.1.
    ({"trigger": STOP}, {"price": "28600.1"}, "PRICE_OUTSIDE_BAND", "price", "at most 28600"),
    ({"trigger": STOP}, {"qty": "0"}, "INVALID_SIZE", "qty", "above zero"),
    ({"trigger": STOP} | AT_MARKET, {"price": "26000"}, "INVALID_PRICE", "price", "trigger.price"),
    ({"trigger": STOP} | CLOSING, {"qty": "1"}, "INVALID_SIZE", "qty", "A closePosition order"),
]


def test_what_is_refused_of_one_that_waits(trader: Trader) -> None:
    for fields, changes, code, field, words in NOT_OF_ONE_THAT_WAITS:
        answer = amend(trader, waits(trader, **fields), **changes)
        told = (answer.status, answer.code, answer.body.get("field", ""))
        assert told == (400, code, field), answer
        assert words in answer.body["message"]
    assert not OutboxCommand.objects.filter(command_type=CONDITIONAL).exists()


def test_what_has_fired_has_no_condition(trader: Trader, order: Order) -> None:
    answer = amend(trader, order, trigger={"price": "26000"})
    assert (answer.status, answer.code, answer.body["field"]) == (409, "NOT_AMENDABLE", "trigger")
    assert "has no trigger" in answer.body["message"]
    Order.objects.update(trigger_kind="STOP", trigger_by="MARK", triggered_at=order.created_at)
    assert "has fired" in amend(trader, order, trigger={"price": "26000"}).body["message"]
    Order.objects.update(status="waiting", held_units=0)
    answer = amend(trader, order, price="26000")
    assert (answer.status, answer.code) == (409, "NOT_AMENDABLE")
    assert "waits for its hold" in answer.body["message"]


def test_a_condition_is_changed_by_client_order_id_and_in_batches(trader: Trader) -> None:
    waits(trader, trigger=STOP, clientOrderId="mine")
    by_id = trader.api.send(
        "PATCH", "/order?clientOrderId=mine", json.dumps({"trigger": {"price": "26010"}}).encode()
    )
    assert by_id.status == 202
    body = {"orders": [{"clientOrderId": "mine", "trigger": {"price": 26020}}]}
    answer = trader.api.send("PATCH", "/orders/batch", json.dumps(body).encode())
    assert answer.body["results"][0]["ok"] is True, answer
    rows = OutboxCommand.objects.filter(command_type=CONDITIONAL)
    sent = [command_of_row(row) for row in rows.order_by("pk")]
    assert [getattr(one, "trigger_price_ticks", 0) for one in sent] == [260_100, 260_200]


def test_an_order_of_another_is_not_amended(trader: Trader, order: Order) -> None:
    answer = amend(make_trader(), order, price="25010")
    assert (answer.status, answer.code) == (404, "ORDER_NOT_FOUND")


def test_a_repeat_of_an_order_that_was_amended_is_answered_with_it(trader: Trader) -> None:
    first = trader.place(clientOrderId="once")
    Order.objects.update(status="open")
    amend(trader, Order.objects.get(), price="24950", qty="0.4")
    # As the ledger records it, the margin staying the same per lot.
    Order.objects.update(price_ticks=249_500, size_lots=400, margin_units=2_000_000_000)
    again = trader.place(clientOrderId="once")
    assert (again.status, again.body["orderId"]) == (200, first.body["orderId"])
    other = trader.place(clientOrderId="once", side="SHORT")
    assert (other.status, other.code) == (409, "CLIENT_ORDER_ID_REUSED")
