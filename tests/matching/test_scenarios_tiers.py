"""Margin added and taken out, tiers of leverage and of fees, told with named traders. One tick
times one lot is 1,000 units; leverage is 10 where nothing else is said.
"""

from matching.messages.commands import LeverageTier
from matching.messages.events import MarginAdjustmentRejected
from matching.messages.vocabulary import TimeInForce
from tests.matching.actors import FUNDS, Exchange, money_of, only


def test_added_margin_moves_the_liquidation_price_and_may_be_taken_out_again() -> None:
    exchange = Exchange()
    alice, bob = exchange.traders("alice", "bob")
    bob.sells(10, at=1_000)
    alice.buys(10, at=1_000, leverage=20)  # liquidatable at 959
    alice.adds_margin(1_000_000)
    assert alice.position == (10, 10_000_000, 1_500_000)
    assert exchange.mark(959)[1:] == ()
    exchange.mark(1_000)
    # At 1,000 the tier asks 500,000: so much must stay.
    refused = only(MarginAdjustmentRejected, alice.adds_margin(-1_000_001).events)
    assert (str(refused.code), refused.released_units) == ("INSUFFICIENT_MARGIN", 0)
    assert refused.removable_units == 1_000_000
    alice.adds_margin(-1_000_000)
    assert alice.position == (10, 10_000_000, 500_000)
    assert alice.available == FUNDS - 5_000 - 500_000
    # Without a position there is nothing to add to; what was held for it comes back.
    carol = exchange.traders("alice", "bob", "carol")[2]
    refused = only(MarginAdjustmentRejected, carol.adds_margin(5).events)
    assert (str(refused.code), refused.released_units) == ("NO_POSITION", 5)


def test_leverage_falls_with_the_tier_of_the_resulting_position() -> None:
    tiers = (
        LeverageTier(floor_units=0, max_leverage=20, maintenance_ppm=10_000),
        LeverageTier(floor_units=10_000_000, max_leverage=5, maintenance_ppm=50_000),
    )
    exchange = Exchange(tiers=tiers)
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    bob.sells(9, at=1_000, leverage=5)
    bob.sells(9, at=1_000, leverage=5)
    assert alice.buys(9, at=1_000, leverage=20).fills == [(1_000, 9)]
    # One lot more makes 10,000,000: the next tier.
    assert alice.buys(1, at=1_000, leverage=20).refused == "MAX_POSITION"
    assert alice.buys(1, at=1_000, margin=199_999).refused == "INSUFFICIENT_MARGIN"
    assert alice.buys(1, at=1_000, leverage=5).fills == [(1_000, 1)]
    # Checked again at the fill: two bids of 9 fit alone, not together.
    first = carol.buys(9, at=999, leverage=20)
    second = carol.buys(9, at=999, leverage=20)
    sweep = alice.sells(11, at=999)
    assert sweep.fills == [(999, 9)]
    assert sweep.cancels == [(second.order_id, "UNAFFORDABLE", 9, 0)]
    assert first.rested is not None


def test_no_fill_leaves_its_position_liquidatable_at_once() -> None:
    exchange = Exchange()
    alice, bob = exchange.traders("alice", "bob")
    bob.sells(1, at=1_041)
    # Bought at 1,041 with a mark of 1,000: loss 41,000, maintenance 10,000. 50,999 is too little.
    assert alice.buys(1, at=1_041, margin=52_050, hold=60_000).refused is None
    assert alice.position == (1, 1_041_000, 52_050)
    bob.sells(1, at=1_043)
    order = alice.buys(1, at=1_043, margin=52_150, hold=60_000)
    # Together: 104,200 of margin against losses of 84,000 and 20,000 of maintenance: 200 are left.
    assert order.fills == [(1_043, 1)]
    bob.sells(1, at=1_045)
    order = alice.buys(1, at=1_045, margin=52_250, hold=60_000)
    assert order.fills == []
    assert order.cancels == [(order.order_id, "UNAFFORDABLE", 1, 0)]


def test_fees_are_those_of_the_order_and_a_rebate_never_exceeds_the_takers_fee() -> None:
    exchange = Exchange()
    alice, bob = exchange.traders("alice", "bob")
    bob.sells(1, at=1_000, fees_ppm=(-100, 300))
    trade = alice.buys(1, at=1_000, fees_ppm=(100, 400)).trades[0]
    assert (trade.taker.fee_units, trade.maker.fee_units) == (400, -100)
    # Reserve 3,000,000 a lot at first, 100,300 at rest; margin 100,000, and 100 on top of the rest.
    assert money_of(trade.maker) == (100_300, 100_000, 0, -100, 400)
    bob.sells(1, at=1_000, fees_ppm=(-500, 0))
    trade = alice.buys(1, at=1_000, fees_ppm=(0, 200)).trades[0]
    assert (trade.taker.fee_units, trade.maker.fee_units) == (200, -200)
    assert exchange.audit.fees == 300


def test_post_only_stays_post_only_when_amended() -> None:
    exchange = Exchange()
    alice, bob = exchange.traders("alice", "bob")
    bob.sells(1, at=1_000)
    bid = alice.buys(1, at=990, tif=TimeInForce.GTX)
    amended = alice.amends(bid, at=1_000, lots=1, brings=1_005)
    assert amended.cancels == [(bid.order_id, "POST_ONLY_WOULD_TAKE", 1, 0)]
    assert alice.held == 0
