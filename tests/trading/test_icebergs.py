"""Orders of which the book shows a part: what is kept and sent, what is refused, what is amended.

The market's lot is 0.001, its smallest order two of them.
"""

from typing import Any

import pytest
import redis

from matching.messages.commands import PlaceOrder
from matching.messages.vocabulary import OrderStatus
from tests.trading.client import Trader, order_body, sent_commands
from trading.commands.order_command import command_of_order
from trading.models import Order


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
