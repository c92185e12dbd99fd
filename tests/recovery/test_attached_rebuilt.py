"""Attached orders with a real engine and ledger, and an engine that starts over from Postgres at
each of their stages."""

import pytest

from matching.messages.vocabulary import OrderType, Side
from persistence.recovery.starting_points import make_starting_point
from tests.recovery.exchange import MARK_TICKS, MARKET, Exchange
from trading.models import Order, Position
from trading.orders.request import NewAttached, NewOrder
from trading.services import cancel_order, place_order

ENTRY = NewOrder(
    market_id=MARKET,
    side=Side.LONG,
    order_type=OrderType.LIMIT,
    qty="0.03",
    price="25000",
    leverage=10,
    take_profit=NewAttached(price="25500"),
    stop_loss=NewAttached(price="24500", limit_price="24400"),
)


class Bracket:
    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        placed = place_order(exchange.alice.pk, ENTRY)
        self.ids = [placed.order_id, placed.attached["take_profit"], placed.attached["stop_loss"]]
        exchange.settle()

    def starts_over(self) -> None:
        self.exchange.settle()
        self.exchange.assert_sound()
        make_starting_point(MARKET, "a test of it")
        self.exchange.move_index(MARK_TICKS)
        self.exchange.settle()
        self.exchange.assert_sound()

    @property
    def states(self) -> list[tuple[str, int, str]]:
        rows = Order.objects.in_bulk(self.ids)
        return [(rows[i].status, rows[i].size_lots, rows[i].reason) for i in self.ids]


@pytest.mark.parametrize("restarts", [False, True])
def test_from_sleep_to_the_one_that_fires(exchange: Exchange, restarts: bool) -> None:
    exchange.start()
    bracket = Bracket(exchange)
    assert bracket.states == [("open", 30, ""), ("asleep", 30, ""), ("asleep", 30, "")]
    if restarts:
        bracket.starts_over()
    exchange.place(exchange.bob, Side.SHORT, 10)
    exchange.settle()
    assert bracket.states == [("open", 30, ""), ("waiting", 10, ""), ("waiting", 10, "")]
    if restarts:
        bracket.starts_over()
    # She closes it by hand, and they sleep until the entry fills again.
    exchange.place(exchange.bob, Side.LONG, 10, 250_010)
    exchange.place(exchange.alice, Side.SHORT, 10, 250_010)
    exchange.settle()
    assert [status for status, *_ in bracket.states] == ["open", "asleep", "asleep"]
    if restarts:
        bracket.starts_over()
    exchange.place(exchange.bob, Side.SHORT, 5)
    exchange.settle()
    assert bracket.states[1:] == [("waiting", 5, ""), ("waiting", 5, "")]
    exchange.place(exchange.bob, Side.LONG, 5, 254_000)
    exchange.move_index(255_500)
    exchange.settle()
    entry, profit, loss = bracket.states
    assert (entry[0], entry[2]) == ("cancelled", "OTHER_FIRED")
    assert profit == ("filled", 5, "")
    assert loss == ("cancelled", 5, "OTHER_FIRED")
    assert Position.objects.get(user=exchange.alice).position_lots == 0
    exchange.assert_sound()


@pytest.mark.parametrize("restarts", [False, True])
def test_an_unfilled_entry_takes_both_along(exchange: Exchange, restarts: bool) -> None:
    exchange.start()
    bracket = Bracket(exchange)
    if restarts:
        bracket.starts_over()
    cancel_order(exchange.alice.pk, bracket.ids[0])
    exchange.settle()
    assert bracket.states == [
        ("cancelled", 30, "USER"),
        ("cancelled", 30, "PARENT_ENDED"),
        ("cancelled", 30, "PARENT_ENDED"),
    ]
    exchange.assert_sound()
