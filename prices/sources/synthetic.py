"""A made-up price for demos and tests: a seeded walk that wanders around a home price."""

import math
import random
from collections.abc import Callable, Mapping
from decimal import Decimal

from markets.models import Market
from prices.sources.quote import Quote, wall_clock_ms

# Per step (about a second): the spread of one move, and how much of the way home a step goes.
# Together they keep the walk within a few per cent of home: σ/√(2θ) = 1.2 %.
STEP_SPREAD = 0.0002
PULL_HOME = 1 / 7200
DEFAULT_HOME_PRICE = Decimal(100)
SIGNIFICANT_DIGITS = 9


class SyntheticWalks:
    """Mean-reverting geometric random walk, one per market.

    The move of step n depends on the seed, the market and n alone, so the same seed from the same
    price gives the same walk. It begins at the market's last index price where there is one: after
    a restart the walk goes on from there and drifts home, instead of jumping.
    """

    def __init__(
        self,
        seed: int,
        home_prices: Mapping[str, Decimal],
        clock_ms: Callable[[], int] = wall_clock_ms,
    ) -> None:
        self._seed = seed
        self._home_prices = home_prices
        self._prices: dict[str, float] = {}
        self._steps: dict[str, int] = {}
        self._clock_ms = clock_ms

    def step(self, market: Market, home_price: Decimal | None = None) -> Quote:
        """The next step of the market's walk. ``home_price``: its source's own, which gives way to
        what the process was told."""
        home = float(self._home_prices.get(market.pk) or home_price or DEFAULT_HOME_PRICE)
        step = self._steps.get(market.pk, 0)
        if step:
            price = self._moved(market.pk, step, self._prices[market.pk], home)
        else:
            price = float(_last_index_price(market)) or home
        self._steps[market.pk] = step + 1
        self._prices[market.pk] = price
        return Quote(Decimal(f"{price:.{SIGNIFICANT_DIGITS}g}"), self._clock_ms())

    def _moved(self, market_id: str, step: int, price: float, home: float) -> float:
        noise = random.Random(f"{self._seed}:{market_id}:{step}")  # noqa: S311  a walk, no secret
        drift = PULL_HOME * math.log(home / price)
        return price * math.exp(drift + STEP_SPREAD * noise.gauss(0, 1))


def _last_index_price(market: Market) -> Decimal:
    """Zero if the market never had one."""
    status = getattr(market, "status", None)
    return status.index_price_ticks * market.tick_size if status else Decimal(0)
