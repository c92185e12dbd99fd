"""When a changed setting takes effect: one test for each row of the table in docs/operating.md.
Rules of funding are in `test_funding_rules`, fees of an order in `test_terms_kept`."""

from typing import Any

import msgspec
import pytest

from matching.messages.events import (
    CommandRejected,
    MarketStateChanged,
    MarkPriceChanged,
    PositionLiquidated,
)
from matching.messages.vocabulary import MarketState
from tests.matching.actors import Exchange, every, one_tier, only, opens


@pytest.mark.parametrize(
    ("setting", "refused"),
    [
        ({"min_size_lots": 3}, "INVALID_SIZE"),
        ({"max_size_lots": 1}, "INVALID_SIZE"),
        ({"min_notional_units": 3_000_000}, "MIN_NOTIONAL"),
        ({"max_open_orders": 1}, "MAX_OPEN_ORDERS"),
        ({"max_open_interest_lots": 1}, "MAX_OPEN_INTEREST"),
        ({"tiers": one_tier(5)}, "INVALID_LEVERAGE"),
        ({"price_band_ppm": 10_000}, "PRICE_OUTSIDE_BAND"),
    ],
)
def test_limits_hold_for_orders_placed_from_then_on(setting: dict[str, Any], refused: str) -> None:
    exchange = Exchange()
    (alice,) = exchange.traders("alice")
    for _ in range(2):
        assert alice.buys(2, at=950).refused is None
    exchange.configures(**setting)
    assert exchange.bids == [(950, 4)]  # what rests stays
    order = alice.buys(2, at=1_020)
    assert order.refused == refused


def test_an_amendment_is_judged_by_the_limits_of_its_time() -> None:
    exchange = Exchange()
    (alice,) = exchange.traders("alice")
    order = alice.buys(2, at=950)
    exchange.configures(max_size_lots=2)
    assert alice.amends(order, at=951, lots=3, brings=10**7).names == ["AmendRejected"]
    assert alice.amends(order, at=951, lots=2, brings=10**6).names == [
        "OrderAmended",
        "OrderRested",
    ]


def test_the_band_holds_at_once_for_fills() -> None:
    exchange = Exchange()
    alice, bob = exchange.traders("alice", "bob")
    alice.sells(1, at=1_050)
    exchange.configures(price_band_ppm=10_000)
    assert [c[1] for c in bob.buys(1).cancels] == ["PRICE_BAND"]


def test_leverage_allowed_holds_at_once_for_fills() -> None:
    """An order that rests with more leverage than is allowed by now goes when it is met."""
    exchange = Exchange()
    alice, bob = exchange.traders("alice", "bob")
    order = alice.buys(1, at=1_000, leverage=20)
    exchange.configures(tiers=one_tier(10))
    met = bob.sells(1, at=1_000)
    assert met.cancels == [(order.order_id, "UNAFFORDABLE", 1, 0)]


@pytest.mark.parametrize(
    "setting", [{"tiers": one_tier(20, 49_999)}, {"liquidation_fee_ppm": 49_999}]
)
def test_maintenance_and_liquidation_fee_hold_from_the_next_mark_price(
    setting: dict[str, Any],
) -> None:
    exchange = Exchange()
    alice, bob = exchange.traders("alice", "bob")
    opens(exchange, alice, bob, 10)
    assert every(PositionLiquidated, exchange.mark(999)) == []
    assert every(PositionLiquidated, exchange.configures(**setting)) == []
    assert every(PositionLiquidated, exchange.ticks()) == []
    told = every(PositionLiquidated, exchange.mark(999))
    assert [event.account_id for event in told] == [alice.account_id]


def test_the_mark_clamp_holds_from_the_next_index_price() -> None:
    exchange = Exchange(mark_clamp_ppm=50_000)
    alice, bob = exchange.traders("alice", "bob")
    alice.buys(1, at=1_030)
    bob.sells(1, at=1_040)
    exchange.mark(1_000)
    assert exchange.engine.state.mark_price_ticks == 1_030
    exchange.configures(mark_clamp_ppm=10_000)
    assert exchange.engine.state.mark_price_ticks == 1_030
    assert only(MarkPriceChanged, exchange.mark(1_000)).mark_price_ticks == 1_010


def test_the_breaker_holds_from_the_next_index_price() -> None:
    exchange = Exchange()
    exchange.mark(1_100)
    assert every(MarketStateChanged, exchange.configures(circuit_breaker_ppm=50_000)) == []
    halted = only(MarketStateChanged, exchange.mark(1_000))
    assert halted.state is MarketState.HALTED


def test_the_age_of_a_stale_index_holds_at_once() -> None:
    exchange = Exchange(index_stale_ms=60_000)
    exchange.passes(30_000)
    assert every(MarkPriceChanged, exchange.configures(index_stale_ms=10_000)) == []
    assert exchange.engine.next_due_ms < exchange.now_ms  # the clock is moved now
    assert only(MarkPriceChanged, exchange.ticks()).index_stale


def test_the_impact_notional_holds_from_the_next_sample() -> None:
    """1,000 units are met at 1,020, 50 millions at 1,010 on average."""
    exchange = Exchange(impact_notional_units=1_000)
    (alice,) = exchange.traders("alice")
    alice.buys(1, at=1_020)
    alice.buys(50, at=1_005)
    first = only(MarkPriceChanged, exchange.mark(1_000))
    exchange.configures(impact_notional_units=10_000_000)
    second = only(MarkPriceChanged, exchange.mark(1_000))
    assert first.premium_ppb == 20_000_000
    assert 5_000_000 < second.premium_ppb < 10_000_000
    assert second.premium_sum_ppb == first.premium_sum_ppb + second.premium_ppb


def test_tick_and_lot_are_fixed_once_somebody_trades() -> None:
    exchange = Exchange()
    (alice,) = exchange.traders("alice")
    alice.buys(1, at=950)
    events = exchange.configures(units_per_tick_lot=100)
    assert only(CommandRejected, events).code == "INVALID_CONFIG"
    assert exchange.engine.state.config == msgspec.structs.replace(
        exchange.config, units_per_tick_lot=1_000, config_version=1
    )
