"""The leverage of orders that name none: on the venue there always is one.

Here a trader sets it for a market before the first order that names neither margin nor leverage. So
the first order through this door sets the venue's default for whoever hasn't, as large as the
market allows; it is a setting like any other from then on, and our own API shows it.
"""

from collections.abc import Iterable, Mapping

from markets.rules import MarketRules
from trading.models import TraderLeverage

DEFAULT = 20
_KNOWN_MAX = 100_000


def default_of(rules: MarketRules) -> int:
    return min(DEFAULT, rules.max_leverage)


def leverage_of(rules: MarketRules, leverages: Mapping[str, int]) -> int:
    """``leverages``: what the trader set, by market."""
    return leverages.get(rules.id) or default_of(rules)


class _Set:
    """Who has one in which market, as this process knows. It is never taken away."""

    def __init__(self) -> None:
        self._known: set[tuple[int, str]] = set()

    def ensure(self, asked: Iterable[tuple[int, MarketRules]]) -> None:
        """In one statement for all that are not known."""
        missing = {
            (user_id, rules.id): default_of(rules)
            for user_id, rules in asked
            if (user_id, rules.id) not in self._known
        }
        if not missing:
            return
        rows = [
            TraderLeverage(user_id=user_id, market_id=market_id, leverage=leverage)
            for (user_id, market_id), leverage in sorted(missing.items())
        ]
        TraderLeverage.objects.bulk_create(rows, ignore_conflicts=True)
        if len(self._known) + len(missing) > _KNOWN_MAX:
            self._known.clear()
        self._known |= missing.keys()

    def forget(self) -> None:
        self._known.clear()


_set = _Set()
ensure_set = _set.ensure
forget_set = _set.forget
