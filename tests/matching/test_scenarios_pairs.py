"""Two orders of which one cancels the other: every way in which one of them can go first."""

import pytest

from matching.messages.vocabulary import MarketState, Side, TimeInForce
from tests.matching.actors import (
    Exchange,
    Placed,
    Trader,
    opens,
    stop_at,
    take_profit_at,
    trailing_stop_at,
)


class Pair:
    """Alice is long 4 lots from 1,000: she offers them at 1,020, and sells at the market at 980."""

    def __init__(self, lots: int = 4, *, limit_first: bool = False) -> None:
        self.exchange = Exchange()
        self.alice, self.bob, self.carol = self.exchange.traders("alice", "bob", "carol")
        opens(self.exchange, self.alice, self.bob, 4)
        self.lots = lots
        first = self.exchange.next_order_id()
        self.exchange._last_order_id -= 1
        places = [self.stops, self.offers]
        if limit_first:
            places.reverse()
        one, two = places[0](first + 1), places[1](first)
        self.offer, self.stop = (one, two) if limit_first else (two, one)

    def offers(self, other: int, **terms: object) -> Placed:
        terms = {"at": 1_020, "reduce_only": True} | terms
        return self.alice.sells(self.lots, other=other, **terms)  # type: ignore[arg-type]

    def stops(self, other: int) -> Placed:
        return self.alice.sells(self.lots, other=other, trigger=stop_at(980), reduce_only=True)

    @property
    def left(self) -> set[str]:
        state = self.exchange.engine.state
        found = {self.offer.order_id: "offer", self.stop.order_id: "stop"}
        live = {*state.book.orders, *state.triggers.orders, *state.triggers.fired}
        return {name for order_id, name in found.items() if order_id in live}

    def gone(self, placed: Placed) -> list[tuple[str, str]]:
        names = {self.offer.order_id: "offer", self.stop.order_id: "stop"}
        return [(names[i], why) for i, why, *_ in placed.cancels if i in names]


@pytest.mark.parametrize("limit_first", [False, True])
def test_a_fill_of_one_lot_cancels_the_stop(limit_first: bool) -> None:
    pair = Pair(limit_first=limit_first)
    assert pair.left == {"offer", "stop"}
    bought = pair.bob.buys(1, at=1_020)
    assert bought.fills == [(1_020, 1)]
    assert pair.gone(bought) == [("stop", "OTHER_FILLED")]
    assert pair.left == {"offer"}  # goes on alone with what is left
    assert pair.exchange.asks == [(1_020, 3)]
    assert pair.gone(pair.alice.cancels(pair.offer)) == [("offer", "USER")]


@pytest.mark.parametrize("limit_first", [False, True])
def test_the_stop_that_fires_cancels_the_offer_before_it_sells(limit_first: bool) -> None:
    pair = Pair(limit_first=limit_first)
    pair.carol.buys(4, at=975)
    fired = Placed(0, pair.exchange.mark(980))
    assert pair.gone(fired) == [("offer", "OTHER_FIRED")]
    assert fired.fills == [(975, 4)]
    assert fired.names.index("OrderCancelled") < fired.names.index("Trade")
    assert pair.left == set()
    assert pair.alice.position[0] == 0


@pytest.mark.parametrize("name", ["offer", "stop"])
def test_who_cancels_one_cancels_both(name: str) -> None:
    pair = Pair()
    other = {"offer": "stop", "stop": "offer"}[name]
    gone = pair.gone(pair.alice.cancels(getattr(pair, name)))
    assert gone == [(name, "USER"), (other, "OTHER_ENDED")]


def test_all_that_cancels_many_cancels_each_once() -> None:
    pair = Pair()
    assert pair.gone(pair.alice.cancels_all(protective=True)) == [
        ("offer", "USER"),
        ("stop", "OTHER_ENDED"),
    ]
    pair = Pair()
    pair.bob.buys(4, at=1_010)
    closed = pair.alice.sells(4, at=1_010)  # the position is gone, and with it what reduces it
    assert sorted(pair.gone(closed)) == [("offer", "REDUCE_ONLY"), ("stop", "OTHER_ENDED")]
    for ends in (
        lambda pair: pair.exchange.settles(1_000),
        lambda pair: pair.exchange.mark(905),  # liquidated at a leverage of 20
    ):
        pair = Pair()
        gone = pair.gone(Placed(0, ends(pair)))
        assert sorted(name for name, _ in gone) == ["offer", "stop"]
        assert pair.left == set()


def test_an_end_by_time_takes_the_other_along() -> None:
    exchange = Exchange()
    (alice,) = exchange.traders("alice")
    bid = alice.buys(2, at=990, other=2, expires_ms=exchange.now_ms + 5)
    stop = alice.buys(2, trigger=stop_at(1_010), other=1, worst=1_100)
    exchange.passes(5)
    gone = Placed(0, exchange.ticks()).cancels
    assert [(i, why) for i, why, *_ in gone] == [
        (bid.order_id, "EXPIRED"),
        (stop.order_id, "OTHER_ENDED"),
    ]


def test_two_conditional_orders_one_of_which_needs_its_hold() -> None:
    """A breakout: whichever way the price goes, one is bought or sold and the other is gone."""
    exchange = Exchange()
    alice, bob = exchange.traders("alice", "bob")
    up = alice.buys(2, trigger=stop_at(1_010), at=1_015, other=2)
    down = alice.sells(2, trigger=stop_at(990), at=985, other=1)
    fired = Placed(0, exchange.mark(1_010))
    assert [(i, why) for i, why, *_ in fired.cancels] == [(down.order_id, "OTHER_FIRED")]
    exchange.restarts()
    bob.sells(2, at=1_012)
    assert alice.activates(up, 1_000_000).fills == [(1_012, 2)]


def test_both_conditions_at_once_fire_the_first() -> None:
    exchange = Exchange()
    (alice,) = exchange.traders("alice")
    one = alice.buys(2, trigger=stop_at(1_010), at=1_015, other=2)
    two = alice.buys(2, trigger=trailing_stop_at(callback_ppm=10_000), at=1_020, other=1)
    fired = Placed(0, exchange.mark(1_011))
    assert [(i, why) for i, why, *_ in fired.cancels] == [(two.order_id, "OTHER_FIRED")]
    assert fired.triggered
    assert one.order_id in exchange.engine.state.triggers.fired


def test_one_that_comes_too_late_is_refused() -> None:
    for ends in (
        lambda bob, alice, bid: bob.sells(1, at=990),  # a fill
        lambda bob, alice, bid: alice.cancels(bid),
    ):
        exchange = Exchange()
        alice, bob = exchange.traders("alice", "bob")
        bid = alice.buys(2, at=990, other=2 if ends.__code__.co_names == ("cancels",) else 3)
        ends(bob, alice, bid)
        late = alice.buys(2, trigger=stop_at(1_010), at=1_015, other=1)
        assert late.refused == "OTHER_ENDED"
        assert bid.order_id not in exchange.engine.state.pairs


def test_one_that_is_refused_takes_the_first_along() -> None:
    exchange = Exchange()
    alice, _bob = exchange.traders("alice", "bob")
    stop = alice.buys(2, trigger=stop_at(1_010), at=1_015, other=2)
    bid = alice.buys(2, at=990, hold=1, other=stop.order_id)
    assert bid.refused == "INSUFFICIENT_HOLD"
    assert [(i, why) for i, why, *_ in bid.cancels] == [(stop.order_id, "OTHER_ENDED")]
    assert exchange.engine.state.pairs == {}


def test_one_that_takes_or_may_not_rest_when_it_comes() -> None:
    for terms, reason in (
        ({}, "OTHER_FILLED"),
        ({"tif": TimeInForce.GTX}, "OTHER_ENDED"),
        ({"tif": TimeInForce.FOK}, "OTHER_ENDED"),
    ):
        exchange = Exchange()
        alice, bob = exchange.traders("alice", "bob")
        bob.sells(1, at=1_001)
        stop = alice.buys(2, trigger=stop_at(1_010), at=1_015, other=3)
        bid = alice.buys(2, at=1_001, other=stop.order_id, **terms)
        assert (stop.order_id, reason) in [(i, why) for i, why, *_ in bid.cancels]


def test_what_makes_no_pair() -> None:
    exchange = Exchange()
    alice, bob = exchange.traders("alice", "bob")
    assert alice.buys(2, at=990, other=1).refused == "INVALID_PAIR"  # with itself
    bid = alice.buys(2, at=990, other=3)
    offer = alice.sells(2, at=1_010, other=2)  # both rest, and could fill in one turn
    assert offer.refused == "INVALID_PAIR"
    assert bid.order_id not in exchange.engine.state.book.orders
    alice.buys(2, at=990, other=5)
    assert bob.buys(2, trigger=stop_at(1_010), at=1_015, other=4).refused == "INVALID_PAIR"
    entry = alice.buys(2, at=990)
    sleeps = alice.sells(
        2, trigger=stop_at(980), reduce_only=True, attached_to=entry.order_id, other=99
    )
    assert sleeps.refused == "INVALID_PAIR"
    assert alice.buys(2, trigger=stop_at(1_010), at=1_015, other=6).refused == "OTHER_ENDED"


def test_what_is_amended_stays_a_pair() -> None:
    pair = Pair()
    assert "OrderAmended" in pair.alice.amends(pair.offer, at=1_030, lots=3).names
    assert "ConditionalAmended" in pair.alice.moves(pair.stop, trigger=985).names
    pair.exchange.restarts()
    assert pair.gone(Placed(0, pair.exchange.mark(985)))[0] == ("offer", "OTHER_FIRED")
    pair = Pair()
    pair.bob.buys(2, at=1_010)
    taken = pair.alice.amends(pair.offer, at=1_010, lots=4)
    assert taken.fills == [(1_010, 2)]
    assert pair.gone(taken) == [("stop", "OTHER_FILLED")]


def test_states_of_the_market_change_nothing_of_it() -> None:
    pair = Pair()
    for state in (MarketState.HALTED, MarketState.CANCEL_ONLY, MarketState.ACTIVE):
        pair.exchange.enter(state)
        pair.exchange.restarts()
        assert pair.left == {"offer", "stop"}
    assert pair.gone(pair.alice.cancels_all(Side.SHORT)) == [
        ("offer", "USER"),
        ("stop", "OTHER_ENDED"),
    ]


def test_a_take_profit_and_a_stop_of_the_whole_position() -> None:
    exchange = Exchange()
    alice, bob = exchange.traders("alice", "bob")
    opens(exchange, alice, bob, 4)
    first = exchange.next_order_id()
    exchange._last_order_id -= 1
    for trigger, other in ((take_profit_at(1_020), first + 1), (stop_at(980), first)):
        alice.sells(1, trigger=trigger, other=other, reduce_only=True, close_position=True)
    bob.buys(4, at=1_020)
    fired = Placed(0, exchange.mark(1_020))
    assert fired.fills == [(1_020, 4)]
    assert [(i, why) for i, why, *_ in fired.cancels] == [(first + 1, "OTHER_FIRED")]


def test_a_trader_with_no_pair_is_not_in_the_snapshot() -> None:
    exchange = Exchange()
    trader = Trader(exchange, 1, "alice")
    trader.buys(1, at=990)
    before = exchange.engine.digest()
    pair = Pair()
    pair.alice.cancels_all(protective=True)
    assert pair.exchange.engine.state.pairs == {}
    trader.buys(1, at=989, other=99)
    assert exchange.engine.state.pairs == {2: 99}
    trader.cancels_all()
    trader.buys(1, at=990)
    assert exchange.engine.state.pairs == {}
    assert exchange.engine.digest() != before
