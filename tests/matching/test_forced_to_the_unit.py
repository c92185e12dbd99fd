"""What is forced on a position, where numbers don't divide and where nothing is left: a long of 10
lots at 1,000 with a margin of 500,000 is worth nothing at 950."""

import pytest

from matching.messages.events import PositionLiquidated, PositionSettled, Trade
from tests.matching.actors import Exchange, every, only, opens


def test_legs_of_nobodys_order_name_none() -> None:
    exchange = Exchange()
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    opens(exchange, alice, bob, 10)
    bid = carol.buys(4, at=955)
    by_book, by_ranking = every(Trade, exchange.mark(945))
    assert (by_book.taker.order_id, by_book.maker.order_id) == (0, bid.order_id)
    assert (by_ranking.taker.order_id, by_ranking.maker.order_id) == (0, 0)
    assert (by_ranking.taker.remaining_lots, by_ranking.maker.remaining_lots) == (0, 0)
    legs = [event.leg for event in every(PositionSettled, exchange.settles(950))]
    assert [(leg.order_id, leg.remaining_lots) for leg in legs] == [(0, 0)] * 2


@pytest.mark.parametrize(
    ("added", "price"),
    [(0, 950), (4_999, 950), (5_000, 950), (5_001, 949), (15_000, 949), (15_001, 948)],
)
def test_the_price_of_a_deleveraged_long_is_the_nearest_tick(added: int, price: int) -> None:
    """It is closed at (10,000,000 − 500,000 − added)/(10·1,000); a half is rounded up."""
    exchange = Exchange()
    alice, bob = exchange.traders("alice", "bob")
    opens(exchange, alice, bob, 10)
    if added:
        alice.adds_margin(added)
    trade = only(Trade, exchange.mark(940))
    assert trade.price_ticks == price
    assert trade.taker.realized_pnl_units == -(500_000 + added)
    assert trade.maker.realized_pnl_units == 500_000 + added


@pytest.mark.parametrize(
    ("added", "price"), [(0, 1_050), (4_999, 1_050), (5_000, 1_051), (15_000, 1_052)]
)
def test_the_price_of_a_deleveraged_short_is_the_nearest_tick(added: int, price: int) -> None:
    exchange = Exchange()
    alice, bob = exchange.traders("alice", "bob")
    bob.sells(10, at=1_000, leverage=20)
    alice.buys(10, at=1_000, leverage=1)
    if added:
        bob.adds_margin(added)
    trade = only(Trade, exchange.mark(1_060))
    assert trade.price_ticks == price
    assert trade.maker.realized_pnl_units == 500_000 + added


@pytest.mark.parametrize(
    ("mark", "limit", "filled", "paid"),
    [(951, 950, 0, 0), (950, 855, 10, 10_000), (949, 855, 10, 10_000)],
)
def test_who_has_just_nothing_is_closed_down_to_the_band(
    mark: int, limit: int, filled: int, paid: int
) -> None:
    exchange = Exchange(insurance=10_000)
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    opens(exchange, alice, bob, 10)
    carol.buys(10, at=949)  # lacks 1,000 a lot
    told = only(PositionLiquidated, exchange.mark(mark))
    assert told.equity_units == (mark - 950) * 10_000
    assert (told.limit_ticks, told.filled_lots, told.insurance_paid_units) == (limit, filled, paid)
    assert told.deleveraged_lots == 0


@pytest.mark.parametrize("lots", [3, 7])
def test_a_share_that_does_not_divide_leaves_the_remainder_with_the_rest(lots: int) -> None:
    """Of a margin of 500,001 the part that closes gets its share rounded down."""
    exchange = Exchange()
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    opens(exchange, alice, bob, 10)
    alice.adds_margin(1)
    carol.buys(lots, at=1_000)
    leg = only(Trade, alice.sells(lots, at=1_000, reduce_only=True).events).taker
    assert leg.margin_delta_units == -(500_001 * lots // 10)
    assert alice.position == (10 - lots, (10 - lots) * 10**6, 500_001 - 500_001 * lots // 10)


def test_what_is_stuck_is_told_when_there_is_something_to_tell() -> None:
    """At 951 Alice has 10,000 left, and nobody bids 950."""
    exchange = Exchange()
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    opens(exchange, alice, bob, 10)
    (told,) = every(PositionLiquidated, exchange.mark(952))
    assert (told.filled_lots, told.left_lots) == (0, 10)
    assert every(PositionLiquidated, exchange.mark(951)) == []
    carol.buys(4, at=951)
    (told,) = every(PositionLiquidated, exchange.mark(952))
    assert (told.position_lots, told.filled_lots, told.left_lots) == (10, 4, 6)
    assert every(PositionLiquidated, exchange.mark(951)) == []
    exchange.mark(1_000)  # solvent again, and later not
    (told,) = every(PositionLiquidated, exchange.mark(951))
    assert (told.filled_lots, told.left_lots) == (0, 6)
