"""The funding rate from the premium's samples. Shared by the engine, which settles by it, and the
API, which shows where it stands.

    F = premium average + clamp(interest − premium average, ±0.05 %), scaled from 8 h, capped

(Binance USDⓈ-M, "funding rate"). Above zero longs pay shorts.

An interval whose rules changed has parts. Each is charged by its own rules and samples for the
time it lasted, so that its cap, too, is scaled to that time:

    rate = Σ F_part · time of the part ÷ interval of the part
"""

from msgspec import Struct

PPB = 1_000_000_000
PPB_PER_PPM = 1_000
INTEREST_CLAMP_PPB = 500_000  # ±0.05 %
EIGHT_HOURS_MS = 8 * 3_600_000


def funding_rate_ppb(
    premium_sum_ppb: int, premium_count: int, interval_ms: int, interest_ppm: int, cap_ppm: int
) -> int:
    """Of one interval, in billionths of the position's value."""
    average = premium_sum_ppb // premium_count if premium_count else 0
    interest = interest_ppm * PPB_PER_PPM
    correction = max(-INTEREST_CLAMP_PPB, min(INTEREST_CLAMP_PPB, interest - average))
    rate = (average + correction) * interval_ms // EIGHT_HOURS_MS
    cap = cap_ppm * PPB_PER_PPM
    return max(-cap, min(cap, rate))


def part_ppb(rate_ppb: int, lasted_ms: int, interval_ms: int) -> int:
    """Of a rate per interval what this time of it is charged, rounded down."""
    return rate_ppb * max(0, lasted_ms) // interval_ms


def sum_of_parts_ppb(accrued_ppb: int, part: int) -> int:
    """Never more than the whole value of a position, however often the rules change."""
    return max(-PPB, min(PPB, accrued_ppb + part))


class FundingChange(Struct, frozen=True, kw_only=True):
    """The funding interval was split by other rules.

    since_ms          when; samples of the premium count from here
    accrued_ppb       what the time before is charged at the next settlement, at ``next_funding_ms``
    rate_ppb          the last rate, as one of the new interval
    """

    since_ms: int
    accrued_ppb: int
    rate_ppb: int
    next_funding_ms: int


class FundingPayment(Struct, frozen=True, array_like=True):
    """What one position paid (< 0) or got (> 0). Where its margin doesn't cover it, the rest comes
    out of its unrealised profit: margin and entry cost both rise by ``from_profit_units`` first."""

    account_id: int
    amount_units: int
    from_profit_units: int
    entry_cost_units: int
    margin_units: int
