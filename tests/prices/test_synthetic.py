"""The walk: the same for the same seed, near home, going on where it stopped."""

import itertools
from decimal import Decimal

import pytest

from markets.models import MarketStatus
from prices.demo_markets import DEMO_MARKETS, START_PRICES
from prices.sources.synthetic import DEFAULT_HOME_PRICE, SyntheticWalks

pytestmark = pytest.mark.django_db  # the walk looks for the market's last index price

BTC, ETH = (demo.build() for demo in DEMO_MARKETS)


def source(seed: int = 7) -> SyntheticWalks:
    return SyntheticWalks(seed, START_PRICES, clock_ms=lambda: 1_700_000_000_000)


def walk(seed: int, steps: int) -> list[Decimal]:
    one = source(seed)
    return [one.step(BTC).price for _ in range(steps)]


def test_same_seed_same_walk() -> None:
    assert walk(7, 500) == walk(7, 500)


def test_other_seed_other_walk() -> None:
    assert walk(7, 10)[1:] != walk(8, 10)[1:]


def test_walk_of_a_market_does_not_depend_on_the_others() -> None:
    both = source()
    mixed = []
    for _ in range(50):
        both.step(ETH)
        mixed.append(both.step(BTC).price)
    assert mixed == walk(7, 50)


def test_begins_at_home_moves_and_stays_near() -> None:
    prices = walk(7, 20_000)
    assert prices[0] == Decimal(50_000)
    assert len(set(prices)) > 10_000
    assert all(Decimal(45_000) < price < Decimal(55_000) for price in prices)
    moves = [abs(b / a - 1) for a, b in itertools.pairwise(prices)]
    assert max(moves) < Decimal("0.002")


def test_quote_carries_the_time_of_observation() -> None:
    assert source().step(BTC).observed_at_ms == 1_700_000_000_000


def test_goes_on_from_the_last_index_price_and_drifts_home() -> None:
    market = DEMO_MARKETS[0].build()
    market.status = MarketStatus(market=market, index_price_ticks=600_000)
    one = source()
    assert one.step(market).price == Decimal(60_000)
    prices = [one.step(market).price for _ in range(30_000)]
    assert prices[0] == pytest.approx(Decimal(60_000), rel=Decimal("0.002"))
    assert prices[-1] < Decimal(53_000)


def test_market_without_a_home_price_has_one_too() -> None:
    market = DEMO_MARKETS[0].build()
    market.pk = "SOL-PERP"
    assert source().step(market).price == DEFAULT_HOME_PRICE
