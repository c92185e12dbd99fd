"""Reads what is published, once for all clients of the process, and tells each stream once.

Theory of operation. Nothing is read that nobody listens to. Books and tickers are looked at every
100 ms, as the engine's shell publishes them; trades and what happens to accounts come from the
engines' output streams, read as our own feeds read them (`feeds.output`). What comes from Postgres,
candles and the figures of a day, is asked for by one thread. A message is encoded once however many
listen; a combined stream's name is put around it.

A fault of one market or one step is logged, and the others go on.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

import msgspec
import structlog
from django.db import DatabaseError, InterfaceError, connection
from redis.asyncio import Redis
from redis.exceptions import RedisError

from common import cancelling
from common.sharing.renewal import Renewal
from gateway.http.data.candles import INTERVALS
from gateway.streams.books import Books
from gateway.streams.names import StreamKind, StreamTopic, is_of_market, topic_of
from gateway.streams.output import OF_OUTPUT, Output
from gateway.streams.protocol import encode
from gateway.streams.timed import Timed
from gateway.words.symbols import listed_markets
from markets.rules import MarketRules

POLL_EVERY_S = 0.1
MARKETS_EVERY_S = 2.0
UNKNOWN_EVERY_S = 0.1  # for who names a market that is not known
FAULT_PAUSE_S = 1.0

Found = TypeVar("Found")
log = structlog.get_logger(__name__)


class Client(Protocol):
    """Who listens. ``offer`` never waits."""

    def offer(self, text: str) -> None: ...


class StreamHub:
    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self.markets: dict[str, MarketRules] = {}  # by symbol
        self.symbols: dict[str, str] = {}  # by market id
        self._listening: defaultdict[StreamTopic, dict[Client, str]] = defaultdict(dict)
        self._combined: defaultdict[StreamTopic, dict[Client, str]] = defaultdict(dict)
        self._thread = ThreadPoolExecutor(1, "gateway-streams")
        self._jobs: list[asyncio.Task[None]] = []
        self._faulty: set[str] = set()
        self._renewal = Renewal(self._load_markets, UNKNOWN_EVERY_S)
        self.output = Output(self)
        self.books = Books(self)
        self.timed = Timed(self)

    async def start(self) -> None:
        await self._load_markets()
        steps = {
            "markets": (self._load_markets, MARKETS_EVERY_S),
            "output": (self.output.step, 0.0),
            "books": (self.books.step, POLL_EVERY_S),
            "timed": (self.timed.step, 0.25),
        }
        self._jobs = [
            asyncio.create_task(self.repeat(what, step, pause_s))
            for what, (step, pause_s) in steps.items()
        ]

    def add(self, *jobs: asyncio.Task[None]) -> None:
        """They end with the hub."""
        self._jobs += jobs

    async def stop(self) -> None:
        await cancelling.end(self._jobs)
        self._thread.submit(connection.close)
        self._thread.shutdown(wait=False)
        await self.redis.aclose()

    async def repeat(self, what: str, step: Callable[[], Any], pause_s: float) -> None:
        """For ever; an outage is one line when it begins and one when it ends."""
        while True:
            try:
                await step()
            except Exception as error:
                if what not in self._faulty:
                    expected = isinstance(error, RedisError | OSError | TimeoutError)
                    log.error("gateway_fault", what=what, error=repr(error), exc_info=not expected)
                self._faulty.add(what)
                await asyncio.sleep(FAULT_PAUSE_S)
                continue
            if what in self._faulty:
                self._faulty.discard(what)
                log.info("gateway_recovered", what=what)
            await asyncio.sleep(pause_s)

    async def ask(self, question: Callable[[], Found]) -> Found:
        """Of Postgres, in the thread that is for it."""

        def asked() -> Found:
            connection.close_if_unusable_or_obsolete()
            return question()

        return await asyncio.get_running_loop().run_in_executor(self._thread, asked)

    async def _load_markets(self) -> None:
        self.markets = await self.ask(lambda: listed_markets(age_max_s=0))
        self.symbols = {rules.id: symbol for symbol, rules in self.markets.items()}

    async def topics(self, names: Iterable[str]) -> dict[str, StreamTopic | None]:
        """What these streams tell; None for what there isn't, also among the newest markets."""
        asked = list(names)
        found = self._topics(asked)
        if any(topic is None and is_of_market(name) for name, topic in found.items()):
            try:
                await self._renewal.done()
            except (DatabaseError, InterfaceError) as error:  # those known last go on
                log.warning("gateway_markets_unread", error=str(error).strip())
            found = self._topics(asked)
        return found

    def _topics(self, names: Iterable[str]) -> dict[str, StreamTopic | None]:
        market_ids = {symbol: rules.id for symbol, rules in self.markets.items()}
        return {name: topic_of(name, market_ids, INTERVALS) for name in names}

    # --- who listens ------------------------------------------------------------------------------

    async def subscribe(
        self, client: Client, named: Mapping[str, StreamTopic], combined: bool
    ) -> None:
        """Once this returns nothing that happens is missed: the client can fetch a book and join
        its stream, too."""
        self.listen(client, named, combined)
        await self.begin(named.values())

    async def begin(self, topics: Iterable[StreamTopic]) -> None:
        """What these streams need to miss nothing, if they are listened to at once."""
        asked = list(topics)
        await self.books.begin(asked)
        if any(topic.kind in OF_OUTPUT for topic in asked):
            await self.output.ready()

    def listen(self, client: Client, named: Mapping[str, StreamTopic], combined: bool) -> None:
        for name, topic in named.items():
            (self._combined if combined else self._listening)[topic][client] = name

    def unsubscribe(self, client: Client, topics: Iterable[StreamTopic]) -> None:
        for topic in topics:
            for of_kind in (self._listening, self._combined):
                of_kind[topic].pop(client, None)
                if not of_kind[topic]:
                    del of_kind[topic]

    def wanted(self, *kinds: StreamKind) -> set[StreamTopic]:
        return {topic for topic in (*self._listening, *self._combined) if topic.kind in kinds}

    def is_wanted(self, topic: StreamTopic) -> bool:
        return topic in self._listening or topic in self._combined

    def tell(self, topic: StreamTopic, event: Any) -> None:
        """Encoded once; wrapped once for each way its stream is spelled."""
        text = encode(event)
        for client in list(self._listening.get(topic, ())):
            client.offer(text)
        wrapped: dict[str, str] = {}
        for client, name in list(self._combined.get(topic, {}).items()):
            if name not in wrapped:
                wrapped[name] = wrap(name, text)
            client.offer(wrapped[name])

    def attempt(self, what: str, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception:
            if what not in self._faulty:
                log.exception("gateway_fault", what=what)
            self._faulty.add(what)
        else:
            self._faulty.discard(what)


def wrap(name: str, text: str) -> str:
    return f'{{"stream":{msgspec.json.encode(name).decode()},"data":{text}}}'
