"""Self-trades and reduce-only orders, told with named traders."""

from matching.messages.vocabulary import SelfTradePrevention, TimeInForce
from tests.matching.actors import FUNDS, Exchange, positioned

# ---------------------------------------------------------------------------------- self-trades


def test_self_trade_expires_the_maker_and_goes_on() -> None:
    exchange = Exchange()
    alice, bob = exchange.traders("alice", "bob")
    own = alice.sells(2, at=1_000)
    bob.sells(2, at=1_001)
    order = alice.buys(3, at=1_001, stp=SelfTradePrevention.EXPIRE_MAKER)
    assert order.cancels == [(own.order_id, "SELF_TRADE", 2, 0)]
    assert order.fills == [(1_001, 2)]
    assert (exchange.bids, exchange.asks) == ([(1_001, 1)], [])


def test_self_trade_expires_the_taker() -> None:
    exchange = Exchange()
    alice, bob = exchange.traders("alice", "bob")
    bob.sells(1, at=999)
    alice.sells(2, at=1_000)
    order = alice.buys(3, at=1_001, stp=SelfTradePrevention.EXPIRE_TAKER)
    assert order.fills == [(999, 1)]
    assert order.cancels == [(order.order_id, "SELF_TRADE", 2, 0)]
    assert (exchange.bids, exchange.asks) == ([], [(1_000, 2)])


def test_self_trade_expires_both() -> None:
    exchange = Exchange()
    alice, bob = exchange.traders("alice", "bob")
    own = alice.sells(2, at=1_000)
    bob.sells(1, at=1_001)
    order = alice.buys(3, at=1_001, stp=SelfTradePrevention.EXPIRE_BOTH)
    assert order.fills == []
    assert order.cancels == [
        (own.order_id, "SELF_TRADE", 2, 0),
        (order.order_id, "SELF_TRADE", 3, 0),
    ]
    assert (exchange.bids, exchange.asks) == ([], [(1_001, 1)])
    assert alice.available == FUNDS


# ---------------------------------------------------------------------------------- reduce-only


def test_reduce_only_needs_an_opposite_position() -> None:
    exchange = Exchange()
    alice, bob = exchange.traders("alice", "bob")
    assert alice.sells(1, at=1_000, reduce_only=True).refused == "REDUCE_ONLY_NO_POSITION"
    positioned(exchange, long=alice, short=bob, lots=2)
    assert alice.buys(1, at=1_000, reduce_only=True).refused == "REDUCE_ONLY_NO_POSITION"
    assert alice.sells(1, at=1_001, reduce_only=True).refused is None
    assert alice.held == 0


def test_reduce_only_is_clamped_to_the_position_at_entry() -> None:
    exchange = Exchange()
    alice, bob = exchange.traders("alice", "bob")
    positioned(exchange, long=alice, short=bob, lots=3)
    order = alice.sells(5, at=1_002, reduce_only=True)
    assert order.cancels == [(order.order_id, "REDUCE_ONLY", 2, 3)]
    assert exchange.asks == [(1_002, 3)]


def test_reduce_only_trimming_takes_the_least_aggressive_and_newest_first() -> None:
    exchange = Exchange()
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    positioned(exchange, long=alice, short=bob, lots=10)
    near = alice.sells(4, at=1_002, reduce_only=True)
    far_older = alice.sells(3, at=1_004, reduce_only=True)
    far_newer = alice.sells(3, at=1_004, reduce_only=True)
    carol.buys(4, at=999)
    close = alice.sells(4, at=999)
    # Six lots may stay of ten: the newest at 1,004 goes whole, the older loses one.
    assert close.cancels == [
        (far_newer.order_id, "REDUCE_ONLY", 3, 0),
        (far_older.order_id, "REDUCE_ONLY", 1, 2),
    ]
    assert exchange.asks == [(1_002, 4), (1_004, 2)]
    # Flat: all go.
    carol.buys(6, at=999)
    assert alice.sells(6, at=999).cancels == [
        (far_older.order_id, "REDUCE_ONLY", 2, 0),
        (near.order_id, "REDUCE_ONLY", 4, 0),
    ]
    assert exchange.asks == []


def test_reduce_only_orders_go_when_the_position_changes_sides() -> None:
    exchange = Exchange()
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    positioned(exchange, long=alice, short=bob, lots=2)
    reducing = alice.sells(2, at=1_005, reduce_only=True)
    carol.buys(5, at=999)
    flip = alice.sells(5, at=999)
    assert flip.cancels == [(reducing.order_id, "REDUCE_ONLY", 2, 0)]
    assert alice.position[0] == -3


def test_one_more_reduce_only_order_than_the_position_can_bear_trims_the_worst() -> None:
    exchange = Exchange()
    alice, bob = exchange.traders("alice", "bob")
    positioned(exchange, long=alice, short=bob, lots=3)
    far = alice.sells(3, at=1_005, reduce_only=True)
    near = alice.sells(2, at=1_002, reduce_only=True)
    assert near.cancels == [(far.order_id, "REDUCE_ONLY", 2, 1)]
    assert exchange.asks == [(1_002, 2), (1_005, 1)]


def test_reduce_only_fill_or_kill_passes_by_a_reduce_only_maker_that_flipped() -> None:
    """A maker's plain order closes its position on the way; its reduce-only order then goes, and
    the next maker fills the rest."""
    exchange = Exchange()
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    positioned(exchange, long=bob, short=alice, lots=5)
    positioned(exchange, long=carol, short=alice, lots=5)
    bob.sells(5, at=1_001)
    reducing = bob.sells(2, at=1_002, reduce_only=True)
    carol.sells(5, at=1_003)
    order = alice.buys(8, at=1_003, tif=TimeInForce.FOK, reduce_only=True)
    assert order.fills == [(1_001, 5), (1_003, 3)]
    assert order.cancels == [(reducing.order_id, "REDUCE_ONLY", 2, 0)]
