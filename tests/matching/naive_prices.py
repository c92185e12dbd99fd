"""What the naive exchange knows of the mark price and the premium, in fractions.

Its last funding rate is zero, as before the first settlement, so the first price candidate is the
index itself.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor
from statistics import median

from matching.messages.commands import Command, UpdateIndexPrice
from matching.messages.events import MarkPriceChanged
from matching.messages.vocabulary import MarketState
from tests.matching.naive_rules import MILLION, NaiveRules


@dataclass
class NaivePrices(NaiveRules):
    index: int = 0
    index_ms: int = 0
    next_funding_ms: int = 0
    last: int = 0
    basis: list[tuple[int, Fraction]] = field(default_factory=list)  # (ms, mid − index)
    premiums: list[int] = field(default_factory=list)  # ppb

    def best(self, sign: int) -> int:
        """0 if nothing rests on that side."""
        prices = [order.price for order in self.book if order.sign == sign]
        return max(prices, key=lambda price: price * sign) if prices else 0

    def basis_with(self, index: int, now_ms: int) -> list[tuple[int, Fraction]]:
        bid, ask = self.best(1), self.best(-1)
        sample = [(now_ms, Fraction(bid + ask, 2) - index)] if bid and ask else []
        return [pair for pair in [*self.basis, *sample] if pair[0] > now_ms - 30_000]

    def mark_at(self, index: int, now_ms: int) -> int:
        """The mark price this index price would make."""
        assert self.config is not None
        basis = [difference for _, difference in self.basis_with(index, now_ms)]
        second = floor(index + sum(basis) / len(basis) + Fraction(1, 2)) if basis else index
        third = median([self.best(1) or index, self.best(-1) or index, self.last or index])
        width = Fraction(self.config.mark_clamp_ppm, MILLION)
        highest, lowest = floor(index * (1 + width)), ceil(index * (1 - width))
        return max(1, lowest, min(highest, int(median([index, second, third]))))

    def impact(self, sign: int) -> Fraction | None:
        """Average price of selling (+1, to bids) or buying (−1) for the impact notional."""
        assert self.config is not None
        k = self.config.units_per_tick_lot
        paid = lots = 0
        for order in sorted(
            (o for o in self.book if o.sign == sign), key=lambda o: (-o.price * sign, o.arrival)
        ):
            for _ in range(order.shown):
                paid += k * order.price
                lots += 1
                if paid >= self.config.impact_notional_units:
                    return Fraction(paid, k * lots)
        return None

    def premium(self, index: int) -> int:
        bid, ask = self.impact(1), self.impact(-1)
        above = max(Fraction(0), bid - index) / index if bid else Fraction(0)
        below = max(Fraction(0), index - ask) / index if ask else Fraction(0)
        sample = floor(above * 10**9) - floor(below * 10**9)
        return max(-(10**9), min(10**9, sample))  # never more than the index itself

    def take_index(self, index: int, now_ms: int) -> list[MarkPriceChanged]:
        """0 is no price: too few sources."""
        assert self.config is not None
        if not index:
            return self.go_stale()
        self.mark = self.mark_at(index, now_ms)
        self.basis = self.basis_with(index, now_ms)
        self.index, self.index_ms, self.stale = index, now_ms, False
        self.premiums.append(self.premium(index))
        interval = self.config.funding_interval_ms
        self.next_funding_ms = self.next_funding_ms or (now_ms // interval + 1) * interval
        return [self.told(self.premiums[-1])]

    def look_at_clock(self, now_ms: int) -> list[MarkPriceChanged]:
        """Before every command."""
        if self.config is None or not self.index_ms:
            return []
        is_old = now_ms - self.index_ms > self.config.index_stale_ms
        return self.go_stale() if is_old else []

    def go_stale(self) -> list[MarkPriceChanged]:
        if self.stale or not self.mark:
            return []
        self.stale = True
        return [self.told(0)]

    def told(self, premium_ppb: int) -> MarkPriceChanged:
        return MarkPriceChanged(
            mark_price_ticks=self.mark,
            index_price_ticks=self.index,
            index_ms=self.index_ms,
            index_stale=self.stale,
            premium_ppb=premium_ppb,
            premium_sum_ppb=sum(self.premiums),
            premium_count=len(self.premiums),
            next_funding_ms=self.next_funding_ms,
        )

    def beyond(self, command: Command, now_ms: int) -> str:
        """Why the naive exchange can't follow the engine through this command; else empty."""
        if 0 < self.next_funding_ms <= now_ms:
            return "funding is due"
        if not isinstance(command, UpdateIndexPrice) or not command.index_price_ticks:
            return ""
        if self.config is None or self.state is MarketState.HALTED:
            return ""
        mark = self.mark_at(command.index_price_ticks, now_ms)
        broke = any(self.liquidatable(held, mark) for held in self.holdings.values())
        return "somebody is liquidated" if broke else ""
