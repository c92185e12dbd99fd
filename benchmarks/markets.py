"""Many markets on one machine: what the parts cost by process, and what by market.

An exchange as `make run` starts it, with synthetic prices: each market gets one a second, and
nothing else happens. Measured at few markets and at many: how far behind persistence is, what the
parts use of a core, what Postgres commits, what the status page asks and takes, how many
connections there are; and how long all markets are without an engine when it is killed. What an
answer asks of Postgres may not grow with the markets: the statements at many beside those at few
have a ceiling.
"""

import os
import signal
import statistics
import sys
import time
from dataclasses import dataclass
from typing import Any

import httpx
import psutil

from benchmarks.exchange import Exchange, wait_for
from benchmarks.report import Row, at_most, main, progress

STAGE = "markets"
FEW, MANY = 10, 300
CEILING = 1.2  # statements of an answer at many markets, beside those at few
SAMPLE_EVERY_S = 0.5
SETTLING_S = 5.0


@dataclass(frozen=True)
class Measured:
    markets: int
    lag_ms: list[float]
    sweep_entries: list[float]  # unpersisted entries of all markets, per sample
    cpu_share: dict[str, float]
    commits_per_s: float
    status_ms: float
    status_statements: int
    health_ms: float
    tickers_ms: float
    redis_connections: int
    postgres_connections: int


def open_markets(count: int) -> None:
    """Until there are so many, each with a price of its own."""
    from django.db import transaction

    from markets.models import Market
    from matching.messages.vocabulary import MarketState
    from prices.demo_markets import DEMO_MARKETS
    from prices.models import PriceSource, PriceSourceKind
    from prices.services import save_price_source
    from trading import services

    for number in range(Market.objects.count(), count):
        market = DEMO_MARKETS[1].build()
        market.pk = f"M{number}-PERP"
        with transaction.atomic():
            services.configure_market(market, by=None)
            services.set_market_state(market, MarketState.ACTIVE, by=None)
            save_price_source(
                PriceSource(market=market, kind=PriceSourceKind.SYNTHETIC, home_price=3_000)
            )
    wait_for(_all_priced, "a mark price in each market")


def _all_priced() -> bool:
    from markets.models import MarketStatus
    from matching.messages.vocabulary import MarketState

    unpriced = MarketStatus.objects.filter(mark_price_ticks=0)
    return (
        not unpriced.exists()
        and not MarketStatus.objects.exclude(state=MarketState.ACTIVE).exists()
    )


def measure(exchange: Exchange, markets: int, seconds: float) -> Measured:
    progress(STAGE, f"opening {markets} markets")
    open_markets(markets)
    time.sleep(SETTLING_S)
    progress(STAGE, f"measuring {markets} markets")
    lag_ms: list[float] = []
    waiting: list[float] = []
    used, commits, began = exchange.cpu_seconds(), _commits(), time.monotonic()
    while time.monotonic() - began < seconds:
        lags, entries = _lags()
        lag_ms += lags
        waiting.append(entries)
        time.sleep(SAMPLE_EVERY_S)
    took = time.monotonic() - began
    commits_per_s = (_commits() - commits) / took
    shares = {
        part: (now - used.get(part, 0.0)) / took for part, now in exchange.cpu_seconds().items()
    }
    status_ms, statements = _status()
    with httpx.Client(base_url=f"http://127.0.0.1:{exchange.port}", timeout=60) as http:
        health_ms, tickers_ms = _answer_ms(http, "/health"), _answer_ms(http, "/tickers")
    return Measured(
        markets, lag_ms, waiting, shares, commits_per_s, status_ms, statements, health_ms,
        tickers_ms, _redis_connections(), _postgres_connections(),
    )  # fmt: skip


def _lags() -> tuple[list[float], int]:
    """Of every market at one moment, and how many entries all of them have unpersisted."""
    from common.redis_client import redis_client
    from console.health.streams import read_market_streams
    from persistence.models import MarketCursor

    cursors = dict(MarketCursor.objects.values_list("market_id", "seq"))
    now_ms = time.time_ns() // 1_000_000
    streams = read_market_streams(redis_client(), cursors, now_ms)
    entries = sum(max(0, found.output_seq - cursors[pk]) for pk, found in streams.items())
    return [found.output_lag_ms for found in streams.values()], entries


def _status() -> tuple[float, int]:
    """Milliseconds, the median of five, and statements."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from console.health.report import exchange_status

    times = []
    for _ in range(5):
        began = time.perf_counter()
        exchange_status()
        times.append(1_000 * (time.perf_counter() - began))
    with CaptureQueriesContext(connection) as captured:
        exchange_status()
    return statistics.median(times), len(captured)


def _answer_ms(http: httpx.Client, path: str) -> float:
    """The median of five, each later than an answer is kept."""
    times = []
    for _ in range(5):
        began = time.perf_counter()
        answer = http.get(path)
        times.append(1_000 * (time.perf_counter() - began))
        time.sleep(1.1)
    if answer.is_error:
        progress(STAGE, f"{path}: {answer.status_code} {answer.text[:500]}")
    return statistics.median(times)


def _commits() -> int:
    return int(_postgres("SELECT xact_commit FROM pg_stat_database WHERE datname = "
                         "current_database()"))  # fmt: skip


def _postgres_connections() -> int:
    return int(_postgres("SELECT count(*) FROM pg_stat_activity WHERE backend_type = "
                         "'client backend'"))  # fmt: skip


def _postgres(query: str) -> Any:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone()[0]


def _redis_connections() -> int:
    from common.redis_client import redis_client

    return len(redis_client().client_list())


def recovery_s(exchange: Exchange) -> float:
    """From an engine's death until one runs every market again."""
    from common.redis_client import redis_client
    from markets.models import Market
    from persistence.recovery.live_engines import live_engines

    ids = list(Market.objects.values_list("pk", flat=True))
    (engine,) = (
        process
        for process in psutil.Process(exchange.process.pid).children(recursive=True)
        if "runengine" in process.cmdline()
    )
    began = time.monotonic()
    engine.kill()

    def all_run() -> bool:
        return all(
            any(beat.pid != engine.pid and not beat.halted for beat in live_engines(client, pk))
            for pk in ids
        )

    client = redis_client()
    wait_for(all_run, "an engine for every market")
    return time.monotonic() - began


def rows_of_one(stage: str, of: str, found: Measured) -> list[Row]:
    quantiles = statistics.quantiles(found.lag_ms, n=100)
    rows = [
        Row(stage, f"{of}: persistence lag, p50", quantiles[49], "ms"),
        Row(stage, f"{of}: persistence lag, p99", quantiles[98], "ms"),
        Row(stage, f"{of}: unpersisted", statistics.mean(found.sweep_entries), "entries"),
        Row(stage, f"{of}: commits", found.commits_per_s, "/s"),
        Row(stage, f"{of}: status page's snapshot", found.status_ms, "ms"),
        Row(stage, f"{of}: GET /health", found.health_ms, "ms"),
        Row(stage, f"{of}: GET /tickers", found.tickers_ms, "ms"),
        Row(stage, f"{of}: connections to Redis", found.redis_connections, ""),
        Row(stage, f"{of}: connections to Postgres", found.postgres_connections, ""),
    ]
    shares = sorted(found.cpu_share.items(), key=lambda share: -share[1])
    return rows + [
        Row(stage, f"{of}: CPU of {part}", 100 * share, "% of a core")
        for part, share in shares
        if share >= 0.01
    ]


def rows_of(few: Measured, many: Measured) -> list[Row]:
    rows = [
        row
        for found in (few, many)
        for row in rows_of_one(STAGE, f"{found.markets} markets", found)
    ]
    for what, small, large in (
        ("status statements", few.status_statements, many.status_statements),
        ("connections to Redis", few.redis_connections, many.redis_connections),
        ("connections to Postgres", few.postgres_connections, many.postgres_connections),
    ):
        rows.append(at_most(STAGE, f"{what}, many beside few", large / small, "×", CEILING))
    return rows


def run(short: bool) -> list[Row]:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # by way of the clean-up below
    os.environ["LIMITS"] = "0"
    exchange = Exchange()
    try:
        exchange.wait_ready()
        seconds = 8.0 if short else 30.0
        few = measure(exchange, FEW, seconds)
        many = measure(exchange, 100 if short else MANY, seconds)
        away_s = recovery_s(exchange)
    finally:
        exchange.stop()
    away = Row(STAGE, f"{many.markets} markets: engine killed, all run again", away_s, "s")
    return [*rows_of(few, many), away]


if __name__ == "__main__":
    main(run, "markets")
