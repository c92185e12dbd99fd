"""Orders that take their price from the book: what is held and sent for them, and what is refused.

The market is marked at 25,000; market orders fill at most 1 % from there.
"""

from typing import Any

import pytest
import redis

from matching.messages.commands import PlaceOrder
from matching.messages.vocabulary import PriceMatch
from tests.trading.client import Trader, order_body, sent_commands
from trading.commands.order_command import command_of_order
from trading.models import Order

MATCHED: dict[str, Any] = {"price": None, "priceMatch": "QUEUE", "margin": None, "leverage": 10}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("side", "worst_ticks"), [("LONG", 252_500), ("SHORT", 247_500)])
def test_it_holds_what_a_market_order_would(
    trader: Trader, redis_db: redis.Redis, side: str, worst_ticks: int
) -> None:
    placed = trader.place(**MATCHED, side=side)
    assert placed.status == 202, placed
    order = Order.objects.get(pk=placed.body["orderId"])
    assert (order.price_ticks, order.price_match) == (worst_ticks, "QUEUE")
    market_order = trader.place(**MATCHED | {"priceMatch": None}, side=side, orderType="market")
    same = Order.objects.get(pk=market_order.body["orderId"])
    assert (same.price_ticks, same.hold_units) == (worst_ticks, order.hold_units)
    sent = sent_commands(redis_db)[0]
    assert isinstance(sent, PlaceOrder)
    assert (sent.price_match, sent.price_ticks) == (PriceMatch.QUEUE, worst_ticks)
    assert command_of_order(order) == sent  # what is sent again is the same
    shown = trader.api.get(f"/order/{order.pk}").body
    assert (shown["price"], shown["priceMatch"], shown["maxSlippage"]) == (None, "QUEUE", "0.01")


@pytest.mark.django_db(transaction=True)
def test_a_slippage_of_its_own_is_its_worst_price(trader: Trader) -> None:
    placed = trader.place(**MATCHED, maxSlippage="0.001", clientOrderId="one")
    order = Order.objects.get(pk=placed.body["orderId"])
    assert (order.price_ticks, order.max_slippage_ppm) == (250_250, 1_000)
    other = trader.place(
        **MATCHED | {"priceMatch": "OPPONENT"}, maxSlippage="0.001", clientOrderId="one"
    )
    assert (other.status, other.code) == (409, "CLIENT_ORDER_ID_REUSED")
    assert "price_match" in other.body["message"] or "priceMatch" in other.body["message"]


STOP = {"type": "STOP", "price": "26000"}
REFUSED: list[tuple[dict[str, Any], str, str, str]] = [
    ({"price": "25000"}, "INVALID_PRICE", "price", "not both"),
    ({"orderType": "market"}, "INVALID_FIELD", "priceMatch", "limit order"),
    ({"trigger": STOP}, "INVALID_FIELD", "priceMatch", "conditional"),
    ({"priceMatch": "QUEUE_10"}, "INVALID_FIELD", "priceMatch", "QUEUE_5"),
    ({"priceMatch": 5}, "INVALID_FIELD", "priceMatch", "text"),
    ({"priceMatch": None}, "MISSING_FIELD", "price", "price"),
    ({"maxSlippage": "0.5"}, "INVALID_SLIPPAGE", "maxSlippage", "at most"),
]


@pytest.mark.django_db
def test_what_is_refused_and_why(trader: Trader) -> None:
    for fields, code, field, words in REFUSED:
        answer = trader.place(**MATCHED | fields)
        told = (answer.status, answer.code, answer.body.get("field", ""))
        assert told == (400, code, field), (fields, answer)
        assert words in answer.body["message"], answer
        assert trader.api.post("/order/preview", order_body(**MATCHED | fields)).code == code
    assert not Order.objects.exists()
