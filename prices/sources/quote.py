"""What sources answer: a price and when it was one, or why there is none."""

import time
from dataclasses import dataclass, replace
from decimal import Decimal


class PriceUnavailable(Exception):
    """The source can't be asked now, or its answer can't be read; the text says why. The price it
    gave before counts until it is too old."""


class PriceRefused(PriceUnavailable):
    """The source answered with what can't be a price: the one it gave before counts no more."""


@dataclass(frozen=True)
class Endpoint:
    """What to ask, and where; `api_url` is empty for the venue's own addresses."""

    venue: str
    symbol: str
    api_url: str = ""


@dataclass(frozen=True)
class Quote:
    """A price in quote currency per base asset, as observed."""

    price: Decimal
    observed_at_ms: int


@dataclass(frozen=True)
class SourceNews:
    """What is known of a source since it is followed.

    quote    the newest price, however old; None if there is none or the venue took it back
    answers  attempts that have ended, either way
    errors   those that failed
    error    what the newest of them said, and when; it stays when the source works again
    failing  whether the newest attempt failed
    """

    quote: Quote | None = None
    answers: int = 0
    errors: int = 0
    error: str = ""
    error_at_ms: int = 0
    failing: bool = False

    def worked(self, quote: Quote) -> "SourceNews":
        return replace(self, quote=quote, answers=self.answers + 1, failing=False)

    def failed(self, error: PriceUnavailable, at_ms: int) -> "SourceNews":
        return replace(
            self,
            quote=None if isinstance(error, PriceRefused) else self.quote,
            answers=self.answers + 1,
            errors=self.errors + 1,
            error=str(error),
            error_at_ms=at_ms,
            failing=True,
        )


def wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000
