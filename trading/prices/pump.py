"""The price loop: asks a source about every market, sends `UpdateIndexPrice` into ②."""

import threading
import time
from collections.abc import Callable

import redis
import structlog
from django.db import DatabaseError, InterfaceError, close_old_connections

from matching.messages.commands import UpdateIndexPrice
from matching.messages.vocabulary import MarketState
from trading import publisher
from trading.conversions import nearest_ticks
from trading.models import Market
from trading.prices.source import PriceSource, PriceUnavailable

log = structlog.get_logger(__name__)

INTERVAL_S = 1.0
BACKOFF_MAX_S = 30.0
_ENDED = [state for state in MarketState if state.has_ended]


class FaultLog:
    """One line when something starts to fail or fails differently, one when it works again."""

    def __init__(self) -> None:
        self._failing: dict[str, str] = {}

    def failed(self, what: str, error: Exception) -> None:
        kind = type(error).__name__
        if self._failing.get(what) != kind:
            log.error("prices_fault", what=what, error=kind, detail=str(error).strip())
        self._failing[what] = kind

    def worked(self, what: str) -> None:
        if self._failing.pop(what, None):
            log.info("prices_recovered", what=what)


class PricePump:
    """Sends a price per market and interval until told to stop.

    A market that was added is picked up within one interval; one that is settled is left out. While
    Postgres is away the markets known last go on; while Redis is away nothing is kept for later,
    since only the newest price counts.
    """

    def __init__(
        self,
        source: PriceSource,
        stop: threading.Event,
        interval_s: float = INTERVAL_S,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._stop = stop
        self._interval_s = interval_s
        self._clock_s = clock_s
        self._markets: list[Market] = []
        self._faults = FaultLog()

    def run(self) -> None:
        log.info("prices_started", source=self._source.name)
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
        log.info("prices_stopped", source=self._source.name)

    def _refresh_markets(self) -> None:
        try:
            markets = Market.objects.select_related("status")
            self._markets = list(markets.exclude(status__state__in=_ENDED))
        except (DatabaseError, InterfaceError) as error:
            self._faults.failed("postgres", error)
            close_old_connections()  # so that the next round opens a fresh one
        else:
            self._faults.worked("postgres")

    def _send_all(self) -> bool:
        """False if Redis took none or only some of the prices."""
        for market in self._markets:
            if self._stop.is_set():
                break
            try:
                self._send(market)
            except PriceUnavailable as error:
                self._faults.failed(f"price of {market.pk}", error)
            except redis.RedisError as error:
                self._faults.failed("redis", error)
                return False
            else:
                self._faults.worked(f"price of {market.pk}")
                self._faults.worked("redis")
        return True

    def _send(self, market: Market) -> None:
        quote = self._source.fetch(market)
        try:
            ticks = nearest_ticks(quote.price, market.tick_size)
        except ValueError as error:
            raise PriceUnavailable(str(error)) from error
        publisher.publish_command(market.pk, UpdateIndexPrice(index_price_ticks=ticks))
