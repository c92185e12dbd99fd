"""What each market's index price is made of, for `console.health.report`."""

from dataclasses import dataclass, field

import redis

from console.health.market_rows import MarketRows
from markets.conversions import ticks_to_decimal
from markets.rules import published_tickers
from matching.messages.limits import highest_price_ticks
from matching.messages.streams import Ticker
from prices.index import SourceState
from prices.reports import LiveSource, PriceReport, is_late, live_source, price_text, read_reports


@dataclass(frozen=True)
class MarketPrices:
    """``too_high``: the index price the sources make and the market can't take; empty if it can."""

    sources: list[LiveSource] = field(default_factory=list)
    too_high: str = ""


def read_prices(
    client: redis.Redis, markets: list[MarketRows], now_ms: int
) -> dict[str, MarketPrices]:
    """Per market, in one round trip, and one more where an index is stale. Raises RedisError."""
    reports = read_reports(client, [rows.market_id for rows in markets])
    stale = {rows.market_id for rows in markets if rows.index_stale}
    told = {id: report for id, report in reports.items() if not is_late(report, now_ms)}
    tickers = published_tickers(client, stale & told.keys())
    found = {}
    for rows in markets:
        id = rows.market_id
        sources = [live_source(source, reports.get(id), now_ms) for source in rows.price_sources]
        too_high = _too_high(rows, told[id], tickers[id]) if id in tickers else ""
        found[id] = MarketPrices(sources, too_high)
    return found


def _too_high(rows: MarketRows, report: PriceReport, ticker: Ticker | None) -> str:
    """By the rule of the engine (`matching.core.market.prices`), which says no more than stale."""
    open_lots = ticker.open_interest_lots if ticker else 0
    ticks = highest_price_ticks(rows.units_per_tick_lot, open_lots)
    highest = ticks_to_decimal(ticks, rows.tick_size)
    if report.index_price is None or report.index_price <= highest:
        return ""
    return (
        f"index price {price_text(report.index_price)} above {price_text(highest)}, "
        "the largest the market takes with its open interest"
    )


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
