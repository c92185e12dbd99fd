"""A command that may have taken effect long ago: refused in its own words, with all that it brought
given back and nothing done."""

from collections.abc import Callable
from typing import Any

import pytest

from matching.core.market.recent import RecentIds
from matching.messages.events import (
    ActivationRejected,
    AmendRejected,
    CancelRejected,
    CommandRejected,
    Event,
    MarginAdjustmentRejected,
)
from matching.messages.vocabulary import MarketState
from tests.matching.actors import FUNDS, Exchange, Placed, Trader, only, positioned, stop_at


def test_the_window_of_ids_and_its_floor() -> None:
    ids = RecentIds(capacity=3)
    for an_id in (1, 2, 3):
        ids.add(an_id)
    assert (ids.floor, ids.in_order()) == (0, [1, 2, 3])
    ids.add(6)
    assert (ids.floor, ids.in_order()) == (1, [2, 3, 6])
    assert [1 in ids, 2 in ids, 6 in ids] == [False, True, True]
    assert [n for n in range(8) if ids.is_too_old(n)] == [0, 1]
    ids.add(5)  # later than it was made
    ids.add(9)
    ids.add(10)
    assert (ids.floor, ids.in_order()) == (6, [5, 9, 10])
    assert [n for n in range(12) if ids.is_too_old(n)] == [0, 1, 2, 3, 4, 6]
    ids.add(11)  # drops 5, which is below the floor
    assert ids.floor == 6
    assert RecentIds([7, 8], floor=6, capacity=3).is_too_old(6)


@pytest.fixture
def exchange() -> Exchange:
    """Every id from here on is older than what the market remembers."""
    exchange = Exchange()
    alice, bob = exchange.traders("alice", "bob")
    positioned(exchange, long=alice, short=bob, lots=10)
    alice.buys(1, at=990)
    alice.buys(1, trigger=stop_at(1_050))
    exchange.engine.state.recent_commands.floor = 10**6
    exchange.engine.state.recent_orders.floor = 10**6
    return exchange


def resting(order_id: int) -> Placed:
    return Placed(order_id, ())


@pytest.mark.parametrize(
    ("asks", "kind", "given_back"),
    [
        (lambda alice: alice.amends(resting(3), at=991, lots=2, brings=7), AmendRejected, 7),
        (lambda alice: alice.amends(resting(3), at=990, lots=1), AmendRejected, 0),
        (lambda alice: alice.moves(resting(4), trigger=1_021), AmendRejected, 0),
        (lambda alice: alice.activates(resting(4), 9), ActivationRejected, 9),
        (lambda alice: alice.adds_margin(5), MarginAdjustmentRejected, 5),
        (lambda alice: alice.adds_margin(-5), MarginAdjustmentRejected, 0),
    ],
)
def test_what_was_brought_goes_back(
    exchange: Exchange, asks: Callable[[Trader], Placed], kind: type, given_back: int
) -> None:
    (alice,) = exchange.traders("alice")
    state = exchange.engine.state
    before = (alice.available, alice.position, exchange.bids, state.wallets_units)
    told: Any = only(kind, asks(alice).events)
    assert (told.code, told.released_units) == ("TOO_OLD", given_back)
    assert (alice.available, alice.position, exchange.bids, state.wallets_units) == before


def test_an_order_too_old_is_refused_with_its_hold(exchange: Exchange) -> None:
    dave = Trader(exchange, 9, "dave")
    order = dave.buys(1, at=990, hold=123_456)
    assert order.refused == "TOO_OLD"
    assert [getattr(event, "released_units", None) for event in order.events] == [123_456]
    assert (dave.available, exchange.bids) == (FUNDS, [(990, 1)])


@pytest.mark.parametrize(
    ("asks", "kind"),
    [
        (lambda e, alice: alice.cancels(resting(3)).events, CancelRejected),
        (lambda e, alice: alice.cancels_all().events, CommandRejected),
        (lambda e, alice: alice.counts_down(1_000).events, CommandRejected),
        (lambda e, alice: e.insures(5), CommandRejected),
        (lambda e, alice: e.settles(1_000), CommandRejected),
        (lambda e, alice: e.enter(MarketState.HALTED), CommandRejected),
        (lambda e, alice: e.configures(max_size_lots=1), CommandRejected),
    ],
)
def test_the_others_bring_nothing_and_do_nothing(
    exchange: Exchange, asks: Callable[[Exchange, Trader], tuple[Event, ...]], kind: type
) -> None:
    (alice,) = exchange.traders("alice")
    state = exchange.engine.state
    told: Any = only(kind, asks(exchange, alice))
    assert told.code == "TOO_OLD"
    assert exchange.bids == [(990, 1)]
    assert state.market_state is MarketState.ACTIVE
    assert (state.insurance_units, state.accounts[1].countdown_due_ms) == (0, 0)
    assert state.config is not None
    assert state.config.max_size_lots == 1_000
