"""What is suggested for any price is taken by the service, the engine and the preview."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.launch.defaults import (
    Liquidity,
    lot_of_price,
    suggested,
    suggested_like,
    tick_of_price,
    tiers_of_move,
)
from console.launch.preview import preview
from markets.config import market_config
from markets.conversions import nearest_ticks
from markets.models import Market
from matching.core.engine import Engine
from matching.messages.commands import ConfigureMarket, SetMarketState, UpdateIndexPrice
from matching.messages.events import MarketConfigured, MarketStateChanged, MarkPriceChanged
from matching.messages.limits import PPM
from matching.messages.vocabulary import MarketState
from tests.proofs import share

pytestmark = pytest.mark.django_db

prices = st.builds(
    lambda digits, exponent: Decimal(digits).scaleb(exponent),
    st.integers(1, 99_999),
    st.integers(-12, 2),
).filter(lambda price: Decimal("1e-8") <= price <= 10**6)
liquidities = st.sampled_from(Liquidity)
moves = st.one_of(st.just(0), st.integers(1, 2 * PPM))


def check(market: Market, tiers: list[object], price: Decimal) -> None:
    """As `configure_market` checks it, then as the engine does."""
    market.id, market.base_asset, market.quote_asset = "X-PERP", "X", "USD"
    market.full_clean()
    config = market_config(market, tiers)  # type: ignore[arg-type]
    engine = Engine()
    ticks = nearest_ticks(price, market.tick_size)
    configure = ConfigureMarket(command_id=1, config=config)
    (configured,) = engine.apply(configure, 1)
    assert isinstance(configured, MarketConfigured)
    opened = engine.apply(SetMarketState(command_id=2, state=MarketState.ACTIVE), 2)
    assert [type(event) for event in opened] == [MarketStateChanged]
    priced = engine.apply(UpdateIndexPrice(index_price_ticks=ticks), 3)
    assert any(isinstance(event, MarkPriceChanged) and not event.index_stale for event in priced)
    assert preview(market, tiers, price)  # type: ignore[arg-type]


@settings(max_examples=share(60), deadline=None)
@given(price=prices, liquidity=liquidities, move_ppm=moves)
def test_any_price_makes_rules_that_are_taken(
    price: Decimal, liquidity: Liquidity, move_ppm: int
) -> None:
    made = suggested(price, liquidity, move_ppm)
    check(made.market, list(made.tiers), price)
    tick, lot = made.market.tick_size, made.market.lot_size
    if price >= Decimal("1e-5"):
        assert price / 100_000 <= tick <= price / 10_000
        assert 1 <= lot * price < 10
    for lower, higher in zip(made.tiers, made.tiers[1:], strict=False):
        assert lower.max_leverage > higher.max_leverage
    assert made.tiers[0].max_leverage * made.market.liquidation_fee_ppm < PPM // 2


@settings(max_examples=share(30), deadline=None)
@given(price=prices, other=prices, liquidity=liquidities)
def test_and_so_does_a_copy(price: Decimal, other: Decimal, liquidity: Liquidity) -> None:
    copied = suggested(other, liquidity)
    made = suggested_like(copied.market, copied.tiers, other, price)
    check(made.market, list(made.tiers), price)


@pytest.mark.parametrize(
    ("price", "tick", "lot"),
    [("50000", "1", "0.0001"), ("150", "0.01", "0.01"), ("0.00001234", "0.000000001", "100000")],
)
def test_steps(price: str, tick: str, lot: str) -> None:
    assert tick_of_price(Decimal(price)) == Decimal(tick)
    assert lot_of_price(Decimal(price)) == Decimal(lot)


def test_a_day_of_the_smallest_positions_is_half_covered() -> None:
    for move_ppm in (40_000, 70_000, 150_000, 1_000_000):
        most = tiers_of_move(move_ppm, 1)[0].max_leverage
        assert PPM // most >= move_ppm // 2
