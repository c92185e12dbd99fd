"""The price loop: once a second it makes each market's index of what its sources say, and sends
`UpdateIndexPrice` into ②.

Theory of operation. A round reads markets and sources from Postgres, so that what an operator
changed counts within a second; tells the pollers which venues to follow; takes their newest prices
and the next step of the synthetic walks; and makes an index of them (`prices.index`). A
market whose quorum is not met is sent a price of 0, which its engine takes as stale. Only while a
source has yet to answer for the first time, as after a start, nothing is said: the engine's own
clock makes an index stale that gets too old.

Of several price processes one sends: that which holds a lease in Redis. The others follow no venue
and take over when the lease ends, `LEASE_S` after its holder died or was cut off.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import redis
import structlog
from django.db import DatabaseError, InterfaceError, close_old_connections
from redis.exceptions import LockError

from common.metrics.measures import INDEX_PRICES
from common.redis_client import redis_client
from markets.conversions import nearest_ticks
from markets.models import Market
from matching.messages.commands import UpdateIndexPrice
from matching.messages.streams import server_of
from matching.messages.vocabulary import MarketState
from prices.index import Index, SourcePrice, combine
from prices.models import PriceSource, PriceSourceKind
from prices.reports import PriceReport, source_report, write_reports
from prices.sources.pollers import INTERVAL_S, Pollers
from prices.sources.quote import Endpoint, PriceUnavailable, SourceNews, wall_clock_ms
from prices.sources.synthetic import SyntheticWalks
from trading.commands import publisher

log = structlog.get_logger(__name__)

BACKOFF_MAX_S = 30.0
LEASE_KEY = "prices:lease"
LEASE_S = 3.0
_ENDED = [state for state in MarketState if state.has_ended]


class FaultLog:
    """One line when something starts to fail or fails differently, one when it works again."""

    def __init__(self) -> None:
        self._failing: dict[str, str] = {}

    def failed(self, what: str, error: Exception) -> bool:
        """Whether it is news."""
        kind = type(error).__name__
        is_news = self._failing.get(what) != kind
        if is_news:
            log.error("prices_fault", what=what, error=kind, detail=str(error).strip())
        self._failing[what] = kind
        return is_news

    def worked(self, what: str) -> None:
        if self._failing.pop(what, None):
            log.info("prices_recovered", what=what)


class Lease:
    """Which price process sends. Held by renewing it, each round."""

    def __init__(self) -> None:
        client = server_of(redis_client(), LEASE_KEY)
        self._lock = client.lock(LEASE_KEY, timeout=LEASE_S, thread_local=False)
        self.held = False

    def renew(self) -> bool:
        """Whether it is ours now. Raises RedisError."""
        was_held, self.held = self.held, False
        if was_held:
            try:
                self._lock.reacquire()
            except LockError:
                log.warning("prices_lease_lost")
            else:
                self.held = True
                return True
        self.held = self._lock.acquire(blocking=False)
        if self.held:
            log.info("prices_lease_taken")
        return self.held

    def release(self) -> None:
        try:
            if self.held:
                self._lock.release()
        except redis.RedisError:  # also if it was lost: it then ends by itself
            log.info("prices_lease_not_released")


@dataclass(frozen=True)
class Round:
    """What one round found of one market. `ticks` is 0 for a stale index, None to say nothing."""

    market: Market
    ticks: int | None
    report: PriceReport


class PricePump:
    """Sends a price per market and interval until told to stop.

    A market that was added is picked up within one interval; one that is settled is left out. While
    Postgres is away the markets and sources known last go on; while Redis is away nothing is kept
    for later, since only the newest price counts.
    """

    def __init__(
        self,
        walks: SyntheticWalks,
        stop: threading.Event,
        interval_s: float = INTERVAL_S,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._walks = walks
        self._stop = stop
        self._interval_s = interval_s
        self._clock_s = clock_s
        self._markets: list[Market] = []
        self._faults = FaultLog()
        self._lease = Lease()
        self._pollers = Pollers(interval_s)

    def run(self) -> None:
        log.info("prices_started")
        try:
            self._run()
        finally:
            self._pollers.close()
            self._lease.release()
        log.info("prices_stopped")

    def _run(self) -> None:
        failures = 0
        due_s = self._clock_s()
        while not self._stop.is_set():
            self._refresh_markets()
            failures = 0 if self._send_all() else failures + 1
            pause_s = self._interval_s
            if failures:
                pause_s = min(BACKOFF_MAX_S, self._interval_s * 2 ** min(failures - 1, 10))
            now_s = self._clock_s()
            # After a stall the rhythm starts anew: no burst of stale prices.
            due_s = max(due_s + pause_s, now_s)
            self._stop.wait(due_s - now_s)

    def _refresh_markets(self) -> None:
        try:
            markets = Market.objects.select_related("status").prefetch_related("price_sources")
            self._markets = list(markets.exclude(status__state__in=_ENDED))
        except (DatabaseError, InterfaceError) as error:
            self._faults.failed("postgres", error)
            close_old_connections()  # so that the next round opens a fresh one
        else:
            self._faults.worked("postgres")

    def _send_all(self) -> bool:
        """False if Redis did not take the prices."""
        try:
            if not self._lease.renew():
                self._pollers.follow({})
                return True
            self._pollers.follow(_endpoints(self._markets))
            rounds = [found for market in self._markets if (found := self._attempt(market))]
            self._publish(rounds)
            write_reports(redis_client(), ((found.market.pk, found.report) for found in rounds))
        except redis.RedisError as error:
            self._faults.failed("redis", error)
            return False
        self._faults.worked("redis")
        return True

    def _publish(self, rounds: list[Round]) -> None:
        """What Redis refuses is one market's stream: the prices of the others went out."""
        known = [(found.market.pk, found.ticks) for found in rounds if found.ticks is not None]
        try:
            publisher.publish_commands(
                (market_id, UpdateIndexPrice(index_price_ticks=ticks)) for market_id, ticks in known
            )
        except redis.ResponseError as error:
            self._faults.failed("sending", error)
        else:
            self._faults.worked("sending")
            for market_id, _ in known:
                INDEX_PRICES.labels(market_id).inc()

    def _attempt(self, market: Market) -> Round | None:
        """None where it failed in a way nobody foresaw: the market's engine finds its index old,
        the others go on."""
        try:
            found = self._round(market)
        except Exception as error:
            if self._faults.failed(f"round of {market.pk}", error):
                log.exception("prices_round_failed", market=market.pk)
            return None
        self._faults.worked(f"round of {market.pk}")
        return found

    def _round(self, market: Market) -> Round:
        now_ms = wall_clock_ms()
        sources = _enabled(market)
        news = {source.pk: self._news(source, market) for source in sources}
        index = _index(sources, news, market.price_quorum, now_ms)
        waiting = any(not one.answers for one in news.values())
        ticks = None if index.price is None and waiting else self._ticks(market, index)
        reports = tuple(source_report(pk, one, index.states.get(pk)) for pk, one in news.items())
        report = PriceReport(reported_ms=now_ms, index_price=index.price, sources=reports)
        return Round(market, ticks, report)

    def _news(self, source: PriceSource, market: Market) -> SourceNews:
        if source.kind == PriceSourceKind.SYNTHETIC:
            return SourceNews().worked(self._walks.step(market, source.home_price))
        return self._pollers.news(source.pk, _endpoint(source))

    def _ticks(self, market: Market, index: Index) -> int:
        """0 if there is no index, or none that the market's ticks can say."""
        try:
            if index.price is None:
                counts = f"{index.healthy} of {len(index.states)} sources with a price are healthy"
                raise PriceUnavailable(f"{counts}, {market.price_quorum} needed")
            ticks = nearest_ticks(index.price, market.tick_size)
        except (PriceUnavailable, ValueError) as error:
            self._faults.failed(f"price of {market.pk}", error)
            return 0
        self._faults.worked(f"price of {market.pk}")
        return ticks


def _enabled(market: Market) -> list[PriceSource]:
    return [source for source in market.price_sources.all() if source.enabled]


def _endpoint(source: PriceSource) -> Endpoint:
    return Endpoint(source.venue, source.symbol, source.api_url)


def _endpoints(markets: list[Market]) -> dict[int, Endpoint]:
    return {
        source.pk: _endpoint(source)
        for market in markets
        for source in _enabled(market)
        if source.kind == PriceSourceKind.CCXT
    }


def _index(
    sources: list[PriceSource], news: Mapping[int, SourceNews], quorum: int, now_ms: int
) -> Index:
    prices = [
        SourcePrice(source.pk, quote.price, source.weight, now_ms - quote.observed_at_ms)
        for source in sources
        if (quote := news[source.pk].quote) is not None
    ]
    return combine(prices, quorum)
