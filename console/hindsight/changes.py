"""What is to be different, by the sequences of what did happen."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence

import msgspec

from common.errors import DomainError, invalid
from matching.messages.limits import MAX_PRICE_TICKS

RANGES_MAX = 200
_RANGE = re.compile(r"([0-9]{1,18})(?:\s*[-–]\s*([0-9]{1,18}))?")


class Range(msgspec.Struct, frozen=True, order=True):
    """Both ends belong to it."""

    from_seq: int
    to_seq: int

    def __str__(self) -> str:
        if self.from_seq == self.to_seq:
            return f"{self.from_seq:,}"
        return f"{self.from_seq:,}–{self.to_seq:,}"


class OtherPrice(msgspec.Struct, frozen=True, order=True):
    """Every index price of these sequences says ``price_ticks`` instead."""

    range: Range
    price_ticks: int


class Changes(msgspec.Struct, frozen=True):
    """Neither overlap among themselves, see `check_changes`."""

    left_out: tuple[Range, ...] = ()
    prices: tuple[OtherPrice, ...] = ()


class Ranges:
    """Where a sequence is among ranges that don't overlap: asked for every command of a stretch."""

    def __init__(self, ranges: Iterable[Range]) -> None:
        self._ranges = sorted(ranges)
        self._starts = [one.from_seq for one in self._ranges]

    def holding(self, seq: int) -> Range | None:
        at = bisect_right(self._starts, seq) - 1
        return self._ranges[at] if at >= 0 and seq <= self._ranges[at].to_seq else None


def check_changes(changes: Changes, whole: Range) -> None:
    """Raises DomainError."""
    if not changes.left_out and not changes.prices:
        raise invalid("left_out", "Say what to leave out, or which index prices to replace.")
    _check_ranges("left_out", changes.left_out, whole)
    _check_ranges("prices", [one.range for one in changes.prices], whole)
    for one in changes.prices:
        if not 1 <= one.price_ticks <= MAX_PRICE_TICKS:
            raise invalid("prices", "A price is above zero, and no more than a market takes.")


def _check_ranges(field: str, ranges: Sequence[Range], whole: Range) -> None:
    if len(ranges) > RANGES_MAX:
        raise invalid(field, f"At most {RANGES_MAX} ranges.")
    before = whole.from_seq - 1
    for one in sorted(ranges):
        if one.from_seq > one.to_seq:
            raise invalid(field, f"{one} ends before it begins.")
        if one.from_seq < whole.from_seq or one.to_seq > whole.to_seq:
            raise invalid(field, f"{one} is not within the sequences {whole}.")
        if one.from_seq <= before:
            raise invalid(field, f"{one} overlaps with another.")
        before = one.to_seq


def range_of(text: str, field: str) -> Range:
    """As in "1205" or "1205-1260". Raises DomainError."""
    found = _RANGE.fullmatch(text.strip())
    if found is None:
        raise _no_range(text, field)
    first = int(found[1])
    return Range(first, int(found[2] or first))


def _no_range(text: str, field: str) -> DomainError:
    return invalid(field, f"“{text[:40]}” is no range: write sequences as in 1205 or 1205-1260.")
