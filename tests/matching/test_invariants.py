"""Each invariant is missed by nobody: a market with a bit of everything is right, and one thing in
it changed by one is told by its name."""

from collections.abc import Callable

import pytest

from matching.core.market.invariants import InvariantBroken, check_invariants, check_turn
from matching.core.market.prices import is_pricing
from matching.core.market.state import Account, State, Turn
from tests.matching.actors import Exchange, positioned, stop_at

Change = Callable[[State], object]


@pytest.fixture
def state() -> State:
    """Alice is long by 10, Bob short; one resting order of a single lot on each side, two that
    reduce, one that waits; a fund of 1,000."""
    exchange = Exchange(insurance=1_000)
    alice, bob = exchange.traders("alice", "bob")
    positioned(exchange, long=alice, short=bob, lots=10)
    alice.buys(1, at=990)
    alice.buys(2, at=990)
    alice.buys(3, at=980)
    alice.sells(4, at=1_010, reduce_only=True)
    alice.sells(1, at=1_020, reduce_only=True)
    bob.buys(1, trigger=stop_at(1_050))
    check_invariants(exchange.engine.state)
    return exchange.engine.state


def _change(owner: object, name: str, by: int) -> None:
    setattr(owner, name, getattr(owner, name) + by)


def total(name: str, by: int) -> Change:
    return lambda state: _change(state, name, by)


def alice(name: str, by: int) -> Change:
    return lambda state: _change(state.accounts[1], name, by)


def order(name: str, by: int, at: int = 0) -> Change:
    return lambda state: _change(list(state.book.orders.values())[at], name, by)


def both_positions(by: int) -> Change:
    def change(state: State) -> None:
        _change(state.accounts[1], "position_lots", by)
        _change(state.accounts[2], "position_lots", -by)

    return change


def an_idle_account(state: State) -> None:
    state.accounts[9] = Account(9)


def in_exchange(name: str, other: str, by: int) -> Change:
    """What one total has more, the other has: only their recounts differ."""

    def change(state: State) -> None:
        _change(state, name, by)
        _change(state, other, -by)

    return change


def drop_one_that_waits(state: State) -> None:
    state.accounts[2].waiting.clear()


def levels_swapped(state: State) -> None:
    first, second = state.book.bids.levels()
    first.price_ticks, second.price_ticks = second.price_ticks, first.price_ticks
    for level in (first, second):
        for order in level:
            order.price_ticks = level.price_ticks


@pytest.mark.parametrize("by", [1, -1])
@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda by: total("net_lots", by), "positions add up to zero"),
        (lambda by: total("wallets_units", by), "money is conserved"),
        (lambda by: total("held_units", by), "money is conserved"),
        (lambda by: total("fees_units", by), "money is conserved"),
        (lambda by: total("open_interest_lots", by), "open interest equals its recount"),
        (lambda by: in_exchange("held_units", "fees_units", by), "held equals its recount"),
        (lambda by: in_exchange("margin_units", "fees_units", by), "margin equals its recount"),
        (both_positions, "open interest equals its recount"),
        (lambda by: alice("margin_units", by), "margin equals its recount"),
        (lambda by: alice("entry_cost_units", by), "entry cost equals its recount"),
        (lambda by: alice("reduce_only_lots", by), "reduce-only lots equal their recount"),
        (lambda by: order("price_ticks", by), "an order rests at its price"),
        (lambda by: order("reserve_per_lot_units", by), "held equals its recount"),
    ],
)
def test_one_more_or_less_is_told(
    state: State, change: Callable[[int], Change], name: str, by: int
) -> None:
    change(by)(state)
    with pytest.raises(InvariantBroken, match=name):
        check_invariants(state)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (in_exchange("held_units", "fees_units", -(10**12)), "held is not negative"),
        (in_exchange("insurance_units", "fees_units", -1_001), "insurance is not negative"),
        (lambda s: setattr(s, "least_to_wallet_units", -1), "no event takes from a wallet"),
        (alice("margin_units", -(10**9)), "margin is not negative"),
        (alice("reduce_only_lots", 6), "reduce-only orders close at most the position"),
        (alice("reduce_only_lots", -6), "reduce-only orders close at most the position"),
        (an_idle_account, "idle accounts are dropped"),
        (order("remaining_lots", -1), "open orders have lots left"),
        (order("reserve_per_lot_units", -(10**9)), "reserve is not negative"),
        (order("arrival", 10), "orders queue by arrival"),
        (drop_one_that_waits, "conditional orders equals its recount"),
        (levels_swapped, "levels are ordered by price"),
    ],
)  # fmt: skip
def test_what_can_not_be_is_told(state: State, change: Change, name: str) -> None:
    change(state)
    with pytest.raises(InvariantBroken, match=name):
        check_invariants(state)


@pytest.mark.parametrize("name", ["margin_units", "entry_cost_units"])
@pytest.mark.parametrize("units", [1, -1])
def test_a_flat_position_has_nothing(name: str, units: int) -> None:
    exchange = Exchange()
    (carol,) = exchange.traders("carol")
    carol.buys(1, at=990)
    state = exchange.engine.state
    _change(state.accounts[1], name, units)
    with pytest.raises(InvariantBroken, match=r"no margin and no cost|margin is not negative"):
        check_invariants(state)


def test_what_positions_and_fund_are_worth_may_stay_below_zero_but_not_fall_there(
    state: State,
) -> None:
    worth = state.worth_units
    state.insurance_units -= worth + 1
    state.wallets_units -= worth + 1
    state.insurance_units += 10**9  # to be at least zero; the margin is what lacks
    state.margin_units -= 10**9
    assert state.worth_units == -1
    check_turn(state, Turn(state.clock_ms, -1))
    with pytest.raises(InvariantBroken, match="worth something"):
        check_turn(state, Turn(state.clock_ms, 0))


def test_a_crossed_book_is_told(state: State) -> None:
    best = state.book.bids.best
    assert best is not None
    for price, is_crossed in ((1_009, False), (1_010, True)):
        best.price_ticks = price
        if is_crossed:
            with pytest.raises(InvariantBroken, match="best bid is below best ask"):
                check_turn(state, Turn(state.clock_ms, state.worth_units))
        else:
            check_turn(state, Turn(state.clock_ms, state.worth_units))


def test_markets_accounts_and_orders_begin_with_nothing() -> None:
    exchange = Exchange(mark=0)
    assert not is_pricing(exchange.engine.state)
    for owner in (State(), Account(0)):
        values = {name: getattr(owner, name) for name in dir(owner) if not name.startswith("_")}
        numbers = {name: value for name, value in values.items() if type(value) is int}
        assert len(numbers) > 4
        assert set(numbers.values()) == {0}, numbers
    (alice,) = exchange.traders("alice")
    exchange.mark(1_000)
    alice.buys(1, trigger=stop_at(1_050))
    (waiting,) = exchange.engine.state.accounts[1].waiting.values()
    assert (waiting.peak_ticks, waiting.is_triggered) == (0, False)
