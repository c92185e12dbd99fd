"""Asks every venue about every symbol, each on its own, and keeps the newest answer.

Theory of operation. One thread with an event loop; in it one task per source, so that a venue that
is slow, broken or silent delays nobody else. A task asks about once a second (less often where the
venue's rate limit says so) and after a failure waits longer each time, up to `BACKOFF_MAX_S`. What
it learns replaces one entry of a dictionary, as a frozen whole: other threads read it at any time.
"""

import asyncio
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

import structlog

from prices.sources.quote import Endpoint, PriceUnavailable, Quote, SourceNews, wall_clock_ms

if TYPE_CHECKING:
    from prices.sources.venues import Venue

log = structlog.get_logger(__name__)

INTERVAL_S = 1.0
BACKOFF_MAX_S = 30.0


Followed = tuple[int, Endpoint]  # a source, and what it asked when it was followed


class Pollers:
    """Follows the endpoints it was last told to. Close it when done: it has a thread."""

    def __init__(self, interval_s: float = INTERVAL_S) -> None:
        self._interval_s = interval_s
        self._news: dict[Followed, SourceNews] = {}
        self._tasks: dict[Followed, asyncio.Task[None]] = {}
        self._venues: dict[tuple[str, str], Venue] = {}
        self._wanted: dict[int, Endpoint] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="venues", daemon=True)
        self._thread.start()

    def follow(self, wanted: Mapping[int, Endpoint]) -> None:
        """From now on these, by source. Those that stay go on undisturbed."""
        if wanted == self._wanted:
            return
        self._wanted = dict(wanted)
        asyncio.run_coroutine_threadsafe(self._follow(set(wanted.items())), self._loop)

    def news(self, source_id: int, endpoint: Endpoint) -> SourceNews:
        return self._news.get((source_id, endpoint), SourceNews())

    def close(self) -> None:
        self._wanted = {}
        asyncio.run_coroutine_threadsafe(self._follow(set()), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _follow(self, wanted: set[Followed]) -> None:
        for gone in self._tasks.keys() - wanted:
            self._tasks.pop(gone).cancel()
            self._news.pop(gone, None)
        for new in wanted - self._tasks.keys():
            self._news[new] = SourceNews()
            self._tasks[new] = self._loop.create_task(self._poll(new))
        used = {(endpoint.venue, endpoint.api_url) for _, endpoint in wanted}
        unused = [self._venues.pop(key) for key in self._venues.keys() - used]
        # One that fails to close is given up all the same.
        await asyncio.gather(*(venue.close() for venue in unused), return_exceptions=True)

    async def _poll(self, followed: Followed) -> None:
        failures = 0
        while True:
            began_s = self._loop.time()
            try:
                quote = await self._ask(followed[1])
            except PriceUnavailable as error:
                failures += 1
                self._learn(followed, self._news[followed].failed(error, wall_clock_ms()))
            else:
                failures = 0
                self._learn(followed, self._news[followed].worked(quote))
            pause_s = self._interval_s * 2 ** min(max(0, failures - 1), 10)
            took_s = self._loop.time() - began_s
            await asyncio.sleep(max(0.0, min(pause_s, BACKOFF_MAX_S) - took_s))

    async def _ask(self, endpoint: Endpoint) -> Quote:
        from prices.sources.venues import Venue  # ccxt, which made-up prices needn't wait for

        key = (endpoint.venue, endpoint.api_url)
        venue = self._venues.get(key)
        if venue is None:
            venue = self._venues[key] = Venue(*key)
        return await venue.quote(endpoint.symbol)

    def _learn(self, followed: Followed, news: SourceNews) -> None:
        before = self._news[followed]
        self._news[followed] = news
        source_id, endpoint = followed
        told = {"source": source_id, "venue": endpoint.venue, "symbol": endpoint.symbol}
        if news.failing and (not before.failing or before.error != news.error):
            log.warning("price_source_failed", error=news.error, **told)
        elif before.failing and not news.failing:
            log.info("price_source_recovered", **told)
