"""Prices and sizes as the venue writes them: always with all decimals of their market.

Typed clients take the precision of a number from its text, and a book whose bid says "0.011" and
whose ask says "0.02" is an error to them.
"""

from decimal import Decimal
from functools import lru_cache

from markets.conversions import lots_to_decimal, ticks_to_decimal
from markets.rules import MarketRules


def price_text(price_ticks: int, rules: MarketRules) -> str:
    """500_000 ticks of 0.1 → "50000.0"."""
    return _padded(ticks_to_decimal(price_ticks, rules.tick_size), rules.tick_size)


def qty_text(size_lots: int, rules: MarketRules) -> str:
    """20 lots of 0.001 → "0.020"; with the sign it has."""
    return _padded(lots_to_decimal(size_lots, rules.lot_size), rules.lot_size)


@lru_cache(maxsize=1_024)
def decimals_of(step: Decimal) -> int:
    """How many digits behind the point multiples of the step have: 2 for 0.05, 0 for 10."""
    exponent = step.normalize().as_tuple().exponent
    return max(0, -int(exponent))


def _padded(value: Decimal, step: Decimal) -> str:
    return f"{value:.{decimals_of(step)}f}"
