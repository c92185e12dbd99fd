"""What each market's index price is made of, for `console.status`."""

import redis

from console.status_rows import MarketRows
from prices.index import SourceState
from prices.reports import LiveSource, live_source, read_reports


def read_sources(
    client: redis.Redis, markets: list[MarketRows], now_ms: int
) -> dict[str, list[LiveSource]]:
    """Per market, in one round trip. Raises RedisError."""
    reports = read_reports(client, [rows.market_id for rows in markets])
    return {
        rows.market_id: [
            live_source(source, reports.get(rows.market_id), now_ms)
            for source in rows.price_sources
        ]
        for rows in markets
    }


def sources_finding(quorum: int, sources: list[LiveSource]) -> tuple[bool, str]:
    """Whether all is well, and what to say. Without the errors' texts: GET /health shows it."""
    enabled = [one for one in sources if one.state is not SourceState.DISABLED]
    if not enabled:
        return False, "no price source: add one, or enable one, under Price sources"
    if all(one.state is SourceState.UNKNOWN for one in enabled):
        return False, "the price process has not said anything for seconds"
    unwell = [one for one in enabled if one.state is not SourceState.HEALTHY]
    text = f"{len(enabled) - len(unwell)} of {len(enabled)} healthy, {quorum} needed"
    if unwell:
        text += ": " + ", ".join(f"{one.source.name} is {one.state}" for one in unwell)
    return not unwell, text
