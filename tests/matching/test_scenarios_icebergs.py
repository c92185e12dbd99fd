"""Orders of which the book shows a part: what it shows, who is met in which order, and what becomes
of the rest."""

import msgspec
import pytest

from matching.core.market import snapshot
from matching.messages.events import OrderRefilled
from matching.messages.snapshot import encode_body
from matching.messages.vocabulary import SelfTradePrevention, TimeInForce
from tests.matching.actors import Exchange, Placed, Trader, every, opens, stop_at


@pytest.fixture
def exchange() -> Exchange:
    return Exchange()


@pytest.fixture
def traders(exchange: Exchange) -> list[Trader]:
    return exchange.traders("alice", "bob", "carol")


def met(placed: Placed) -> list[tuple[int, int]]:
    """(maker's order, lots) of each trade."""
    return [(trade.maker.order_id, trade.size_lots) for trade in placed.trades]


def refills(placed: Placed) -> list[int]:
    return [event.order_id for event in every(OrderRefilled, placed.events)]


def test_the_book_shows_a_part_and_the_next_goes_to_the_back(
    exchange: Exchange, traders: list[Trader]
) -> None:
    alice, bob, carol = traders
    ice = alice.sells(10, at=1_001, shows=3).order_id
    plain = bob.sells(2, at=1_001).order_id
    assert exchange.asks == [(1_001, 5)]
    first = carol.buys(2, at=1_001)
    assert (met(first), refills(first)) == ([(ice, 2)], [])  # keeps its place for what it shows
    assert exchange.asks == [(1_001, 3)]
    second = carol.buys(2, at=1_001)
    assert (met(second), refills(second)) == ([(ice, 1), (plain, 1)], [ice])
    assert exchange.asks == [(1_001, 1 + 3)]
    third = carol.buys(6, at=1_001)
    assert met(third) == [(plain, 1), (ice, 3), (ice, 2)]
    assert exchange.asks == [(1_001, 1)]
    exchange.restarts()
    assert exchange.asks == [(1_001, 1)]
    last = carol.buys(9, at=1_001)
    assert met(last) == [(ice, 1), (ice, 1)]
    assert exchange.asks == []


def test_one_that_takes_first_shows_what_is_left_of_its_part(
    exchange: Exchange, traders: list[Trader]
) -> None:
    alice, bob, carol = traders
    bob.sells(4, at=1_000)
    ice = alice.buys(10, at=1_000, shows=3)
    assert ice.fills == [(1_000, 4)]
    assert exchange.bids == [(1_000, 2)]
    sold = carol.sells(3, at=1_000)
    assert met(sold) == [(ice.order_id, 2), (ice.order_id, 1)]
    assert exchange.bids == [(1_000, 2)]


def test_its_whole_hold_is_held_and_comes_back(exchange: Exchange, traders: list[Trader]) -> None:
    alice, bob, _carol = traders
    before = alice.available
    ice = alice.buys(10, at=1_000, shows=1)
    assert alice.held == 10 * (100_000 + 500)
    bob.sells(4, at=1_000)
    assert alice.held == 6 * (100_000 + 500)
    alice.cancels(ice)
    assert alice.held == 0
    assert before - alice.available == 4 * 100_000 + 4 * 200  # margin, and the maker's fee


def test_amended_it_hides_as_before(exchange: Exchange, traders: list[Trader]) -> None:
    alice, bob, carol = traders
    ice = alice.sells(10, at=1_001, shows=4)
    bob.sells(1, at=1_001)
    alice.amends(ice, at=1_001, lots=5)  # less: in its place, and from what is hidden
    assert exchange.asks == [(1_001, 5)]
    assert met(carol.buys(1, at=1_001)) == [(ice.order_id, 1)]
    alice.amends(ice, at=1_001, lots=3)
    assert exchange.asks == [(1_001, 2 + 1)]
    alice.amends(ice, at=1_002, lots=20, brings=10**8)
    assert exchange.asks == [(1_001, 1), (1_002, 3)]  # one of its part is filled
    assert alice.amends(ice, at=1_002, lots=401).names == ["AmendRejected"]


def test_shown_less_it_keeps_its_place_and_shown_more_it_goes_to_the_back(
    exchange: Exchange, traders: list[Trader]
) -> None:
    alice, bob, carol = traders
    ice = alice.sells(10, at=1_001, shows=4)
    plain = bob.sells(1, at=1_001)
    less = alice.amends(ice, shows=3)
    assert less.amended.kept_priority
    assert (less.amended.price_ticks, less.amended.size_lots) == (1_001, 10)
    assert (less.amended.visible_lots, exchange.asks) == (3, [(1_001, 3 + 1)])
    assert met(carol.buys(1, at=1_001)) == [(ice.order_id, 1)]
    held = alice.held
    more = alice.amends(ice, shows=5)  # four of its part of five are left
    assert not more.amended.kept_priority
    assert (alice.held, exchange.asks) == (held, [(1_001, 1 + 4)])
    exchange.restarts()
    assert met(carol.buys(6, at=1_001)) == [
        (plain.order_id, 1), (ice.order_id, 4), (ice.order_id, 1),
    ]  # fmt: skip


def test_an_order_that_shows_itself_whole_may_hide_and_show_itself_again(
    exchange: Exchange, traders: list[Trader]
) -> None:
    alice, bob, carol = traders
    order = alice.sells(10, at=1_001)
    bob.sells(1, at=1_001)
    assert alice.amends(order, shows=2).amended.kept_priority
    assert exchange.asks == [(1_001, 2 + 1)]
    assert not alice.amends(order, shows=10).amended.kept_priority
    assert exchange.asks == [(1_001, 10 + 1)]
    assert alice.amends(order, shows=10).not_amended == "NOTHING_TO_AMEND"
    # More of the order, and no more of it to be seen.
    alice.amends(order, lots=40, shows=10, brings=10**8)
    assert exchange.asks == [(1_001, 1 + 10)]
    carol.buys(12, at=1_001)
    assert exchange.asks == [(1_001, 9)]
    exchange.restarts()
    assert exchange.asks == [(1_001, 9)]


def test_what_an_amendment_may_not_show(exchange: Exchange, traders: list[Trader]) -> None:
    alice, *_ = traders
    ice = alice.sells(200, at=1_001, shows=4)
    passive = alice.sells(10, at=1_001, tif=TimeInForce.GTX)
    for amended, code in (
        (alice.amends(ice, shows=1), "INVALID_SIZE"),  # a hundred parts at most
        (alice.amends(ice, shows=201), "INVALID_SIZE"),
        (alice.amends(ice, lots=301, shows=3, brings=10**9), "INVALID_SIZE"),
        (alice.amends(passive, shows=3), "INVALID_TIME_IN_FORCE"),
    ):
        assert amended.not_amended == code
    assert exchange.asks == [(1_001, 4 + 10)]


def test_what_an_amendment_does_not_name_is_as_the_one_before_left_it(
    exchange: Exchange, traders: list[Trader]
) -> None:
    """Each was sent by the order as it was before both."""
    alice, bob, _carol = traders
    order = alice.buys(10, at=990)
    alice.amends(order, at=995, brings=10**8)
    last = alice.amends(order, lots=20, brings=10**8).amended
    assert (last.price_ticks, last.size_lots, exchange.bids) == (995, 20, [(995, 20)])
    alice.amends(order, shows=5)
    bob.sells(3, at=995)
    last = alice.amends(order, at=996, brings=10**8).amended
    assert (last.size_lots, last.remaining_lots, exchange.bids) == (20, 17, [(996, 2)])


def test_reduce_only_is_trimmed_from_what_is_hidden(
    exchange: Exchange, traders: list[Trader]
) -> None:
    alice, bob, carol = traders
    opens(exchange, alice, bob, 6)
    ice = alice.sells(6, at=1_010, shows=2, reduce_only=True)
    carol.buys(3, at=1_000)
    closed = alice.sells(3, at=1_000)
    assert closed.cancels == [(ice.order_id, "REDUCE_ONLY", 3, 3)]
    assert exchange.asks == [(1_010, 2)]
    assert met(carol.buys(9, at=1_010)) == [(ice.order_id, 2), (ice.order_id, 1)]


def test_meeting_ones_own_takes_it_whole(exchange: Exchange, traders: list[Trader]) -> None:
    alice, bob, _carol = traders
    ice = alice.sells(10, at=1_001, shows=3)
    behind = bob.sells(1, at=1_001)
    bought = alice.buys(2, at=1_001, stp=SelfTradePrevention.EXPIRE_MAKER)
    assert bought.cancels[0] == (ice.order_id, "SELF_TRADE", 10, 0)
    assert met(bought) == [(behind.order_id, 1)]


def test_fill_or_kill_counts_what_is_hidden(exchange: Exchange, traders: list[Trader]) -> None:
    alice, bob, carol = traders
    ice = alice.sells(7, at=1_001, shows=3).order_id
    plain = bob.sells(2, at=1_001).order_id
    assert carol.buys(10, at=1_001, tif=TimeInForce.FOK).fills == []
    assert met(carol.buys(9, at=1_001, tif=TimeInForce.FOK)) == [
        (ice, 3), (plain, 2), (ice, 3), (ice, 1),
    ]  # fmt: skip


def test_a_maker_that_cant_bear_its_next_part_leaves(exchange: Exchange) -> None:
    """As in a dry run of fill-or-kill, which must not count it."""
    alice, bob = exchange.traders("alice", "bob")
    opens(exchange, bob, alice, 3)
    # Alice is short 3: her bid closes them, and has no money for more.
    ice = alice.buys(6, at=1_000, shows=3, hold=6 * 100_500)
    exchange.engine.state.lower_reserve(exchange.engine.state.book.orders[ice.order_id], 1)
    assert bob.sells(6, at=1_000, tif=TimeInForce.FOK).fills == []


def test_a_stop_and_what_may_not_rest_show_all_or_nothing(
    exchange: Exchange, traders: list[Trader]
) -> None:
    alice, *_ = traders
    for placed, code in (
        (alice.buys(10, at=990, shows=3, tif=TimeInForce.IOC), "INVALID_TIME_IN_FORCE"),
        (alice.buys(10, at=990, shows=3, tif=TimeInForce.GTX), "INVALID_TIME_IN_FORCE"),
        (alice.buys(10, shows=3), "INVALID_TIME_IN_FORCE"),
        (alice.buys(10, at=990, shows=3, trigger=stop_at(1_010)), "INVALID_TRIGGER"),
        (alice.buys(10, at=990, shows=11), "INVALID_SIZE"),
        (alice.buys(301, at=990, shows=3), "INVALID_SIZE"),  # a hundred parts at most
    ):
        assert placed.refused == code
    assert exchange.bids == []
    assert alice.buys(10, at=990, shows=10).rested is not None  # all of it is shown
    assert exchange.bids == [(990, 10)]


def test_it_is_in_the_snapshot_only_while_it_rests(
    exchange: Exchange, traders: list[Trader]
) -> None:
    alice, bob, _carol = traders
    bob.buys(1, at=980)
    before = set(vars_of(exchange))
    ice = alice.sells(10, at=1_001, shows=3)
    assert set(vars_of(exchange)) - before == {"icebergs"}
    alice.cancels(ice)
    assert set(vars_of(exchange)) == before


def vars_of(exchange: Exchange) -> dict[str, object]:
    decoded: dict[str, object] = msgspec.msgpack.decode(
        encode_body(snapshot.take(exchange.engine.state, "1-1"))
    )
    return decoded
