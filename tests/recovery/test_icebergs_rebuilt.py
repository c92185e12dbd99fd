"""An iceberg with a real engine and ledger, and an engine that starts over from Postgres between
any two steps: it shows what it showed, and queues where it queued."""

import pytest
from msgspec.structs import replace

from matching.messages.vocabulary import OrderType, Side
from persistence.recovery.starting_points import make_starting_point
from tests.recovery.exchange import MARK_TICKS, MARKET, Exchange
from trading.models import Order, Position
from trading.orders.request import NewOrder
from trading.services import place_order

ICE = NewOrder(
    market_id=MARKET,
    side=Side.LONG,
    order_type=OrderType.LIMIT,
    qty="0.03",
    price="25000",
    visible_qty="0.007",
    leverage=10,
)


@pytest.mark.parametrize("restarts", [False, True])
def test_it_shows_and_queues_as_before(exchange: Exchange, restarts: bool) -> None:
    exchange.start()
    ice = place_order(exchange.alice.pk, ICE).order_id

    carol = exchange._trader("carol")

    def filled_after(lots: int) -> list[int]:
        """How much of each order is filled when Carol has sold so much more."""
        if lots:
            exchange.place(carol, Side.SHORT, lots)
        exchange.settle()
        exchange.assert_sound()  # engine and rows also agree on the queue, and on what it shows
        if restarts:
            make_starting_point(MARKET, "a test of it")
            exchange.move_index(MARK_TICKS)
            exchange.settle()
            exchange.assert_sound()
        rows = Order.objects.in_bulk([ice, plain])
        return [rows[ice].filled_lots, rows[plain].filled_lots]

    plain = exchange.place(exchange.bob, Side.LONG, 5)
    assert filled_after(0) == [0, 0]
    assert filled_after(3) == [3, 0]
    assert filled_after(6) == [7, 2]  # its first part, and Bob was next
    assert filled_after(3) == [7, 5]
    later = exchange.place(exchange.bob, Side.LONG, 4)
    assert filled_after(8) == [14, 5]
    assert Order.objects.get(pk=later).filled_lots == 1
    row = Order.objects.get(pk=ice)
    assert (row.status, row.visible_lots, row.remaining_lots) == ("open", 7, 16)
    assert filled_after(19) == [30, 5]
    assert Position.objects.get(user=exchange.alice).position_lots == 30


def test_one_that_shows_a_lot_at_a_time(exchange: Exchange) -> None:
    exchange.start()
    ice = replace(ICE, visible_qty="0.001")
    order_id = place_order(exchange.alice.pk, ice).order_id
    exchange.settle()
    make_starting_point(MARKET, "a test of it")
    exchange.move_index(MARK_TICKS)
    plain = exchange.place(exchange.bob, Side.LONG, 1)
    exchange.place(exchange._trader("carol"), Side.SHORT, 2)
    exchange.settle()
    exchange.assert_sound()
    rows = Order.objects.in_bulk([order_id, plain])
    assert [row.filled_lots for row in rows.values()] == [1, 1]
