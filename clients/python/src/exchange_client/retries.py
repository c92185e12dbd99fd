"""When a call is sent again, and when not.

Theory of operation. A try ends in one of these: an answer, nothing sent, or sent and no answer.
Only where nothing was done, or where doing it twice is doing it once, may there be another:

| the try ended with | a call that may be repeated | one that may not |
| --- | --- | --- |
| no connection | again, more slowly each time | the same: nothing was sent |
| no answer, 408, 502, 503, 504 | again, more slowly each time | `OutcomeUnknown`, `Unavailable` |
| 429 | after `Retry-After` | the same: nothing was done |
| a timestamp outside its window | once more, by the exchange's clock | the same |
| a token that has expired | once more, with a new one | the same |
| any other answer | it is the answer | it is the answer |

Orders may be repeated because each has a client order id, made here if the caller gives none: the
exchange answers a second one with the first. Sums that move have an idempotency key likewise.
"""

import random
from dataclasses import dataclass

from exchange_client.errors import ApiError, NotReached, OutcomeUnknown, RateLimited, Unavailable

TOKEN_OVER = frozenset({"TOKEN_EXPIRED", "SESSION_ENDED"})
_PASSING = frozenset({408, 502, 503, 504})
_random = random.SystemRandom()


@dataclass(frozen=True)
class Retries:
    """`tries` in all; pauses of up to `first_s`, then twice as long each time, up to `longest_s`.
    A `Retry-After` longer than `patience_s` is raised instead of waited for."""

    tries: int = 6
    first_s: float = 0.2
    longest_s: float = 5.0
    patience_s: float = 60.0

    def pause_s(self, failed: int) -> float:
        """After so many tries that failed. Half of it is chance, so that clients that were cut
        together don't come back together."""
        most_s = min(self.longest_s, self.first_s * 2.0 ** (failed - 1))
        return most_s / 2 + _random.uniform(0.0, most_s / 2)

    def wait_s(self, error: Exception, failed: int, *, may_repeat: bool) -> float | None:
        """How long until the next try; None if this error is the outcome."""
        if failed >= self.tries:
            return None
        if isinstance(error, RateLimited):
            pause_s = float(error.retry_after_s or 1)
            return pause_s if pause_s <= self.patience_s else None
        if isinstance(error, NotReached):
            return self.pause_s(failed)
        if not may_repeat:
            return None
        is_passing = isinstance(error, Unavailable) and error.status in _PASSING
        if is_passing or isinstance(error, OutcomeUnknown):
            return self.pause_s(failed)
        return None


NO_RETRIES = Retries(tries=1)


def is_token_over(error: Exception) -> bool:
    return isinstance(error, ApiError) and error.code in TOKEN_OVER


def is_clock_off(error: Exception) -> bool:
    return isinstance(error, ApiError) and error.code == "TIMESTAMP_OUTSIDE_WINDOW"
