"""Ranges of time a page can show: they end now, and begin where an interval does."""

from dataclasses import dataclass

from ledger.balances.kinds import DAY_MS, HOUR_MS, MINUTE_MS


@dataclass(frozen=True)
class TimeRange:
    """``interval_ms``: of the rows it is read from; ``point_ms``: of a point of its charts."""

    name: str
    length_ms: int
    interval_ms: int
    point_ms: int

    def start_ms(self, now_ms: int) -> int:
        """Of the first interval that ends within the range."""
        return (now_ms - self.length_ms) // self.point_ms * self.point_ms + self.point_ms

    def points(self, now_ms: int) -> list[int]:
        return list(range(self.start_ms(now_ms), now_ms + 1, self.point_ms))


RANGES = {
    found.name: found
    for found in (
        TimeRange("1h", HOUR_MS, MINUTE_MS, MINUTE_MS),
        TimeRange("1d", DAY_MS, HOUR_MS, HOUR_MS),
        TimeRange("7d", 7 * DAY_MS, HOUR_MS, 6 * HOUR_MS),
        TimeRange("30d", 30 * DAY_MS, HOUR_MS, DAY_MS),
    )
}
DEFAULT_RANGE = RANGES["1d"]


def range_named(name: str) -> TimeRange:
    """That of the name, or the usual one: an address may have been typed."""
    return RANGES.get(name, DEFAULT_RANGE)
