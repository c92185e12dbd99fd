"""Orders of which the book shows a part: what is kept and sent, what is refused, what is amended.

The market's lot is 0.001, its smallest order two of them.
"""

import json
from typing import Any

import pytest
import redis
from msgspec import UNSET

from matching.messages.commands import AmendOrder, PlaceOrder
from matching.messages.vocabulary import OrderStatus
from tests.trading.client import Answer, Trader, order_body, sent_commands, set_ticker
from trading.commands.order_command import command_of_order
from trading.commands.outbox import command_of_row
from trading.models import Order, OutboxCommand


@pytest.mark.django_db(transaction=True)
def test_what_is_shown_goes_out_with_it(trader: Trader, redis_db: redis.Redis) -> None:
    placed = trader.place(visibleQty="0.05", clientOrderId="ice")
    order = Order.objects.get(pk=placed.body["orderId"])
    (sent,) = sent_commands(redis_db)
    assert isinstance(sent, PlaceOrder)
    assert (order.visible_lots, sent.visible_lots) == (50, 50)
    assert command_of_order(order) == sent
    # All of it is held, whatever is shown.
    whole = Order.objects.get(pk=trader.place().body["orderId"])
    assert order.hold_units == whole.hold_units
    assert trader.api.get(f"/order/{order.pk}").body["visibleQty"] == "0.05"
    assert trader.api.get(f"/order/{whole.pk}").body["visibleQty"] is None
    assert trader.place(visibleQty="0.05", clientOrderId="ice").status == 200
    assert trader.place(visibleQty="0.06", clientOrderId="ice").status == 409


STOP = {"type": "STOP", "price": "26000"}
MARKET = {"orderType": "market", "price": None}
REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"visibleQty": "0.501"}, "INVALID_SIZE", "from 0.005 to qty"),
    ({"visibleQty": "0.004"}, "INVALID_SIZE", "from 0.005 to qty"),
    ({"visibleQty": "0.001", "qty": "0.01", "margin": "50"}, "INVALID_SIZE", "from 0.002"),
    ({"visibleQty": "0.0005"}, "INVALID_SIZE", "lot"),
    ({"visibleQty": "0"}, "INVALID_SIZE", "above zero"),
    ({"visibleQty": "x"}, "INVALID_NUMBER", "number"),
    ({"visibleQty": []}, "INVALID_NUMBER", "number"),
    ({"visibleQty": "0.05", "timeInForce": "IOC"}, "INVALID_TIME_IN_FORCE", "GTC"),
    ({"visibleQty": "0.05", "postOnly": True}, "INVALID_TIME_IN_FORCE", "GTC"),
    ({"visibleQty": "0.05", **MARKET}, "INVALID_TIME_IN_FORCE", "GTC"),
    ({"visibleQty": "0.05", "trigger": STOP, "price": "26100"}, "INVALID_FIELD", "conditional"),
]


@pytest.mark.django_db
def test_what_is_refused_and_why(trader: Trader) -> None:
    for fields, code, words in REFUSED:
        answer = trader.place(**fields)
        told = (answer.status, answer.code, answer.body.get("field", ""))
        assert told == (400, code, "visibleQty"), (fields, answer)
        assert words.lower() in answer.body["message"].lower(), answer
        assert trader.api.post("/order/preview", order_body(**fields)).code == code
    assert not Order.objects.exists()


@pytest.mark.django_db
def test_it_grows_to_a_hundred_parts(trader: Trader) -> None:
    order_id = trader.place(qty="0.2", margin="1000", visibleQty="0.002").body["orderId"]
    Order.objects.filter(pk=order_id).update(status=OrderStatus.OPEN)
    answer = trader.api.send("PATCH", f"/order/{order_id}", b'{"qty": "0.201"}')
    assert (answer.status, answer.code) == (400, "INVALID_SIZE")
    assert "at most 0.2" in answer.body["message"]
    assert trader.api.send("PATCH", f"/order/{order_id}", b'{"qty": "0.19"}').status == 202


def amend(trader: Trader, order_id: int, **changes: Any) -> Answer:
    return trader.api.send("PATCH", f"/order/{order_id}", json.dumps(changes).encode())


def amendment() -> AmendOrder:
    row = OutboxCommand.objects.first()
    assert row is not None
    command = command_of_row(row)
    assert isinstance(command, AmendOrder)
    return command


@pytest.mark.django_db
def test_what_it_shows_is_amended_with_the_hold_of_a_new_arrival(
    trader: Trader, redis_db: redis.Redis
) -> None:
    """0.5 at 25,000 with a margin of 2,500; 0.1 of it is filled, and it shows 0.2."""
    order_id = trader.place(visibleQty="0.2").body["orderId"]
    Order.objects.update(status=OrderStatus.OPEN, filled_lots=100, held_units=400 * 5_012_500)
    set_ticker(redis_db, mark_price_ticks=249_000)  # a new bid there would lose 0.1 a lot
    assert amend(trader, order_id, visibleQty="0.15").status == 202
    less = amendment()
    assert (less.visible_lots, less.hold_units) == (150, 0)  # in its place
    assert (less.keeps_price, less.keeps_size) == (True, True)
    assert (less.price_ticks, less.size_lots) == (250_000, 500)
    assert amend(trader, order_id, visibleQty="0.25").status == 202
    more = amendment()
    assert (more.visible_lots, more.hold_units) == (250, 400 * 100_000)
    assert amend(trader, order_id, price="24990").status == 202
    assert amendment().visible_lots is UNSET


@pytest.mark.django_db
def test_what_it_may_not_show_from_now_on(trader: Trader) -> None:
    order_id = trader.place(visibleQty="0.05").body["orderId"]
    Order.objects.update(status=OrderStatus.OPEN)
    for changes, code, words in (
        ({"visibleQty": "0.05"}, "NOTHING_TO_AMEND", "visibleQty"),
        ({"visibleQty": "0.501"}, "INVALID_SIZE", "from 0.005 to qty"),
        ({"visibleQty": "0.05", "qty": "0.04"}, "INVALID_SIZE", "to qty"),
        ({"visibleQty": "0.004"}, "INVALID_SIZE", "from 0.005 to qty"),
        ({"visibleQty": "0.0505"}, "INVALID_SIZE", "lot"),
        ({"visibleQty": []}, "INVALID_NUMBER", "number"),
    ):
        answer = amend(trader, order_id, **changes)
        assert (answer.status, answer.code) == (400, code), answer
        assert words in answer.body["message"]
    Order.objects.update(time_in_force="GTX")
    assert amend(trader, order_id, visibleQty="0.06").code == "INVALID_TIME_IN_FORCE"
    waits = trader.place(trigger=STOP, price="26100").body["orderId"]
    answer = amend(trader, waits, visibleQty="0.06")
    assert (answer.code, answer.body["field"]) == ("INVALID_FIELD", "visibleQty")
    assert not OutboxCommand.objects.filter(command_type__startswith="Amend").exists()
