"""Amendments of one order that are on their way at once: each changes what it names, and brings
what the order will need that the ones before it leave.

The order is 0.5 at 25,000 with a margin of 2,500, 5 a lot: it holds 2,506.25.
"""

from typing import Any

import pytest

from matching.messages.commands import AmendConditional, AmendOrder
from tests.trading.client import Trader, make_trader
from tests.trading.test_amending import amend, order
from trading.commands.outbox import command_of_row
from trading.models import Order, OutboxCommand

__all__ = ["order"]
pytestmark = pytest.mark.django_db


def last(kind: type) -> Any:
    row = OutboxCommand.objects.first()
    assert row is not None
    command = command_of_row(row)
    assert type(command) is kind
    return command


def test_the_second_brings_what_the_first_one_s_price_asks_for(
    trader: Trader, order: Order
) -> None:
    """A bid above the mark of 25,000 reserves the loss of 5 at once, and the fee at its price."""
    per_lot = 5_000_000 + 50_000 + 12_525
    assert amend(trader, order, price="25050").status == 202
    assert last(AmendOrder).hold_units == 500 * 62_525 - 500 * 12_500
    assert amend(trader, order, qty="0.6").status == 202
    second = last(AmendOrder)
    assert (second.price_ticks, second.size_lots) == (250_500, 600)
    assert (second.keeps_price, second.hold_units) == (True, 100 * per_lot)
    # Nothing on its way any more: the row counts, and what it says of the price.
    OutboxCommand.objects.update(applied_seq=1)
    assert amend(trader, order, qty="0.6").status == 202
    assert last(AmendOrder).hold_units == 100 * 5_012_500


def test_of_a_smaller_order_no_more_is_counted_on_than_it_will_hold(
    trader: Trader, order: Order
) -> None:
    assert amend(trader, order, qty="0.1").status == 202
    assert last(AmendOrder).hold_units == 0
    assert amend(trader, order, qty="0.2").status == 202
    assert last(AmendOrder).hold_units == 100 * 5_012_500
    assert amend(trader, order, qty="0.2").code == "NOTHING_TO_AMEND"


def test_what_was_filled_meanwhile_is_not_amended_away(trader: Trader, order: Order) -> None:
    """The first will be refused, and is nothing to go by."""
    assert amend(trader, order, qty="0.1", price="24900").status == 202
    Order.objects.update(filled_lots=200, held_units=300 * 5_012_500)
    assert amend(trader, order, qty="0.5").code == "NOTHING_TO_AMEND"
    assert amend(trader, order, qty="0.6").status == 202
    assert last(AmendOrder).price_ticks == 250_000


def test_only_amendments_of_the_order_count(trader: Trader, order: Order) -> None:
    assert amend(trader, order, price="24900").status == 202
    trader.place(clientOrderId="other")
    Order.objects.update(status="open")
    other = Order.objects.get(client_order_id="other")
    assert amend(trader, other, qty="0.4").status == 202
    assert last(AmendOrder).price_ticks == 250_000
    assert amend(make_trader(), order, qty="0.4").status == 404


def test_a_condition_may_be_changed_back_at_once(trader: Trader) -> None:
    trader.place(trigger={"type": "STOP", "price": "26000"}, price="26100")
    Order.objects.update(status="waiting")
    order = Order.objects.get()
    assert amend(trader, order, trigger={"price": "26010"}).status == 202
    assert amend(trader, order, price="26200").status == 202
    second = last(AmendConditional)
    assert (second.trigger_price_ticks, second.price_ticks) == (0, 262_000)
    assert amend(trader, order, trigger={"price": "26000"}).status == 202
    assert last(AmendConditional).trigger_price_ticks == 260_000
    assert amend(trader, order, trigger={"price": "26000"}).code == "NOTHING_TO_AMEND"


def test_a_price_that_is_on_its_way_is_a_price(trader: Trader) -> None:
    """What takes its price from the book has none yet to be amended by, until it is named one."""
    trader.place(price=None, priceMatch="QUEUE")
    order = Order.objects.get()
    assert amend(trader, order, qty="0.4").code == "NOT_AMENDABLE"
    assert amend(trader, order, price="24900").status == 202
    assert amend(trader, order, qty="0.4").status == 202
    assert last(AmendOrder).price_ticks == 249_000
