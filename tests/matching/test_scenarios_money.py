"""What trades do to money, worked out by hand. One tick times one lot is 1,000 units; makers pay
200 ppm of the notional, takers 500 ppm.
"""

from tests.matching.actors import FUNDS, Exchange, money_of, one_tier


def test_leverage_mode_opens_both_sides() -> None:
    exchange = Exchange(mark=1_000)
    alice, bob = exchange.traders("alice", "bob")

    # Resting at 1,000: margin 1,000,000/10 = 100,000 a lot, no loss at the mark, fee 500: 100,500.
    # Bob holds 110,000 a lot; what is beyond 100,500 comes back when the order rests.
    ask = bob.sells(5, at=1_000, leverage=10, hold=550_003)
    assert ask.accepted is not None
    assert ask.accepted.released_units == 3  # 550,003 = 5 × 110,000 + 3
    assert ask.rested is not None
    assert ask.rested.released_units == 5 * 9_500
    assert (bob.available, bob.held) == (FUNDS - 502_500, 502_500)

    # Alice takes 3 at 1,000 with a limit of 1,002: margin per lot at her limit 100,200, loss 2,000,
    # fee 501: she holds 102,701 a lot.
    bid = alice.buys(3, at=1_002, leverage=10, hold=308_103)
    (trade,) = bid.trades
    assert (trade.price_ticks, trade.size_lots) == (1_000, 3)
    # Alice: reserve 308,103 back; margin 3,000,000/10; fee 3,000,000 × 500 ppm.
    assert money_of(trade.taker) == (308_103, 300_000, 0, 1_500, 6_603)
    # Bob: reserve 3 × 100,500; the same margin; fee 3,000,000 × 200 ppm = 600.
    assert money_of(trade.maker) == (301_500, 300_000, 0, 600, 900)
    assert trade.maker.remaining_lots == 2
    assert alice.position == (3, 3_000_000, 300_000)
    assert bob.position == (-3, -3_000_000, 300_000)
    assert alice.available == FUNDS - 300_000 - 1_500
    assert (bob.available, bob.held) == (FUNDS - 300_000 - 600 - 2 * 100_500, 2 * 100_500)
    assert exchange.audit.fees == 2_100
    assert exchange.asks == [(1_000, 2)]


def test_named_margin_all_goes_to_the_position() -> None:
    exchange = Exchange(mark=1_000)
    alice, bob = exchange.traders("alice", "bob")
    # Named 700,001 for 2 lots: 350,000 a lot. The hold of 2 × 350,500 + 1 leaves 1 over.
    bob.sells(2, at=1_000, margin=700_001, hold=701_001)
    assert bob.held == 2 * 350_500
    bid = alice.buys(2, at=1_000, margin=500_000, hold=501_000)
    (trade,) = bid.trades
    assert money_of(trade.taker) == (501_000, 500_000, 0, 1_000, 0)
    assert money_of(trade.maker) == (701_000, 700_000, 0, 400, 600)
    assert alice.available == FUNDS - 501_000
    assert bob.available == FUNDS - 700_000 - 400
    assert bob.held == 0


def test_partial_close_takes_its_share_and_keeps_margin_per_lot() -> None:
    exchange = Exchange(mark=1_000)
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    bob.sells(3, at=1_000)
    bob.sells(4, at=1_001)
    alice.buys(7, at=1_001)
    # 3 at 1,000 and 4 at 1,001: cost 7,004,000, margin 300,000 + 400,400.
    assert alice.position == (7, 7_004_000, 700_400)

    carol.buys(2, at=1_010)
    close = alice.sells(2, at=1_010)
    (trade,) = close.trades
    # Cost of 2 of 7: ⌊14,008,000/7⌋ = 2,001,142 (2,001,142.86); margin ⌊1,400,800/7⌋ = 200,114.
    # Profit 2,020,000 − 2,001,142 = 18,858; fee 2,020,000 × 500 ppm = 1,010.
    # Out: margin 200,114 + profit 18,858 − fee 1,010 = 217,962, and the hold of 2 × 3,000,000.
    assert money_of(trade.taker) == (6_000_000, -200_114, 18_858, 1_010, 6_217_962)
    assert alice.position == (5, 5_002_858, 500_286)

    carol.buys(5, at=990)
    rest = alice.sells(5, at=990)
    # Everything that is left: cost 5,002,858, profit 4,950,000 − 5,002,858 = −52,858; fee 2,475.
    assert money_of(rest.trades[0].taker)[1:4] == (-500_286, -52_858, 2_475)
    assert alice.position == (0, 0, 0)
    assert alice.held == 0
    # Over all: in at 7,004,000, out at 6,970,000; fees 3,502 + 1,010 + 2,475 (taker throughout).
    # Opening fees by fill: 3,000,000 → 1,500 and 4,004,000 → 2,002.
    assert alice.available == FUNDS - 34_000 - 1_500 - 2_002 - 1_010 - 2_475


def test_short_closes_with_profit_when_the_price_falls() -> None:
    exchange = Exchange(mark=1_000)
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    alice.sells(3, at=1_000)
    bob.buys(3, at=1_000)
    carol.sells(2, at=980)
    close = alice.buys(2, at=980)
    (trade,) = close.trades
    # Cost of 2 of 3 of −3,000,000 is −2,000,000; paid 1,960,000: profit 40,000; fee 980.
    assert money_of(trade.taker)[1:4] == (-200_000, 40_000, 980)
    assert alice.position == (-1, -1_000_000, 100_000)


def test_flip_of_a_position_by_one_order_closes_whole_then_opens_with_its_hold() -> None:
    exchange = Exchange(mark=1_000)
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    bob.sells(2, at=1_000)
    alice.buys(2, at=1_000)
    carol.buys(5, at=1_004)
    # Reserve 150,000 a lot. 2 lots close, 3 open short at 1,004 with leverage 8.
    flip = alice.sells(5, at=1_000, leverage=8, hold=750_000)
    (trade,) = flip.trades
    # Close: margin 200,000 back, profit 2,008,000 − 2,000,000 = 8,000, fee 1,004.
    # Open: 3,012,000/8 = 376,500 margin, fee 1,506. Margin delta 376,500 − 200,000.
    assert money_of(trade.taker) == (750_000, 176_500, 8_000, 2_510, 578_990)
    assert alice.position == (-3, -3_012_000, 376_500)


def test_flip_that_can_only_afford_its_close_closes() -> None:
    exchange = Exchange(mark=1_000)
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    bob.sells(2, at=1_000)
    alice.buys(2, at=1_000)
    carol.buys(5, at=1_004)
    # Enough per lot at the limit of 1,000 (100,500), not at 1,004: 100,400 + 502 a lot.
    flip = alice.sells(5, at=1_000, leverage=10, hold=5 * 100_500)
    assert flip.fills == [(1_004, 2)]
    assert flip.cancels == [(flip.order_id, "UNAFFORDABLE", 3, 0)]
    assert alice.position == (0, 0, 0)
    assert alice.held == 0
    assert exchange.bids == [(1_004, 3)]


def test_cancel_gives_back_exactly_what_is_still_held() -> None:
    exchange = Exchange(mark=1_000)
    alice, bob = exchange.traders("alice", "bob")
    before = alice.available
    bid = alice.buys(7, at=999, leverage=3, hold=7 * 333_500 + 6)
    # Margin ⌈999,000/3⌉ = 333,000, fee ⌈499.5⌉ = 500: nothing over but the 6.
    assert (alice.held, before - alice.available) == (7 * 333_500, 7 * 333_500)
    alice.cancels(bid)
    assert (alice.held, alice.available) == (0, before)

    second = alice.buys(7, at=999, leverage=3, hold=7 * 333_500)
    bob.sells(4, at=999)
    # As maker each lot needs 333,000 + 199.8; four lots: 1,332,000 + ⌈799.2⌉ = 1,332,800.
    assert alice.held == 3 * 333_500
    alice.cancels(second)
    assert alice.held == 0
    assert alice.available == before - 1_332_000 - 800


def test_a_fill_below_the_positions_bankruptcy_is_refused() -> None:
    exchange = Exchange(mark=1_000)
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    bob.sells(1, at=1_000, leverage=20)
    alice.buys(1, at=1_000, leverage=20)  # margin 50,000
    bid = carol.buys(1, at=950)
    # Selling at 950 loses 50,000 and the fee of 475 is not there.
    close = alice.sells(1, at=950)
    assert close.fills == []
    assert close.cancels == [(close.order_id, "UNAFFORDABLE", 1, 0)]
    assert alice.position == (1, 1_000_000, 50_000)
    carol.cancels(bid)
    # At 951: −49,000 − ⌈475.5⌉ leaves 524.
    carol.buys(1, at=951)
    assert money_of(alice.sells(1, at=951, hold=3_000_000).trades[0].taker) == (
        3_000_000,
        -50_000,
        -49_000,
        476,
        3_000_524,
    )


def test_a_maker_that_cannot_pay_is_cancelled_and_matching_goes_on() -> None:
    exchange = Exchange(mark=1_000)
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    # Bob's short at 1,000 brings 50,000 a lot; then the mark rises by 60: his loss would be 60,000.
    ask = bob.sells(2, at=1_000, leverage=20, hold=2 * 50_500)
    carol_ask = carol.sells(2, at=1_001, leverage=5)
    exchange.mark(1_060)
    bid = alice.buys(3, at=1_001, leverage=5)
    assert bid.fills == [(1_001, 2)]
    assert bid.trades[0].maker.order_id == carol_ask.order_id
    assert bid.cancels == [(ask.order_id, "UNAFFORDABLE", 2, 0)]
    assert bob.held == 0
    assert bob.available == FUNDS
    assert exchange.bids == [(1_001, 1)]


def test_margin_must_cover_the_loss_at_the_mark() -> None:
    exchange = Exchange(mark=1_000)
    (alice,) = exchange.traders("alice")
    # Buying at 1,060 loses 60,000 a lot at once: 53,000 of margin (20×) is too little, 60,000 fits.
    assert alice.buys(1, at=1_060, leverage=20).refused == "INSUFFICIENT_MARGIN"
    assert alice.buys(1, at=1_060, margin=59_999).refused == "INSUFFICIENT_MARGIN"
    # Hold for a named 60,000: margin + fee 530 is the least the engine takes.
    assert alice.buys(1, at=1_060, margin=60_000, hold=60_529).refused == "INSUFFICIENT_HOLD"
    assert alice.buys(1, at=1_060, margin=60_000, hold=60_530).refused is None
    assert alice.held == 60_530


def test_a_refusal_gives_the_whole_hold_back() -> None:
    exchange = Exchange(mark=1_000)
    (alice,) = exchange.traders("alice")
    assert alice.buys(3, at=1_200, hold=1_234_567).refused == "PRICE_OUTSIDE_BAND"
    assert (alice.available, alice.held) == (FUNDS, 0)


def test_fees_round_up_for_each_part() -> None:
    # k = 7: one lot at 1,001 is worth 7,007; taker 3.5035 → 4, maker 1.4014 → 2.
    exchange = Exchange(mark=1_000, units_per_tick_lot=7)
    alice, bob = exchange.traders("alice", "bob")
    bob.sells(1, at=1_001, leverage=3)
    bid = alice.buys(1, at=1_001, leverage=3)
    assert (bid.trades[0].taker.fee_units, bid.trades[0].maker.fee_units) == (4, 2)
    # Margin 7,007/3 = 2,335.67 → 2,336.
    assert alice.position == (1, 7_007, 2_336)
    # A flip pays for its close and for its open, each rounded up: 4 + ⌈7.007⌉ = 12.
    bob.buys(3, at=1_001)
    assert alice.sells(3, at=1_001).trades[0].taker.fee_units == 12


def test_a_close_that_leaves_exactly_nothing_is_allowed() -> None:
    exchange = Exchange(mark=1_000)
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    bob.sells(1, at=1_000)
    alice.buys(1, at=1_000, margin=50_475)
    carol.buys(1, at=950)
    # Selling at 950 loses 50,000 and costs a fee of 475: the margin to its last unit.
    close = alice.sells(1, at=950)
    assert money_of(close.trades[0].taker) == (3_000_000, -50_475, -50_000, 475, 3_000_000)
    assert alice.position == (0, 0, 0)


def test_a_fill_needs_the_smallest_margin_at_its_own_price() -> None:
    exchange = Exchange(mark=1_000, tiers=one_tier(20))
    alice, bob = exchange.traders("alice", "bob")
    bob.buys(2, at=1_010)
    # 50,000 a lot is enough at the mark, where a market order is first measured; at 1,010 it takes
    # 1,010,000/20 = 50,500.
    short = alice.sells(1, margin=50_499)
    assert short.cancels == [(short.order_id, "UNAFFORDABLE", 1, 0)]
    assert alice.sells(1, margin=50_500).fills == [(1_010, 1)]
