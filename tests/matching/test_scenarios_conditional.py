"""Conditional orders, expiry, countdown and amendments, told with named traders.
One tick times one lot is 1,000 units; leverage is 10 where nothing else is said.
"""

import pytest

from matching.messages.events import (
    ActivationRejected,
    AmendRejected,
    CancelRejected,
    CommandRejected,
    CountdownSet,
    OrderAmended,
    OrderTriggered,
    Trade,
)
from matching.messages.vocabulary import (
    MarketState,
    SelfTradePrevention,
    Side,
    TriggerBy,
)
from tests.matching.actors import (
    FUNDS,
    START_MS,
    Exchange,
    every,
    only,
    positioned,
    stop_at,
    take_profit_at,
    trailing_stop_at,
)

# --------------------------------------------------------------------------------------- triggers


def test_stop_sells_when_the_mark_falls_to_it() -> None:
    exchange = Exchange()
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    positioned(exchange, long=alice, short=bob, lots=5)
    carol.buys(9, at=970)
    stop = alice.sells(5, trigger=stop_at(980), reduce_only=True)
    assert stop.names == ["OrderWaiting"]
    assert every(OrderTriggered, exchange.mark(981)) == []
    events = exchange.mark(980)
    fired = only(OrderTriggered, events)
    assert (fired.order_id, fired.reference_ticks, fired.needs_hold) == (stop.order_id, 980, False)
    assert (only(Trade, events).price_ticks, only(Trade, events).size_lots) == (970, 5)
    assert alice.position == (0, 0, 0)


def test_stop_buys_when_the_last_price_rises_to_it_whatever_the_mark() -> None:
    exchange = Exchange()
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    positioned(exchange, long=bob, short=alice, lots=5)
    alice.buys(5, trigger=stop_at(1_010, TriggerBy.LAST), reduce_only=True)
    assert every(OrderTriggered, exchange.mark(1_020)) == []
    exchange.mark(1_000)
    carol.sells(6, at=1_010)
    # A trade makes the last price, and what it fires meets the book in the same entry.
    order = bob.buys(1, at=1_010)
    assert order.triggered
    assert order.fills == [(1_010, 1), (1_010, 5)]
    assert alice.position == (0, 0, 0)


def test_take_profit_is_a_stop_the_other_way_round() -> None:
    exchange = Exchange()
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    positioned(exchange, long=alice, short=bob, lots=5)
    carol.buys(9, at=1_015)
    alice.sells(5, at=1_012, trigger=take_profit_at(1_020), reduce_only=True)
    assert every(OrderTriggered, exchange.mark(1_019)) == []
    assert only(Trade, exchange.mark(1_020)).price_ticks == 1_015
    assert alice.position == (0, 0, 0)


def test_a_trigger_that_is_already_true_is_refused() -> None:
    exchange = Exchange()
    (alice,) = exchange.traders("alice")
    assert alice.sells(1, trigger=stop_at(1_000)).refused == "TRIGGER_ALREADY_TRUE"
    assert alice.sells(1, trigger=stop_at(999)).refused is None
    assert alice.buys(1, trigger=stop_at(1_000)).refused == "TRIGGER_ALREADY_TRUE"
    assert alice.buys(1, trigger=take_profit_at(1_000)).refused == "TRIGGER_ALREADY_TRUE"
    assert alice.sells(1, trigger=take_profit_at(1_001)).refused is None
    assert alice.sells(1, trigger=stop_at(0)).refused == "INVALID_TRIGGER"
    assert alice.sells(1, trigger=trailing_stop_at(callback_ppm=0)).refused == "INVALID_TRIGGER"


def test_trailing_stop_follows_the_best_price_from_its_activation() -> None:
    exchange = Exchange()
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    positioned(exchange, long=alice, short=bob, lots=2)
    carol.buys(9, at=1_000)
    alice.sells(2, trigger=trailing_stop_at(1_020, callback_ppm=20_000), reduce_only=True)
    for price in (1_010, 985, 1_019, 1_020, 1_050, 1_030):
        # Not active before 1,020; then 2 % below the best, 1,050, is 1,029.
        assert every(OrderTriggered, exchange.mark(price)) == []
    assert only(OrderTriggered, exchange.mark(1_029)).reference_ticks == 1_029
    assert alice.position == (0, 0, 0)


def test_trailing_stop_of_a_short_follows_downwards() -> None:
    exchange = Exchange()
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    positioned(exchange, long=bob, short=alice, lots=2)
    carol.sells(9, at=1_000)
    alice.buys(2, trigger=trailing_stop_at(callback_ppm=10_000), reduce_only=True)
    for price in (1_005, 980, 970, 979):  # 1 % above 970 is 979.7
        assert every(OrderTriggered, exchange.mark(price)) == []
    assert only(OrderTriggered, exchange.mark(980)).reference_ticks == 980
    assert alice.position == (0, 0, 0)


def test_close_position_takes_the_size_the_position_has_when_it_fires() -> None:
    exchange = Exchange()
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    positioned(exchange, long=alice, short=bob, lots=3)
    stop = alice.sells(1, trigger=stop_at(980), reduce_only=True, close_position=True)
    positioned(exchange, long=alice, short=bob, lots=4)
    carol.buys(9, at=975)
    events = exchange.mark(980)
    assert only(OrderTriggered, events).size_lots == 7
    assert only(Trade, events).taker.order_id == stop.order_id
    assert alice.position == (0, 0, 0)


def test_close_position_goes_when_the_position_does() -> None:
    exchange = Exchange()
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    positioned(exchange, long=alice, short=bob, lots=3)
    stop = alice.sells(1, trigger=stop_at(980), reduce_only=True, close_position=True)
    carol.buys(5, at=1_000)
    assert alice.sells(2, at=1_000).cancels == []
    # A flip by one order leaves nothing to close on this side either.
    assert alice.sells(2, at=1_000).cancels == [(stop.order_id, "POSITION_CLOSED", 1, 0)]
    assert alice.position[0] == -1


def test_an_order_that_opens_waits_for_its_hold_and_joins_the_back_of_the_queue() -> None:
    exchange = Exchange()
    alice, bob = exchange.traders("alice", "bob")
    entry = alice.buys(2, at=1_020, trigger=stop_at(1_010))
    assert alice.held == 0
    early = only(ActivationRejected, alice.activates(entry, 1_000_000).events)
    assert early.released_units == 1_000_000
    assert only(OrderTriggered, exchange.mark(1_010)).needs_hold
    bob.buys(1, at=1_020)
    # Margin 102,000 at leverage 10, loss at the mark 10,000, fee 510: 112,510 a lot and 3 over.
    placed = alice.activates(entry, 2 * 112_510 + 3)
    assert placed.names == ["OrderAccepted", "OrderRested"]
    assert alice.held == 2 * 112_510
    own_first = bob.sells(1, at=1_020, stp=SelfTradePrevention.EXPIRE_BOTH)
    assert own_first.fills == []  # Bob's own bid stands before hers
    assert only(ActivationRejected, alice.activates(entry, 5).events).released_units == 5


def test_an_order_that_cannot_be_afforded_when_it_fires_is_cancelled() -> None:
    exchange = Exchange()
    (alice,) = exchange.traders("alice")
    entry = alice.buys(2, at=1_020, trigger=stop_at(1_010))
    exchange.mark(1_010)
    assert alice.activates(entry, 0).cancels == [(entry.order_id, "UNAFFORDABLE", 2, 0)]
    again = alice.buys(2, at=1_030, trigger=stop_at(1_020))
    exchange.mark(1_020)
    assert alice.activates(again, 1_000).refused == "INSUFFICIENT_HOLD"
    assert (alice.available, alice.held) == (FUNDS, 0)


def test_nothing_fires_while_the_market_takes_no_takers() -> None:
    exchange = Exchange()
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    positioned(exchange, long=alice, short=bob, lots=5)
    carol.buys(5, at=970)
    alice.sells(5, trigger=stop_at(980), reduce_only=True)
    exchange.enter(MarketState.POST_ONLY)
    assert every(OrderTriggered, exchange.mark(979)) == []
    # Looked at again when it does.
    assert only(Trade, exchange.enter(MarketState.ACTIVE)).price_ticks == 970


def test_waiting_orders_survive_a_restart() -> None:
    exchange = Exchange()
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    positioned(exchange, long=alice, short=bob, lots=4)
    carol.buys(9, at=1_000)
    alice.sells(1, trigger=stop_at(980), reduce_only=True)
    alice.sells(1, trigger=trailing_stop_at(callback_ppm=20_000), reduce_only=True)
    exchange.mark(1_050)
    exchange.restarts()
    assert len(every(OrderTriggered, exchange.mark(1_029))) == 1
    exchange.restarts()
    assert len(every(OrderTriggered, exchange.mark(980))) == 1
    assert alice.position[0] == 2


# ------------------------------------------------------------------------------------------- time


def test_good_till_date_goes_at_its_time() -> None:
    exchange = Exchange()
    alice, bob = exchange.traders("alice", "bob")
    bid = alice.buys(1, at=990, expires_ms=START_MS + 5_000)
    stop = alice.buys(1, at=1_030, trigger=stop_at(1_020), expires_ms=START_MS + 5_000)
    assert alice.buys(1, at=990, expires_ms=START_MS).refused == "INVALID_EXPIRY"
    exchange.passes(4_999)
    assert bob.sells(1, at=1_010).cancels == []
    exchange.restarts()
    exchange.passes(1)
    # Before the command that brings the time: it finds the order gone.
    late = bob.sells(1, at=990)
    assert late.cancels == [
        (bid.order_id, "EXPIRED", 1, 0),
        (stop.order_id, "EXPIRED", 1, 0),
    ]
    assert late.fills == []
    assert (alice.available, alice.held) == (FUNDS, 0)


@pytest.mark.parametrize("restart", [False, True])
def test_an_order_that_fired_expires_while_it_awaits_its_hold(restart: bool) -> None:
    exchange = Exchange()
    alice, bob = exchange.traders("alice", "bob")
    entry = alice.buys(2, at=1_020, trigger=stop_at(1_010), expires_ms=START_MS + 5_000)
    assert only(OrderTriggered, exchange.mark(1_010)).needs_hold
    if restart:
        exchange.restarts()
    exchange.passes(4_999)
    assert bob.sells(1, at=1_030).cancels == []
    exchange.passes(1)
    late = alice.activates(entry, 300_000)
    assert late.names == ["OrderCancelled", "ActivationRejected"]
    assert late.cancels == [(entry.order_id, "EXPIRED", 2, 0)]
    assert only(ActivationRejected, late.events).released_units == 300_000
    assert (alice.available, alice.held) == (FUNDS, 0)
    assert alice.account_id not in exchange.engine.state.accounts


def test_an_order_that_fired_can_be_cancelled_by_its_owner_only() -> None:
    exchange = Exchange()
    alice, bob = exchange.traders("alice", "bob")
    entry = alice.buys(2, at=1_020, trigger=stop_at(1_010))
    exchange.mark(1_010)
    assert only(CancelRejected, bob.cancels(entry).events).code == "NOT_ORDER_OWNER"
    assert alice.cancels(entry).cancels == [(entry.order_id, "USER", 2, 0)]
    assert only(CancelRejected, bob.cancels(entry).events).code == "UNKNOWN_ORDER"


def test_countdown_is_refused_in_a_settled_market() -> None:
    exchange = Exchange()
    alice, bob = exchange.traders("alice", "bob")
    alice.buys(1, at=990)
    alice.counts_down(10_000)
    exchange.settles(1_000)
    for countdown_ms in (10_000, 0):
        assert only(CommandRejected, bob.counts_down(countdown_ms).events).code == "MARKET_STATE"
    assert exchange.engine.state.accounts == {}
    exchange.passes(10_000)  # Alice's would have ended now
    assert only(CommandRejected, bob.counts_down(1).events).code == "MARKET_STATE"


def test_countdown_cancels_everything_unless_set_anew() -> None:
    exchange = Exchange()
    alice, bob = exchange.traders("alice", "bob")
    bid = alice.buys(1, at=990)
    stop = alice.buys(1, at=1_030, trigger=stop_at(1_020))
    others = bob.buys(1, at=989)
    assert only(CountdownSet, alice.counts_down(10_000).events).due_ms == START_MS + 10_000
    exchange.passes(9_000)
    assert alice.counts_down(10_000).cancels == []
    exchange.passes(9_000)
    exchange.restarts()
    assert bob.cancels_all(Side.SHORT).cancels == []
    exchange.passes(1_000)
    gone = bob.cancels_all(Side.SHORT)
    assert gone.cancels == [(bid.order_id, "COUNTDOWN", 1, 0), (stop.order_id, "COUNTDOWN", 1, 0)]
    assert only(CountdownSet, gone.events).due_ms == 0
    assert exchange.bids == [(989, 1)]
    assert others.rested is not None
    # 0 disables it.
    alice.buys(1, at=988)
    alice.counts_down(1_000)
    alice.counts_down(0)
    exchange.passes(2_000)
    assert bob.cancels_all(Side.SHORT).cancels == []


def test_cancel_all_of_one_side_takes_waiting_orders_too() -> None:
    exchange = Exchange()
    (alice,) = exchange.traders("alice")
    bid = alice.buys(1, at=990)
    alice.sells(1, at=1_010)
    stop = alice.buys(1, at=1_030, trigger=stop_at(1_020))
    alice.sells(1, at=970, trigger=stop_at(980))
    assert alice.cancels_all(Side.LONG).cancels == [
        (bid.order_id, "USER", 1, 0),
        (stop.order_id, "USER", 1, 0),
    ]
    assert exchange.asks == [(1_010, 1)]


# ------------------------------------------------------------------------------------- amendments


def test_amend_to_fewer_lots_keeps_priority_and_gives_back_their_hold() -> None:
    exchange = Exchange()
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    first = alice.sells(5, at=1_000, hold=5 * 100_500)
    bob.sells(5, at=1_000)
    amended = only(OrderAmended, alice.amends(first, at=1_000, lots=3).events)
    assert (amended.kept_priority, amended.released_units) == (True, 2 * 100_500)
    assert [t.maker.account_id for t in carol.buys(4, at=1_000).trades] == [1, 2]


@pytest.mark.parametrize(("at", "lots"), [(1_000, 6), (1_001, 5)])
def test_any_other_amendment_goes_to_the_back(at: int, lots: int) -> None:
    exchange = Exchange()
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    first = alice.sells(5, at=1_000, hold=5 * 100_500)
    bob.sells(5, at=at)
    # Margin ⌈k·P/10⌉ and the fee at the new price, for the new size.
    brings = lots * (100 * at + -(-at // 2)) - 5 * 100_500
    amended = only(OrderAmended, alice.amends(first, at=at, lots=lots, brings=brings).events)
    assert (amended.kept_priority, amended.released_units) == (False, 0)
    assert carol.buys(6, at=at).trades[0].maker.account_id == bob.account_id


def test_amend_into_the_book_trades() -> None:
    exchange = Exchange()
    alice, bob = exchange.traders("alice", "bob")
    bob.sells(2, at=1_000)
    bid = alice.buys(5, at=990)
    amended = alice.amends(bid, at=1_000, lots=5, brings=5 * 1_005)
    assert amended.names[:2] == ["OrderAmended", "Trade"]
    assert amended.fills == [(1_000, 2)]
    assert exchange.bids == [(1_000, 3)]


def test_an_amendment_that_cannot_be_done_changes_nothing() -> None:
    exchange = Exchange()
    alice, bob = exchange.traders("alice", "bob")
    bid = alice.buys(2, at=990, hold=2 * 99_495)
    bob.sells(1, at=990)
    codes = []
    for at, lots, brings in (
        (990, 1, 0),  # as much as is filled
        (990, 2, 7),
        (1_101, 2, 7),
        (991, 2, 7),
    ):
        rejected = only(AmendRejected, alice.amends(bid, at=at, lots=lots, brings=brings).events)
        assert rejected.released_units == brings
        codes.append(str(rejected.code))
    assert codes == ["INVALID_SIZE", "NOTHING_TO_AMEND", "PRICE_OUTSIDE_BAND", "INSUFFICIENT_HOLD"]
    assert exchange.bids == [(990, 1)]
    rejected = only(AmendRejected, bob.amends(bid, at=980, lots=2).events)
    assert rejected.code == "NOT_ORDER_OWNER"
