"""How often: our budgets, in the venue's headers.

A budget here fills up steadily and holds some seconds' worth; a client of the venue counts what it
used within a minute against a limit. So what a budget lacks is told as that part of the limit: a
client that stays below its limit is not refused.
"""

from collections.abc import Mapping

from common.limits.budgets import Standing
from trading.http.limits import ADDRESS_RATE, DEFAULT_RATES, CallKind

MINUTE_S, TEN_SECONDS_S = 60, 10
USED_WEIGHT = "X-MBX-USED-WEIGHT-1M"
ORDER_COUNTS = {"X-MBX-ORDER-COUNT-10S": TEN_SECONDS_S, "X-MBX-ORDER-COUNT-1M": MINUTE_S}


def headers(standing: Standing | None, kind: CallKind | None) -> dict[str, str]:
    """``kind`` None: of an address. None where nothing is limited."""
    if standing is None:
        return {}
    found = standing.headers()
    if kind is CallKind.ORDERS:
        for name, within_s in ORDER_COUNTS.items():
            found[name] = str(_used(standing, _per_s(kind) * within_s))
    found[USED_WEIGHT] = str(_used(standing, _per_s(kind) * MINUTE_S))
    if not standing.granted:
        found["Retry-After"] = str(standing.retry_s)
    return found


def _per_s(kind: CallKind | None) -> int:
    rate = ADDRESS_RATE if kind is None else DEFAULT_RATES[kind]
    return rate.count // rate.period_s


def _used(standing: Standing, limit: int) -> int:
    return (standing.limit - standing.remaining) * limit // standing.limit


def rate_limits() -> list[Mapping[str, object]]:
    """As the rules of the exchange tell them."""
    orders = _per_s(CallKind.ORDERS)
    return [
        _rate_limit("REQUEST_WEIGHT", "MINUTE", 1, _per_s(CallKind.READS) * MINUTE_S),
        _rate_limit("ORDERS", "MINUTE", 1, orders * MINUTE_S),
        _rate_limit("ORDERS", "SECOND", TEN_SECONDS_S, orders * TEN_SECONDS_S),
    ]


def rate_limits_used(told: Mapping[str, str]) -> list[dict[str, object]]:
    """The same with what an answer's headers say was used; without those they say nothing of."""
    said = {name.lower(): value for name, value in told.items()}
    headers = (USED_WEIGHT, *reversed(ORDER_COUNTS))
    return [
        {**limit, "count": int(said[name.lower()])}
        for limit, name in zip(rate_limits(), headers, strict=True)
        if name.lower() in said
    ]


def _rate_limit(kind: str, interval: str, count: int, limit: int) -> dict[str, object]:
    return {"rateLimitType": kind, "interval": interval, "intervalNum": count, "limit": limit}
