"""The interface every price source implements: a synthetic walk here, real venues beside it."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from trading.models import Market


class PriceUnavailable(Exception):
    """The source has no price for this market now; the text says why."""


@dataclass(frozen=True)
class Quote:
    """A price in quote currency per base asset, as observed."""

    price: Decimal
    observed_at_ms: int


class PriceSource(Protocol):
    """Something that knows what a market's base asset is worth."""

    name: str

    def fetch(self, market: Market) -> Quote:
        """Raises PriceUnavailable."""
        ...
