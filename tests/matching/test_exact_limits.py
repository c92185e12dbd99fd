"""Every limit of an order from both sides: what reaches it exactly is taken, a unit more is not;
for placing it, for amending it, and for what it waits with."""

from typing import Any

import pytest

from matching.messages.commands import AmendOrder, PlaceOrder
from matching.messages.events import (
    AmendRejected,
    MarginAdjusted,
    OrderAccepted,
    OrderAmended,
    OrderRejected,
)
from matching.messages.limits import MAX_NOTIONAL_UNITS, PPM
from matching.messages.vocabulary import RejectCode, Side
from tests.matching.actors import Exchange, Trader, every, one_tier, only, positioned, stop_at
from tests.matching.extreme_traders import Bounded

PLENTY = 10**7


def amendment(trader: Trader, *, at: int, lots: int) -> str | None:
    """Why an order of 5 at 990 can't become this one; None if it can. It is gone afterwards."""
    order = trader.buys(5, at=990)
    assert order.refused is None
    events = trader.amends(order, at=at, lots=lots, brings=PLENTY).events
    trader.cancels_all()
    return next((str(event.code) for event in every(AmendRejected, events)), None)


def placement(trader: Trader, *, at: int, lots: int) -> str | None:
    order = trader.buys(lots, at=at)
    trader.cancels_all()
    return order.refused


@pytest.mark.parametrize("way", [placement, amendment])
@pytest.mark.parametrize(
    ("rules", "taken", "refused", "code"),
    [
        ({"min_size_lots": 4}, (991, 4), (991, 3), "INVALID_SIZE"),
        ({"max_size_lots": 7}, (991, 7), (991, 8), "INVALID_SIZE"),
        ({"min_notional_units": 3_964_000}, (991, 4), (991, 3), "MIN_NOTIONAL"),
        ({"min_notional_units": 3_964_001}, (992, 4), (991, 4), "MIN_NOTIONAL"),
        ({"price_band_ppm": 50_000}, (1_050, 5), (1_051, 5), "PRICE_OUTSIDE_BAND"),
        ({"max_open_interest_lots": 9}, (991, 9), (991, 10), "MAX_OPEN_INTEREST"),
    ],
)
def test_what_reaches_a_limit_is_taken(
    way: Any, rules: dict[str, Any], taken: tuple[int, int], refused: tuple[int, int], code: str
) -> None:
    (alice,) = Exchange(**rules).traders("alice")
    for (at, lots), expected in ((taken, None), (refused, code)):
        assert way(alice, at=at, lots=lots) == expected


def test_a_price_amended_to_less_is_judged_by_no_limit_but_that_of_sizes() -> None:
    exchange = Exchange()
    (alice,) = exchange.traders("alice")
    order = alice.buys(5, at=990)
    exchange.configures(min_notional_units=10**9, price_band_ppm=1)
    assert alice.amends(order, at=990, lots=4).names == ["OrderAmended"]
    exchange.configures(min_size_lots=3)
    assert alice.amends(order, at=990, lots=2).names == ["AmendRejected"]
    assert alice.amends(order, at=990, lots=3).names == ["OrderAmended"]
    assert exchange.bids == [(990, 3)]


def test_orders_that_reduce_may_be_amended_below_the_smallest_value() -> None:
    exchange = Exchange()
    alice, bob = exchange.traders("alice", "bob")
    positioned(exchange, long=alice, short=bob, lots=10)
    order = alice.sells(10, at=1_005, reduce_only=True)
    exchange.configures(min_notional_units=10**9)
    assert alice.amends(order, at=1_006, lots=10).names[0] == "OrderAmended"
    assert alice.amends(order, at=1_005, lots=4).names[0] == "OrderAmended"
    assert exchange.asks == [(1_005, 4)]


def test_an_amended_order_that_reduces_is_trimmed_to_what_its_position_has() -> None:
    exchange = Exchange()
    alice, bob = exchange.traders("alice", "bob")
    positioned(exchange, long=alice, short=bob, lots=10)
    order = alice.sells(4, at=1_005, reduce_only=True)
    assert alice.amends(order, at=1_006, lots=10).cancels == []
    amended = alice.amends(order, at=1_006, lots=12)
    assert amended.cancels == [(order.order_id, "REDUCE_ONLY", 2, 10)]
    assert exchange.asks == [(1_006, 10)]


def test_a_partly_filled_order_is_amended_to_its_whole_size() -> None:
    """The size counts what is filled: to that, nothing is left; to one more, one is."""
    exchange = Exchange(min_size_lots=3)
    alice, bob = exchange.traders("alice", "bob")
    order = alice.buys(6, at=990)
    bob.sells(4, at=990)
    for lots in (3, 4):
        rejected = only(AmendRejected, alice.amends(order, at=991, lots=lots).events)
        assert rejected.code is RejectCode.INVALID_SIZE
    assert alice.amends(order, at=990, lots=5).names == ["OrderAmended"]
    assert exchange.bids == [(990, 1)]


def test_the_largest_value_of_an_order() -> None:
    """10¹⁶: with 10⁸ units of a tick and a lot, 10⁴ ticks and 10⁴ lots."""
    market = Bounded(units_per_tick_lot=10**8, max_size_lots=10**6)
    market.index(10**4)
    lots = MAX_NOTIONAL_UNITS // 10**8 // 10**4

    def place(more: int) -> PlaceOrder:
        # The side that can only wait: no band keeps it from a price.
        return market.order(1, Side.SHORT, lots, 10**4 + more, hold_units=4 * 10**16)

    def amend(order: PlaceOrder, price: int) -> AmendOrder:
        return AmendOrder(
            command_id=market.id(),
            order_id=order.order_id,
            account_id=1,
            price_ticks=price,
            size_lots=lots,
            hold_units=0,
        )

    beyond = market.says(place(1))
    assert isinstance(beyond, OrderRejected)
    assert beyond.code is RejectCode.INVALID_SIZE
    order = place(-1)
    assert isinstance(market.says(order), OrderAccepted)
    assert isinstance(market.says(amend(order, 10**4)), OrderAmended)
    amended = market.says(amend(order, 10**4 + 1))
    assert isinstance(amended, AmendRejected)
    assert amended.code is RejectCode.INVALID_SIZE
    beyond = market.says(amend(order, 2 * 10**4))
    assert isinstance(beyond, AmendRejected)


def test_the_highest_leverage_and_one_more() -> None:
    (alice,) = Exchange(tiers=one_tier(20)).traders("alice")
    assert alice.buys(1, at=990, leverage=20).refused is None
    assert alice.buys(1, at=990, leverage=21).refused == "INVALID_LEVERAGE"


@pytest.mark.parametrize("lots", [1, 3, 7])
@pytest.mark.parametrize("leverage", [3, 7, 20])
def test_a_hold_is_enough_to_the_unit(lots: int, leverage: int) -> None:
    """Of each lot ⌈k·P/leverage⌉ and ⌈k·P·fee⌉, at a price that divides by neither."""
    exchange = Exchange(taker_fee_ppm=501)
    (alice,) = exchange.traders("alice")
    value = 1_000 * 997
    enough = lots * (-(-value // leverage) - (-value * 501 // PPM))
    assert alice.buys(lots, at=997, leverage=leverage, hold=enough - 1).refused == (
        "INSUFFICIENT_HOLD"
    )
    assert alice.buys(lots, at=997, leverage=leverage, hold=enough).refused is None


def test_an_order_is_gone_at_its_time_and_none_is_placed_for_now() -> None:
    exchange = Exchange()
    (alice,) = exchange.traders("alice")
    assert alice.buys(1, at=990, expires_ms=exchange.now_ms).refused == "INVALID_EXPIRY"
    order = alice.buys(1, at=990, expires_ms=exchange.now_ms + 1)
    assert order.refused is None
    exchange.passes(1)
    exchange.ticks()
    assert exchange.bids == []


def test_orders_that_wait_count_towards_the_most_that_may_be_open() -> None:
    exchange = Exchange(max_open_orders=2)
    (alice,) = exchange.traders("alice")
    assert alice.buys(1, at=990).refused is None
    assert alice.buys(1, trigger=stop_at(1_100)).refused is None
    assert alice.buys(1, at=990).refused == "MAX_OPEN_ORDERS"
    assert alice.buys(1, trigger=stop_at(1_100)).refused == "MAX_OPEN_ORDERS"


def test_all_of_an_adjustments_money_comes_back_from_who_has_no_position() -> None:
    exchange = Exchange()
    alice, bob = exchange.traders("alice", "bob")
    refused = alice.adds_margin(7)
    assert [event.released_units for event in refused.events] == [7]  # type: ignore[union-attr]
    refused = alice.adds_margin(-7)
    assert [event.released_units for event in refused.events] == [0]  # type: ignore[union-attr]
    positioned(exchange, long=alice, short=bob, lots=1)
    assert only(MarginAdjusted, alice.adds_margin(7).events).margin_units == 100_007
