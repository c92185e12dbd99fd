"""Conditional orders whose condition, limit or size is changed while they wait: in one step, with
the position protected at every moment.

The mark is 1,000; a long of Alice's, its stop at 980.
"""

import pytest

from matching.messages.conditional_events import ConditionalAmended
from matching.messages.events import AmendRejected, OrderTriggered, Trade
from matching.messages.vocabulary import MarketState, OrderType, TriggerBy
from tests.matching.actors import (
    Exchange,
    Placed,
    Trader,
    every,
    only,
    positioned,
    stop_at,
    take_profit_at,
    trailing_stop_at,
)


def protected() -> tuple[Exchange, Trader, Trader]:
    """Alice is long 4 lots; Carol bids for them at any price of these tests."""
    exchange = Exchange()
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    positioned(exchange, long=alice, short=bob, lots=4)
    carol.buys(9, at=950)
    return exchange, alice, bob


def refused(placed: Placed) -> str:
    (event,) = placed.events
    assert isinstance(event, AmendRejected)
    assert event.released_units == 0
    return event.code


def fired(exchange: Exchange, price: int) -> list[int]:
    return [event.order_id for event in every(OrderTriggered, exchange.mark(price))]


def test_a_stop_is_moved_in_one_step() -> None:
    exchange, alice, _ = protected()
    stop = alice.sells(4, trigger=stop_at(980), reduce_only=True)
    told = only(ConditionalAmended, alice.moves(stop, trigger=990).events)
    assert (told.trigger_price_ticks, told.callback_ppm, told.size_lots) == (990, 0, 4)
    assert told.order_type is OrderType.MARKET
    assert not told.of_whole_position
    assert fired(exchange, 991) == []
    events = exchange.mark(990)
    assert only(OrderTriggered, events).order_id == stop.order_id
    assert only(Trade, events).size_lots == 4


@pytest.mark.parametrize(
    ("trigger", "by", "to"),
    [
        (stop_at, TriggerBy.MARK, 1_000),
        (stop_at, TriggerBy.MARK, 1_200),
        (stop_at, TriggerBy.LAST, 1_000),
        (take_profit_at, TriggerBy.MARK, 1_000),
        (take_profit_at, TriggerBy.MARK, 900),
        (take_profit_at, TriggerBy.LAST, 999),
    ],
)
def test_a_price_that_would_fire_now_is_refused_and_the_old_one_stays(trigger, by, to) -> None:
    exchange, alice, _ = protected()
    start = 980 if trigger is stop_at else 1_020
    order = alice.sells(4, at=900, trigger=trigger(start, by), reduce_only=True)
    assert refused(alice.moves(order, trigger=to)) == "TRIGGER_ALREADY_TRUE"
    if by is TriggerBy.MARK:
        assert fired(exchange, start) == [order.order_id]


def test_limit_and_size_are_changed_with_it() -> None:
    exchange, alice, _ = protected()
    entry = alice.buys(4, at=1_030, margin=400_000, trigger=stop_at(1_020))
    told = only(ConditionalAmended, alice.moves(entry, trigger=1_010, at=1_015, lots=6).events)
    assert (told.price_ticks, told.size_lots, told.order_type) == (1_015, 6, OrderType.LIMIT)
    exchange.restarts()
    assert fired(exchange, 1_010) == [entry.order_id]
    placed = alice.activates(entry, hold=6 * 200_000)
    assert placed.rested is not None
    assert (placed.rested.price_ticks, placed.rested.remaining_lots) == (1_015, 6)
    # The margin that was named stays the same per lot.
    assert exchange.engine.state.book.orders[entry.order_id].named_margin_per_lot_units == 100_000


def test_a_margin_that_does_not_divide_stays_what_was_named() -> None:
    exchange, alice, _ = protected()
    entry = alice.buys(3, at=1_030, margin=400_001, trigger=stop_at(1_020))
    assert refused(alice.moves(entry, lots=3)) == "NOTHING_TO_AMEND"
    alice.moves(entry, trigger=1_010)

    def margin_units() -> int:
        waiting = exchange.engine.state.triggers.find(entry.order_id)
        assert waiting is not None
        return waiting.command.margin_units

    assert margin_units() == 400_001
    alice.moves(entry, lots=6)
    assert margin_units() == 6 * 133_333


def test_what_is_not_asked_stays() -> None:
    """Two changes on their way at once don't undo each other."""
    _, alice, _ = protected()
    order = alice.sells(4, at=940, trigger=trailing_stop_at(1_010, callback_ppm=20_000))
    alice.moves(order, callback_ppm=30_000)
    told = only(ConditionalAmended, alice.moves(order, trigger=1_020).events)
    assert (told.callback_ppm, told.trigger_price_ticks, told.price_ticks) == (30_000, 1_020, 940)


def test_a_trailing_stop_keeps_the_best_price_it_has_seen() -> None:
    exchange, alice, _ = protected()
    order = alice.sells(4, trigger=trailing_stop_at(callback_ppm=50_000), reduce_only=True)
    exchange.mark(1_040)
    assert fired(exchange, 1_020) == []
    exchange.restarts()
    # Back by 20 of 1,040: 1.92 %.
    assert refused(alice.moves(order, callback_ppm=19_230)) == "TRIGGER_ALREADY_TRUE"
    assert len(every(ConditionalAmended, alice.moves(order, callback_ppm=19_231).events)) == 1
    assert fired(exchange, 1_021) == []
    assert fired(exchange, 1_019) == [order.order_id]


def test_what_activates_a_trailing_stop_changes_only_before_it_does() -> None:
    exchange, alice, _ = protected()
    order = alice.sells(4, trigger=trailing_stop_at(1_020, callback_ppm=10_000), reduce_only=True)
    assert alice.moves(order, trigger=1_010).names == ["ConditionalAmended"]
    exchange.mark(1_010)
    exchange.mark(1_005)
    assert refused(alice.moves(order, trigger=1_030)) == "ALREADY_ACTIVE"
    at_once = alice.sells(4, trigger=trailing_stop_at(callback_ppm=10_000), reduce_only=True)
    assert refused(alice.moves(at_once, trigger=1_030)) == "ALREADY_ACTIVE"
    assert fired(exchange, 999) == [order.order_id]


def test_an_activation_price_that_is_reached_activates_at_once() -> None:
    exchange, alice, _ = protected()
    order = alice.sells(4, trigger=trailing_stop_at(1_020, callback_ppm=10_000), reduce_only=True)
    alice.moves(order, trigger=999)
    assert fired(exchange, 990) == [order.order_id]


def test_who_may_and_what_may_be_changed() -> None:
    exchange, alice, bob = protected()
    stop = alice.sells(4, trigger=stop_at(980), reduce_only=True)
    assert refused(bob.moves(stop, trigger=970)) == "NOT_ORDER_OWNER"
    assert refused(alice.moves(Placed(77, ()), trigger=970)) == "UNKNOWN_ORDER"
    assert refused(alice.moves(stop, trigger=980)) == "NOTHING_TO_AMEND"
    assert refused(alice.moves(stop)) == "NOTHING_TO_AMEND"
    assert refused(alice.moves(stop, trigger=970, callback_ppm=5)) == "INVALID_TRIGGER"
    assert refused(alice.moves(stop, lots=1_001)) == "INVALID_SIZE"
    whole = alice.sells(1, trigger=stop_at(970), reduce_only=True, close_position=True)
    assert refused(alice.moves(whole, lots=2)) == "INVALID_SIZE"
    assert only(ConditionalAmended, alice.moves(whole, trigger=971).events).of_whole_position
    entry = alice.buys(1, at=1_020, trigger=stop_at(1_010))
    exchange.mark(1_010)
    assert refused(alice.moves(entry, trigger=1_030)) == "ALREADY_TRIGGERED"
    alice.activates(entry, hold=3_000_000)
    assert refused(alice.moves(entry, trigger=1_030)) == "ALREADY_TRIGGERED"
    assert refused(bob.moves(entry, trigger=1_030)) == "NOT_ORDER_OWNER"
    exchange.enter(MarketState.HALTED)
    assert refused(alice.moves(stop, trigger=981)) == "MARKET_STATE"
    exchange.enter(MarketState.CANCEL_ONLY)
    assert alice.moves(stop, trigger=981).names == ["ConditionalAmended"]


def test_a_change_is_a_new_arrival() -> None:
    """Of those that fire together, those that named their price first go first."""
    exchange, alice, bob = protected()
    early = alice.sells(1, trigger=stop_at(980), reduce_only=True)
    late = alice.sells(1, trigger=stop_at(980), reduce_only=True)
    alice.moves(early, trigger=981)
    alice.moves(early, trigger=980)
    exchange.restarts()
    assert fired(exchange, 980) == [late.order_id, early.order_id]
    assert bob.position[0] == -4


def test_the_expiry_stays() -> None:
    exchange, alice, bob = protected()
    until = exchange.now_ms + 5_000
    stop = alice.sells(4, trigger=stop_at(980), reduce_only=True, expires_ms=until)
    alice.moves(stop, trigger=981)
    exchange.passes(5_000)
    assert bob.cancels_all().cancels == [(stop.order_id, "EXPIRED", 4, 0)]
    assert exchange.ticks() == ()


def test_a_margin_that_would_be_beyond_any_money_is_refused() -> None:
    _, alice, _ = protected()
    entry = alice.buys(1, at=1_030, margin=10**15, trigger=stop_at(1_020))
    assert refused(alice.moves(entry, lots=1_000)) == "INVALID_SIZE"


def test_what_is_changed_goes_to_the_back_of_its_price() -> None:
    """In the order of the changes, however often."""
    exchange, alice, _ = protected()
    first, second, third = (
        alice.sells(1, trigger=stop_at(970), reduce_only=True) for _ in range(3)
    )
    for order in (second, third, first):
        alice.moves(order, trigger=980)
    exchange.restarts()
    assert fired(exchange, 980) == [second.order_id, third.order_id, first.order_id]
