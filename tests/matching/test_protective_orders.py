"""Waiting orders that only reduce protect a position: what leaves them alone, and when they go."""

from typing import Any

import pytest

from matching.messages.events import CountdownSet, OrderCancelled
from matching.messages.vocabulary import Side
from tests.matching.actors import (
    Exchange,
    Placed,
    Trader,
    every,
    only,
    opens,
    positioned,
    stop_at,
    take_profit_at,
)

Gone = list[tuple[int, str]]


def gone_of(events: Any) -> Gone:
    return [(e.order_id, str(e.reason)) for e in every(OrderCancelled, tuple(events))]


def four_orders(alice: Trader) -> tuple[Placed, Placed, Placed, Placed]:
    """Of a long: an ask, a resting reduce-only ask, an entry that waits; a stop, a closing stop."""
    ask = alice.sells(1, at=1_040)
    entry = alice.sells(1, at=950, trigger=stop_at(960))
    stop = alice.sells(2, at=950, trigger=stop_at(970), reduce_only=True)
    close = alice.sells(1, at=950, trigger=stop_at(965), reduce_only=True, close_position=True)
    return ask, entry, stop, close


@pytest.mark.parametrize("protective", [False, True])
@pytest.mark.parametrize("way", ["cancel all", "cancel a side", "countdown"])
def test_protection_stays_unless_asked(way: str, protective: bool) -> None:
    exchange = Exchange()
    alice, bob = exchange.traders("alice", "bob")
    positioned(exchange, long=alice, short=bob, lots=3)
    ask, entry, stop, close = four_orders(alice)
    resting = alice.sells(2, at=1_030, reduce_only=True)
    if way == "countdown":
        set_ = only(CountdownSet, alice.counts_down(1_000, protective=protective).events)
        assert set_.protective is protective
        exchange.restarts()
        exchange.passes(1_000)
        events = exchange.ticks()
        assert only(CountdownSet, events).due_ms == 0
    else:
        side = Side.SHORT if way == "cancel a side" else None
        events = alice.cancels_all(side, protective=protective).events
    reason = "COUNTDOWN" if way == "countdown" else "USER"
    expected = [ask, resting, entry, *([stop, close] if protective else [])]
    assert gone_of(events) == [(order.order_id, reason) for order in expected]
    assert sorted(exchange.engine.state.triggers.orders) == (
        [] if protective else [stop.order_id, close.order_id]
    )
    # What stayed still protects.
    bob.buys(9, at=965)
    exchange.mark(970)
    assert alice.position[0] == (3 if protective else 1)


def test_a_countdown_set_anew_says_what_goes() -> None:
    exchange = Exchange()
    alice, bob = exchange.traders("alice", "bob")
    positioned(exchange, long=alice, short=bob, lots=3)
    stop = alice.sells(2, at=950, trigger=stop_at(970), reduce_only=True)
    alice.counts_down(1_000, protective=True)
    alice.counts_down(2_000)
    exchange.passes(2_000)
    assert gone_of(exchange.ticks()) == []
    alice.counts_down(1_000, protective=True)
    exchange.passes(1_000)
    assert gone_of(exchange.ticks()) == [(stop.order_id, "COUNTDOWN")]


def test_liquidation_and_settlement_cancel_everything() -> None:
    exchange = Exchange()
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    opens(exchange, alice, bob, 3)
    opens(exchange, carol, bob, 1, leverage=2)
    stop = alice.sells(2, at=900, trigger=stop_at(900), reduce_only=True)
    kept = carol.sells(1, at=900, trigger=stop_at(900), reduce_only=True)
    assert (stop.order_id, "LIQUIDATION") in gone_of(exchange.mark(955))
    assert (kept.order_id, "SETTLEMENT") in gone_of(exchange.settles(955))


# ---------------------------------------------------------------------------- with the position


@pytest.mark.parametrize("close_position", [False, True])
@pytest.mark.parametrize("lots", [3, 5])
def test_it_goes_with_its_position(lots: int, close_position: bool) -> None:
    """Closed, or flipped, by an order; whether it is bound by a quantity or not."""
    exchange = Exchange()
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    positioned(exchange, long=alice, short=bob, lots=3)
    terms = {"reduce_only": True, "close_position": close_position}
    stop = alice.sells(2, at=950, trigger=stop_at(970), **terms)
    profit = alice.sells(2, at=1_050, trigger=take_profit_at(1_050), **terms)
    entry = alice.sells(1, at=950, trigger=stop_at(960))
    other_side = alice.buys(2, at=1_050, trigger=stop_at(1_040), **terms)
    carol.buys(9, at=1_000)
    assert gone_of(alice.sells(2, at=1_000).events) == []
    exchange.restarts()
    closed = gone_of(alice.sells(lots - 2, at=1_000).events)
    assert closed == [(stop.order_id, "POSITION_CLOSED"), (profit.order_id, "POSITION_CLOSED")]
    left = [entry.order_id, other_side.order_id]
    assert sorted(exchange.engine.state.triggers.orders) == left


def test_it_goes_when_its_position_is_deleveraged() -> None:
    exchange = Exchange()
    alice, bob = exchange.traders("alice", "bob")
    opens(exchange, alice, bob, 3)
    stop = bob.buys(3, at=1_100, trigger=stop_at(1_050), reduce_only=True)
    gone = gone_of(exchange.mark(900))
    assert bob.position[0] == 0
    assert (stop.order_id, "POSITION_CLOSED") in gone


def test_one_that_fires_takes_the_others_along() -> None:
    exchange = Exchange()
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    positioned(exchange, long=alice, short=bob, lots=3)
    alice.sells(3, at=950, trigger=stop_at(970), reduce_only=True)
    profit = alice.sells(3, at=1_050, trigger=take_profit_at(1_050), reduce_only=True)
    carol.buys(3, at=970)
    assert gone_of(exchange.mark(970)) == [(profit.order_id, "POSITION_CLOSED")]
    # A later position is not touched by what protected the one before.
    positioned(exchange, long=alice, short=bob, lots=3)
    exchange.mark(1_060)
    assert alice.position[0] == 3


@pytest.mark.parametrize("restart", [False, True])
def test_placed_before_its_position_it_waits_for_it(restart: bool) -> None:
    """A bracket: the entry is still open. Once it fills, the stop is bound to its position."""
    exchange = Exchange()
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    stop = alice.sells(2, at=950, trigger=stop_at(970), reduce_only=True)
    entry = alice.buys(2, at=990)
    # Even another position on the way there, which it couldn't reduce, leaves it alone.
    carol.buys(1, at=1_000)
    assert gone_of(alice.sells(1, at=1_000).events) == []
    carol.sells(1, at=1_001)
    assert gone_of(alice.buys(1, at=1_001).events) == []
    if restart:
        exchange.restarts()
    bob.sells(2, at=990)
    assert alice.position[0] == 2
    assert entry.rested is not None
    carol.buys(2, at=980)
    assert gone_of(alice.sells(2, at=980).events) == [(stop.order_id, "POSITION_CLOSED")]
