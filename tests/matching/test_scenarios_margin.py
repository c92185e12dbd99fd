"""Margin that may be taken out, how near a position is to its liquidation, and the slippage limit
of market orders. One tick times one lot is 1,000 units; the mark is 1,000 where nothing else is
said.
"""

import random

import msgspec
import pytest

from matching.messages.commands import AdjustMargin, LeverageTier, Trigger
from matching.messages.events import (
    MarginAdjusted,
    MarginAdjustmentRejected,
    OrderTriggered,
    PositionLiquidated,
    Trade,
)
from matching.messages.holds import order_reserve, slippage_limit_ticks
from matching.messages.limits import PPM
from matching.messages.tiers import TierTable, margin_ratio_ppm
from matching.messages.vocabulary import OrderType, RejectCode, Side
from tests.matching.actors import RULES, Exchange, Trader, one_tier, only, positioned, stop_at

FIFTY = one_tier(50, 10_000)


def adjust(trader: Trader, units: int, leverage: int) -> MarginAdjusted | MarginAdjustmentRejected:
    """Below zero takes margin out."""
    command = AdjustMargin(
        command_id=trader.exchange.next_command_id(),
        account_id=trader.account_id,
        amount_units=units,
        leverage=leverage,
    )
    (event, *_) = trader.exchange.send(command)
    assert isinstance(event, MarginAdjusted | MarginAdjustmentRejected)
    return event


def removable(trader: Trader, leverage: int) -> int:
    """As a refusal of all there could be tells it."""
    refused = adjust(trader, -(10**15), leverage)
    assert isinstance(refused, MarginAdjustmentRejected)
    assert refused.code is RejectCode.INSUFFICIENT_MARGIN
    return refused.removable_units


def takes_exactly(trader: Trader, units: int, leverage: int) -> None:
    """A unit more is refused with the same number, as much is given, and then nothing is left."""
    refused = adjust(trader, -units - 1, leverage)
    assert isinstance(refused, MarginAdjustmentRejected)
    assert refused.removable_units == units
    taken = adjust(trader, -units, leverage)
    assert isinstance(taken, MarginAdjusted)
    assert removable(trader, leverage) == 0


@pytest.mark.parametrize("leverage", [3, 7, 40, 50])
@pytest.mark.parametrize("is_long", [True, False])
def test_what_was_added_can_be_taken_back_to_the_unit(leverage: int, is_long: bool) -> None:
    exchange = Exchange(tiers=FIFTY)
    alice, bob = exchange.traders("alice", "bob")
    bob.sells(3, at=1_000) if is_long else bob.buys(3, at=1_000)
    order = alice.buys if is_long else alice.sells
    assert order(3, at=1_000, leverage=leverage).fills == [(1_000, 3)]
    assert removable(alice, leverage) == 0
    adjust(alice, 20_000_001, leverage)
    takes_exactly(alice, 20_000_001, leverage)


def test_an_unrealised_loss_counts_and_a_profit_does_not() -> None:
    exchange = Exchange(tiers=FIFTY)
    alice, bob = exchange.traders("alice", "bob")
    bob.sells(1, at=1_000, leverage=1)
    alice.buys(1, at=1_000, leverage=40)
    adjust(alice, 20_000, 40)  # 45,000 in all
    exchange.mark(990)  # a loss of 10,000; ⌈990,000 / 40⌉ = 24,750 has to stay
    assert removable(alice, 40) == 45_000 - 10_000 - 24_750
    exchange.mark(1_100)  # a profit of 100,000; 27,500 has to stay
    takes_exactly(alice, 45_000 - 27_500, 40)


def test_the_tier_caps_the_leverage_and_none_is_as_much_as_it_allows() -> None:
    tiers = (
        LeverageTier(floor_units=0, max_leverage=50, maintenance_ppm=10_000),
        LeverageTier(floor_units=3_000_000, max_leverage=10, maintenance_ppm=20_000),
    )
    exchange = Exchange(tiers=tiers)
    alice, bob = exchange.traders("alice", "bob")
    positioned(exchange, long=alice, short=bob, lots=2)
    adjust(alice, 1_000_000, 0)
    adjust(bob, 10_000_000, 0)
    assert removable(alice, 0) == removable(alice, 1_000) == 1_200_000 - 40_000
    exchange.mark(1_500)  # a value of 3,000,000 is in the second tier
    assert removable(alice, 0) == removable(alice, 50) == 1_200_000 - 300_000
    assert removable(alice, 5) == 1_200_000 - 600_000


def test_what_stays_is_never_liquidatable() -> None:
    """Maintenance of 1.5 % and a fee of 1 % are more than the 2 % of 50×."""
    exchange = Exchange(tiers=one_tier(50, 15_000), liquidation_fee_ppm=10_000)
    alice, bob = exchange.traders("alice", "bob")
    positioned(exchange, long=alice, short=bob, lots=1)
    takes_exactly(alice, 100_000 - 25_000, 50)
    assert not [e for e in exchange.mark(1_000) if isinstance(e, PositionLiquidated)]


def test_the_ratio_is_one_where_the_liquidation_begins() -> None:
    """Whatever the position: above one exactly when it is liquidatable, at the liquidation price
    and not a tick before it."""
    rng = random.Random(1_211)
    tiers = (
        LeverageTier(floor_units=0, max_leverage=50, maintenance_ppm=10_000),
        LeverageTier(floor_units=10**9, max_leverage=10, maintenance_ppm=37_500),
    )
    triggered = 0
    for _ in range(2_000):
        fee_ppm = rng.choice((0, 1, 5_000))
        config = msgspec.structs.replace(RULES, tiers=tiers, liquidation_fee_ppm=fee_ppm)
        table = TierTable(config)
        lots = rng.choice((1, -1)) * rng.choice((1, 7, rng.randint(1, 10_000)))
        cost = 1_000 * lots * rng.randint(500, 1_500) + rng.randint(-500, 500)
        margin = abs(cost) // rng.randint(2, 50) + rng.randint(0, 3)
        price = table.liquidation_price_ticks(lots, cost, margin)
        if price < 1:
            continue
        triggered += 1
        before = price + 1 if lots > 0 else price - 1
        for mark, beyond in ((price, True), (before, False)):
            assert table.is_liquidatable(lots, cost, margin, mark) is beyond
            notional = 1_000 * abs(lots) * mark
            equity = margin + 1_000 * lots * mark - cost
            ratio = margin_ratio_ppm(table.required_ppm(notional), equity)
            assert (ratio is None or ratio > PPM) is beyond
    assert triggered > 1_500
    assert margin_ratio_ppm(7 * PPM, 7) == PPM
    assert margin_ratio_ppm(10**9 * PPM + 1, 10**9) == PPM + 1
    assert margin_ratio_ppm(10**9 * PPM - 1, 10**9) == PPM - 1
    assert margin_ratio_ppm(1, 0) is None


# ------------------------------------------------------------------------------ slippage


@pytest.mark.parametrize(
    ("mark", "slippage_ppm", "band_ppm", "long", "short"),
    [
        (1_000, 10_000, 100_000, 1_010, 990),
        (999, 10_000, 100_000, 1_008, 990),  # 1,008.99 and 989.01: towards the mark
        (1_000, 300_000, 100_000, 1_100, 900),  # a band made narrower since
        (50, 10_000, 100_000, 50, 50),  # less than a tick: at the mark
        (1, 999_999, 999_999, 1, 1),
        (10**12, 10_000, 100_000, 10**12, 990_000_000_000),
    ],
)
def test_the_worst_price_of_a_market_order(
    mark: int, slippage_ppm: int, band_ppm: int, long: int, short: int
) -> None:
    assert slippage_limit_ticks(Side.LONG, mark, slippage_ppm, band_ppm) == long
    assert slippage_limit_ticks(Side.SHORT, mark, slippage_ppm, band_ppm) == short


def test_market_orders_of_both_sides_reserve_about_the_same() -> None:
    """4,000 at 50×: margin 80, open loss 40 and the fee, each at the worst price for it."""
    totals = {}
    for side in Side:
        reserve = order_reserve(
            units_per_tick_lot=1_000_000,
            taker_fee_ppm=500,
            side=side,
            order_type=OrderType.MARKET,
            price_ticks=slippage_limit_ticks(side, 4_000, 10_000, 100_000),
            mark_ticks=4_000,
            best_bid_ticks=3_999,
            named_margin_per_lot_units=0,
            leverage=50,
        )
        assert reserve.open_loss_units == 40_000_000
        totals[side] = reserve.per_lot_units
    assert totals == {
        Side.LONG: 80_800_000 + 40_000_000 + 2_020_000,
        Side.SHORT: 80_400_000 + 40_000_000 + 2_010_000,
    }


@pytest.mark.parametrize("is_long", [True, False])
def test_a_market_order_fills_up_to_its_limit_and_the_rest_expires(is_long: bool) -> None:
    exchange = Exchange()
    alice, bob = exchange.traders("alice", "bob")
    prices = (1_005, 1_010, 1_011) if is_long else (995, 990, 989)
    for price in prices:
        bob.sells(1, at=price) if is_long else bob.buys(1, at=price)
    side = Side.LONG if is_long else Side.SHORT
    worst = slippage_limit_ticks(side, 1_000, 10_000, 100_000)
    order = alice.buys(3, worst=worst) if is_long else alice.sells(3, worst=worst)
    assert order.fills == [(prices[0], 1), (prices[1], 1)]
    assert order.cancels == [(order.order_id, "IOC_REMAINDER", 1, 0)]


def limited(trigger: Trigger) -> Trigger:
    return msgspec.structs.replace(trigger, max_slippage_ppm=10_000)


def test_a_stop_with_a_limit_counts_from_the_mark_it_fires_at() -> None:
    exchange = Exchange()
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    positioned(exchange, long=alice, short=bob, lots=3)
    carol.buys(1, at=941)
    carol.buys(1, at=940)
    alice.sells(3, trigger=limited(stop_at(980)), reduce_only=True, worst=971)
    exchange.restarts()
    events = exchange.mark(950)  # past 980 at once
    assert only(OrderTriggered, events).price_ticks == 941  # 940.5, towards the mark
    assert only(Trade, events).price_ticks == 941
    assert alice.position[0] == 2


def test_a_stop_that_opens_gets_its_limit_before_its_hold() -> None:
    exchange = Exchange()
    alice, bob = exchange.traders("alice", "bob")
    order = alice.buys(2, trigger=limited(stop_at(1_020)), worst=1_030)
    fired = only(OrderTriggered, exchange.mark(1_050))
    assert (fired.needs_hold, fired.price_ticks) == (True, 1_060)
    exchange.restarts()
    bob.sells(1, at=1_060)
    bob.sells(1, at=1_061)
    active = alice.activates(order, 2 * 200_000)
    assert active.accepted is not None
    assert active.accepted.price_ticks == 1_060
    assert active.fills == [(1_060, 1)]


def test_a_stop_without_a_limit_closes_down_to_the_band() -> None:
    exchange = Exchange()
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    positioned(exchange, long=alice, short=bob, lots=1)
    carol.buys(1, at=920)
    alice.sells(1, trigger=stop_at(980), reduce_only=True)
    events = exchange.mark(970)
    assert only(OrderTriggered, events).price_ticks == 0
    assert only(Trade, events).price_ticks == 920
