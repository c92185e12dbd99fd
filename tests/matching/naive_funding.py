"""A second definition of what a funding settlement charges, in fractions, from the history alone.

It keeps no sums: an interval is a list of stretches, each with its rules and every sample of its
time. A stretch is charged, for the time it lasted, the rate that its own samples give by its own
rules; an interval of one stretch is charged whole, also a market's first one. An interval begins
with the multiple that ended the one before, or with the first price, and ends at the first multiple
of the length in force. Past that a stretch lasts no longer, however late the settlement is.
"""

from dataclasses import dataclass, field
from fractions import Fraction

EIGHT_HOURS_MS = 28_800_000
CLAMP = Fraction(5, 10_000)


@dataclass(frozen=True)
class FundingRules:
    interval_ms: int
    interest: Fraction
    cap: Fraction

    def rate(self, premiums: list[Fraction]) -> Fraction:
        """Of a whole interval."""
        average = sum(premiums, Fraction(0)) / len(premiums) if premiums else Fraction(0)
        towards = max(-CLAMP, min(CLAMP, self.interest - average))
        scaled = (average + towards) * self.interval_ms / EIGHT_HOURS_MS
        return max(-self.cap, min(self.cap, scaled))

    def multiple_after(self, now_ms: int) -> int:
        return (now_ms // self.interval_ms + 1) * self.interval_ms


@dataclass
class Stretch:
    rules: FundingRules
    since_ms: int
    due_ms: int
    until_ms: int = 0
    premiums: list[Fraction] = field(default_factory=list)

    @property
    def share(self) -> Fraction:
        """Of its interval, the part it lasted."""
        lasted_ms = max(0, min(self.until_ms, self.due_ms) - self.since_ms)
        return Fraction(lasted_ms, self.rules.interval_ms)


class NaiveFunding:
    def __init__(self, rules: FundingRules) -> None:
        self.rules = rules
        self.stretches: list[Stretch] = []

    @property
    def due_ms(self) -> int:
        """0 before the first price."""
        return self.stretches[-1].due_ms if self.stretches else 0

    def sample(self, now_ms: int, premium: Fraction) -> None:
        if not self.stretches:
            self._begin(now_ms, self.rules.multiple_after(now_ms))
        self.stretches[-1].premiums.append(premium)

    def change(self, now_ms: int, rules: FundingRules) -> None:
        before, self.rules = self.rules, rules
        if self.stretches and rules != before:
            self.stretches[-1].until_ms = now_ms
            is_longer_or_shorter = rules.interval_ms != before.interval_ms
            due_ms = rules.multiple_after(now_ms) if is_longer_or_shorter else self.due_ms
            self._begin(now_ms, due_ms)

    def settle(self, now_ms: int) -> tuple[Fraction, Fraction]:
        """What is charged, and the most that the caps allow."""
        stretches, self.stretches = self.stretches, []
        stretches[-1].until_ms = stretches[-1].due_ms
        due_ms = self.rules.multiple_after(now_ms)
        self._begin(due_ms - self.rules.interval_ms, due_ms)
        if len(stretches) == 1:
            return self.rules.rate(stretches[0].premiums), self.rules.cap
        charged = sum((s.rules.rate(s.premiums) * s.share for s in stretches), Fraction(0))
        return charged, sum((s.rules.cap * s.share for s in stretches), Fraction(0))

    def _begin(self, since_ms: int, due_ms: int) -> None:
        self.stretches.append(Stretch(self.rules, since_ms, due_ms))
