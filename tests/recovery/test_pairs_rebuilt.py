"""Pairs of which one cancels the other, with a real engine and ledger, and an engine that starts
over from Postgres between any two steps."""

import pytest

from matching.messages.vocabulary import OrderType, Side, TriggerKind
from persistence.recovery.starting_points import make_starting_point
from tests.recovery.exchange import MARK_TICKS, MARKET, Exchange
from trading.models import Order, Position
from trading.orders.request import NewOrder, NewOther, NewTrigger
from trading.services import cancel_order, place_order

BREAKOUT = NewOrder(
    market_id=MARKET,
    side=Side.LONG,
    order_type=OrderType.LIMIT,
    qty="0.03",
    price="24900",
    leverage=10,
    other=NewOther(
        side=Side.LONG,
        order_type=OrderType.LIMIT,
        qty="0.03",
        price="25300",
        leverage=10,
        trigger=NewTrigger(type=TriggerKind.STOP, price="25200"),
    ),
)


class Pair:
    def __init__(self, exchange: Exchange, restarts: bool) -> None:
        exchange.start()
        self.exchange, self.restarts = exchange, restarts
        placed = place_order(exchange.alice.pk, BREAKOUT)
        self.bid, self.stop = placed.order_id, placed.attached["other"]
        self.goes_on()

    def goes_on(self) -> None:
        self.exchange.settle()
        self.exchange.assert_sound()
        if self.restarts:
            make_starting_point(MARKET, "a test of it")
            self.exchange.move_index(MARK_TICKS)
            self.exchange.settle()
            self.exchange.assert_sound()

    @property
    def states(self) -> list[tuple[str, str]]:
        rows = Order.objects.in_bulk([self.bid, self.stop])
        return [(rows[i].status, rows[i].reason) for i in (self.bid, self.stop)]


@pytest.mark.parametrize("restarts", [False, True])
def test_a_fill_cancels_the_other(exchange: Exchange, restarts: bool) -> None:
    pair = Pair(exchange, restarts)
    assert pair.states == [("open", ""), ("waiting", "")]
    exchange.place(exchange.bob, Side.SHORT, 10, 249_000)
    pair.goes_on()
    assert pair.states == [("open", ""), ("cancelled", "OTHER_FILLED")]
    exchange.place(exchange.bob, Side.SHORT, 20, 249_000)
    pair.goes_on()
    assert pair.states == [("filled", ""), ("cancelled", "OTHER_FILLED")]
    assert Position.objects.get(user=exchange.alice).position_lots == 30


@pytest.mark.parametrize("restarts", [False, True])
def test_the_one_that_fires_gives_back_what_the_other_held(
    exchange: Exchange, restarts: bool
) -> None:
    """Though it asks for its own hold: that is taken when the other's is back."""
    pair = Pair(exchange, restarts)
    exchange.place(exchange.bob, Side.SHORT, 30, 252_500)
    exchange.move_index(252_100)
    exchange.settle()
    assert pair.states == [("cancelled", "OTHER_FIRED"), ("filled", "")]
    assert Position.objects.get(user=exchange.alice).position_lots == 30
    assert not Order.objects.filter(user=exchange.alice, held_units__gt=0).exists()
    exchange.assert_sound()


@pytest.mark.parametrize("restarts", [False, True])
def test_who_cancels_one_cancels_both(exchange: Exchange, restarts: bool) -> None:
    pair = Pair(exchange, restarts)
    cancel_order(exchange.alice.pk, pair.stop)
    pair.goes_on()
    assert pair.states == [("cancelled", "OTHER_ENDED"), ("cancelled", "USER")]
    assert not Order.objects.filter(held_units__gt=0).exists()
