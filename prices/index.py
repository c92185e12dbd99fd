"""The index rule: many venues' prices become the one price that positions are judged by. Pure.

Theory of operation. A venue can be down, repeat an old price, or print a wild one, and an index
that follows it liquidates people. So a source counts only while it agrees with the others:

1. A price counts if it is positive and at most `PRICE_AGE_MAX_MS` old. Its age is that of the
   venue's own time where the ticker has one: a venue that goes on answering with an old ticker goes
   stale. A price from further in the future than that is as little worth: its clock tells nothing.
   The others are STALE.
2. Of those, whatever is more than 5 % away from their plain median is an OUTLIER; the rest is
   HEALTHY. The median is plain, not weighted, so that a heavy source can't pull the window to
   itself. If two sources are all there is and they are more than about 10 % apart, both are more
   than 5 % from the middle: nobody can tell which is right, and neither counts.
3. Fewer healthy sources than the quorum: there is no index. The quorum counts sources, not weights.
4. The index is the weighted median of the healthy prices: in order of price, the first at which the
   weights so far reach half of all. If they reach exactly half there, every price up to the next
   one splits the weights equally; the mean of the two is taken, as a plain median does with an even
   number, so that ties lean neither way. With equal weights it is the plain median.

A median because no single source can move it past its neighbours, however wild: to set the index
one must own half of the weight. Hyperliquid's oracle is a weighted median of venues, too.

Units: prices in quote currency per base asset, as `Decimal`. Nothing rounds: comparisons are of
products of integers and prices, and halving a Decimal is exact in `_EXACT`, which raises rather
than rounds. `markets.conversions.nearest_ticks` rounds the result once, to the market's tick.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, Inexact, InvalidOperation
from enum import StrEnum

PRICE_AGE_MAX_MS = 10_000
OUTLIER_PERCENT = 5

DIGITS_MAX = 40
EXPONENT_MAX = 30
# The digits of two prices' sum begin at 10³¹ and end at 10⁻⁶⁹; halving and × 100 take four more.
_EXACT = Context(prec=120, traps=[Inexact, InvalidOperation])


class SourceState(StrEnum):
    """What a source is to the index. The first three are judged here, by comparing prices.

    ERROR     it gave no usable price, and the last one it gave is too old
    WAITING   it was not asked yet, or has not answered for the first time
    DISABLED  the operator switched it off
    UNKNOWN   the price process has not said lately
    """

    HEALTHY = "healthy"
    OUTLIER = "outlier"
    STALE = "stale"
    ERROR = "error"
    WAITING = "waiting"
    DISABLED = "disabled"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class SourcePrice:
    """A source's newest price. `age_ms` is below zero for a price from the future."""

    source_id: int
    price: Decimal
    weight: int
    age_ms: int


@dataclass(frozen=True)
class Index:
    """`price` is None if fewer sources than the quorum are healthy. `states` by source_id."""

    price: Decimal | None
    states: Mapping[int, SourceState]

    @property
    def healthy(self) -> int:
        return sum(state is SourceState.HEALTHY for state in self.states.values())


def is_price(number: Decimal) -> bool:
    """Whether it can be a price: finite, above zero, and of a size and length some asset has."""
    return (
        number.is_finite()
        and number > 0
        and abs(number.adjusted()) <= EXPONENT_MAX
        and len(number.as_tuple().digits) <= DIGITS_MAX
    )


def middle(low: Decimal, high: Decimal) -> Decimal:
    """The mean of two prices, exactly."""
    return _EXACT.divide(_EXACT.add(low, high), Decimal(2))


def combine(prices: Sequence[SourcePrice], quorum: int) -> Index:
    """Judge every source and make the index. See the rule above.

    Raises ValueError for what callers must have kept out: a price that is none, a weight or quorum
    below 1.
    """
    if quorum < 1 or any(one.weight < 1 or not is_price(one.price) for one in prices):
        raise ValueError("an index needs positive prices, and weights and a quorum of at least 1")
    fresh = [one for one in prices if abs(one.age_ms) <= PRICE_AGE_MAX_MS]
    healthy = _near_their_median(fresh)
    states = {one.source_id: SourceState.STALE for one in prices}
    states |= {one.source_id: SourceState.OUTLIER for one in fresh}
    states |= {one.source_id: SourceState.HEALTHY for one in healthy}
    return Index(weighted_median(healthy) if len(healthy) >= quorum else None, states)


def _near_their_median(fresh: Sequence[SourcePrice]) -> list[SourcePrice]:
    """|price − median| ≤ 5 % of the median; exactly 5 % away is near."""
    if not fresh:
        return []
    ordered = sorted(one.price for one in fresh)
    median = middle(ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2])
    limit = _EXACT.multiply(median, Decimal(OUTLIER_PERCENT))
    return [
        one
        for one in fresh
        if _EXACT.multiply(_EXACT.subtract(one.price, median).copy_abs(), Decimal(100)) <= limit
    ]


def weighted_median(prices: Sequence[SourcePrice]) -> Decimal:
    """Of at least one price. Twice the weights are compared, so that half of all is whole."""
    ordered = sorted(prices, key=lambda one: one.price)
    total = sum(one.weight for one in ordered)
    reached = 0
    for at, one in enumerate(ordered):
        reached += one.weight
        if 2 * reached == total:  # weights are positive, so there is a next one
            return middle(one.price, ordered[at + 1].price)
        if 2 * reached > total:
            return one.price
    raise ValueError("a median needs at least one price")
