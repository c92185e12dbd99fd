"""What the price process says of its sources: it writes one report a market and second into Redis,
the admin and the status page read them. Nothing is kept of the past.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import msgspec
import redis
from msgspec import Struct

from common import decimals
from matching.messages.streams import values_of
from prices.index import SourceState
from prices.models import PriceSource
from prices.sources.quote import Quote, SourceNews

REPORT_LATE_MS = 5_000
REPORT_KEPT_S = 86_400


def report_key(market_id: str) -> str:
    return f"prices:report:{{{market_id}}}"


class SourceReport(Struct, frozen=True, kw_only=True):
    """A source as the index took it. `price` is None if there is none to show."""

    source_id: int
    state: SourceState
    price: Decimal | None = None
    observed_at_ms: int = 0
    errors: int = 0
    error: str = ""
    error_at_ms: int = 0


class PriceReport(Struct, frozen=True, kw_only=True):
    """One round of one market. `index_price` is None if it has none."""

    reported_ms: int
    index_price: Decimal | None
    sources: tuple[SourceReport, ...]

    @property
    def healthy(self) -> int:
        return sum(source.state is SourceState.HEALTHY for source in self.sources)


_decoder = msgspec.json.Decoder(PriceReport)


def source_report(source_id: int, news: SourceNews, judged: SourceState | None) -> SourceReport:
    """`judged` by the index; None if there was no price to judge."""
    state = judged or SourceState.WAITING
    if news.failing and state in {SourceState.STALE, SourceState.WAITING}:
        state = SourceState.ERROR
    quote = news.quote or Quote(Decimal(0), 0)
    return SourceReport(
        source_id=source_id,
        state=state,
        price=quote.price or None,
        observed_at_ms=quote.observed_at_ms,
        errors=news.errors,
        error=news.error,
        error_at_ms=news.error_at_ms,
    )


def write_reports(client: redis.Redis, reports: Iterable[tuple[str, PriceReport]]) -> None:
    """In one round trip. Raises RedisError."""
    pipe = client.pipeline(transaction=False)
    for market_id, report in reports:
        pipe.set(report_key(market_id), msgspec.json.encode(report), ex=REPORT_KEPT_S)
    pipe.execute()


def read_reports(client: redis.Redis, market_ids: Sequence[str]) -> dict[str, PriceReport]:
    """Those there are; one that can't be read is none. In one round trip. Raises RedisError."""
    found = values_of(client, [report_key(market_id) for market_id in market_ids])
    reports = {}
    for market_id, data in zip(market_ids, found, strict=True):
        try:
            reports[market_id] = _decoder.decode(data or b"")
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            continue  # of another version: the next one is a second away
    return reports


def price_text(price: Decimal) -> str:
    """As an operator reads it: thousands separated, all digits, no zeros at the end."""
    return f"{Decimal(decimals.text(price)):,f}"


def is_late(report: PriceReport, now_ms: int) -> bool:
    """Whether the price process has fallen silent since."""
    return now_ms - report.reported_ms > REPORT_LATE_MS


@dataclass(frozen=True)
class LiveSource:
    """A configured source and what was last reported of it."""

    source: PriceSource
    state: SourceState
    age_ms: int | None = None  # of the price
    report: SourceReport = field(
        default_factory=lambda: SourceReport(source_id=0, state=SourceState.UNKNOWN)
    )

    @property
    def price_text(self) -> str:
        """In the quote currency; empty for none."""
        return price_text(self.report.price) if self.report.price else ""

    @property
    def age_text(self) -> str:
        return "" if self.age_ms is None else f"{self.age_ms / 1_000:,.1f} s"

    @property
    def tone(self) -> str:
        """Of the admin's badges."""
        if self.state is SourceState.HEALTHY:
            return "ok"
        return "plain" if self.state is SourceState.DISABLED else "warn"


def live_source(source: PriceSource, market: PriceReport | None, now_ms: int) -> LiveSource:
    """`market` is the newest report of the source's market, if there is one."""
    if not source.enabled:
        return LiveSource(source, SourceState.DISABLED)
    if market is None or is_late(market, now_ms):
        return LiveSource(source, SourceState.UNKNOWN)
    found = [report for report in market.sources if report.source_id == source.pk]
    if not found:
        return LiveSource(source, SourceState.WAITING)
    (report,) = found
    age_ms = max(0, now_ms - report.observed_at_ms) if report.price else None
    return LiveSource(source, report.state, age_ms, report)
