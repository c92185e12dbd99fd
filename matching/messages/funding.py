"""The funding rate from the premium's samples. Shared by the engine, which settles by it, and the
API, which shows where it stands.

    F = premium average + clamp(interest − premium average, ±0.05 %), scaled from 8 h, capped

(Binance USDⓈ-M, "funding rate"). Above zero longs pay shorts.
"""

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
