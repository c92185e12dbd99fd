"""What the price process would have reported."""

import time
from decimal import Decimal

import redis

from markets.models import Market
from prices.index import SourceState
from prices.reports import PriceReport, SourceReport, write_reports

INDEX_PRICE = Decimal("2509.95")


def make_price_report(
    client: redis.Redis,
    market: Market,
    state: SourceState = SourceState.HEALTHY,
    index_price: Decimal = INDEX_PRICE,
) -> None:
    """The price process said this of all sources of the market a moment ago."""
    now_ms = time.time_ns() // 1_000_000
    sources = tuple(
        SourceReport(
            source_id=source.pk,
            state=state,
            price=INDEX_PRICE,
            observed_at_ms=now_ms - 1_500,
            errors=1_234,
            error="ExchangeNotAvailable: <down>",
            error_at_ms=now_ms - 60_000,
        )
        for source in market.price_sources.all()
    )
    report = PriceReport(reported_ms=now_ms, index_price=index_price, sources=sources)
    write_reports(client, [(market.pk, report)])
