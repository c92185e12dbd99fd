"""Reads what is published, once for all clients of the process, and tells each stream once.

Theory of operation. Nothing is read that nobody listens to. Books and tickers are looked at every
100 ms, as the engine's shell publishes them; trades and what happens to accounts come from the
engines' output streams, read as our own feeds read them (`feeds.output`). What comes from Postgres,
candles and the figures of a day, is asked for by one thread. A message is encoded once however many
listen; a combined stream's name is put around it.

A fault of one market or one step is logged, and the others go on.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

import msgspec
import structlog
from django.db import connection
from redis.asyncio import Redis
from redis.exceptions import RedisError

from common import cancelling
from feeds.account_feed import decoded
from feeds.output import OutputPosition, begin_again, fallen_back, read, tails
from gateway.streams import market_events
from gateway.streams.books import Books
from gateway.streams.names import Kind, Topic
from gateway.streams.protocol import encode
from gateway.streams.timed import Timed
from gateway.words.symbols import listed_markets
from markets.rules import MarketRules
from matching.messages.events import OutputEntry, PositionLiquidated, Trade
from matching.messages.streams import ENTRY_FIELD, seq_of

POLL_EVERY_S = 0.1
CHECK_EVERY_S = 1.0
MARKETS_EVERY_S = 2.0
FAULT_PAUSE_S = 1.0
_OF_TRADES = (Kind.TRADE, Kind.AGGREGATE_TRADE, Kind.FORCE_ORDER)

Found = TypeVar("Found")
log = structlog.get_logger(__name__)


class Client(Protocol):
    """Who listens. ``offer`` never waits."""

    def offer(self, text: str) -> None: ...


class Entries(Protocol):
    """Who else is told of what engines put out. ``moved``: a market does not go on from where it
    was."""

    @property
    def are_wanted(self) -> bool: ...
    async def hear(self, market_id: str, entries: list[OutputEntry]) -> None: ...
    def moved(self, market_id: str) -> None: ...


class Hub:
    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self.markets: dict[str, MarketRules] = {}  # by symbol
        self.symbols: dict[str, str] = {}  # by market id
        self.positions: dict[str, OutputPosition] = {}
        self._listening: defaultdict[Topic, dict[Client, str]] = defaultdict(dict)
        self._combined: defaultdict[Topic, dict[Client, str]] = defaultdict(dict)
        self._entries: list[Entries] = []
        self._thread = ThreadPoolExecutor(1, "gateway-streams")
        self._jobs: list[asyncio.Task[None]] = []
        self._faulty: set[str] = set()
        self._checked_at = 0.0
        self.books = Books(self)
        self.timed = Timed(self)

    async def start(self) -> None:
        await self._load_markets()
        steps = {
            "markets": (self._load_markets, MARKETS_EVERY_S),
            "output": (self._read_output, 0.0),
            "books": (self.books.step, POLL_EVERY_S),
            "timed": (self.timed.step, 0.25),
        }
        self._jobs = [
            asyncio.create_task(self.repeat(what, step, pause_s))
            for what, (step, pause_s) in steps.items()
        ]

    def add(self, entries: Entries, *jobs: asyncio.Task[None]) -> None:
        self._entries.append(entries)
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
        self.markets = await self.ask(listed_markets)
        self.symbols = {rules.id: symbol for symbol, rules in self.markets.items()}

    def market_ids(self) -> Mapping[str, str]:
        return {symbol: rules.id for symbol, rules in self.markets.items()}

    # --- who listens ------------------------------------------------------------------------------

    async def subscribe(self, client: Client, named: Mapping[str, Topic], combined: bool) -> None:
        """Once this returns the client can fetch a book and join its stream."""
        self.listen(client, named, combined)
        await self.begin(named.values())

    async def begin(self, topics: Iterable[Topic]) -> None:
        await self.books.begin(list(topics))

    def listen(self, client: Client, named: Mapping[str, Topic], combined: bool) -> None:
        for name, topic in named.items():
            (self._combined if combined else self._listening)[topic][client] = name

    def unsubscribe(self, client: Client, topics: Iterable[Topic]) -> None:
        for topic in topics:
            for of_kind in (self._listening, self._combined):
                of_kind[topic].pop(client, None)
                if not of_kind[topic]:
                    del of_kind[topic]

    def wanted(self, *kinds: Kind) -> set[Topic]:
        return {topic for topic in (*self._listening, *self._combined) if topic.kind in kinds}

    def is_wanted(self, topic: Topic) -> bool:
        return topic in self._listening or topic in self._combined

    def tell(self, topic: Topic, event: Any) -> None:
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

    # --- what engines put out ---------------------------------------------------------------------

    async def _read_output(self) -> None:
        trades = self.wanted(*_OF_TRADES)
        if not trades and not any(entries.are_wanted for entries in self._entries):
            self.positions.clear()  # whoever listens next begins at the ends
            await asyncio.sleep(POLL_EVERY_S)
            return
        await self._find_positions()
        if not self.positions:
            await asyncio.sleep(POLL_EVERY_S)
            return
        found = await read(self.redis, self.positions)
        if found.changed:
            for market_id, position in (
                await begin_again(self.redis, self.positions, found.changed)
            ).items():
                self._move(market_id, position)
        for market_id, rows in found.rows.items():
            entries = []
            for entry_id, fields in rows:
                position = self.positions[market_id]
                if seq_of(entry_id) != position.seq + 1:
                    self._tell_moved(market_id)
                position.seq, position.entry = seq_of(entry_id), fields.get(ENTRY_FIELD, b"")
                if entry := decoded(market_id, entry_id, fields):
                    entries.append(entry)
            for entry in entries:
                self.attempt(market_id, lambda entry=entry: self._tell_entry(market_id, entry))  # type: ignore[misc]
            for listener in self._entries:
                if listener.are_wanted:
                    await listener.hear(market_id, entries)
            await asyncio.sleep(0)  # between batches the clients have their turn

    async def ready(self) -> None:
        """Once what happens from now on will be heard."""
        await self._find_positions()

    async def _find_positions(self) -> None:
        if self.positions and time.monotonic() - self._checked_at > CHECK_EVERY_S:
            for market_id, position in (await fallen_back(self.redis, self.positions)).items():
                self._move(market_id, position)
            self._checked_at = time.monotonic()
        if unknown := self.symbols.keys() - self.positions.keys():
            for market_id, found in (await tails(self.redis, unknown)).items():
                if isinstance(found, OutputPosition):
                    self.positions.setdefault(market_id, found)

    def _move(self, market_id: str, position: OutputPosition) -> None:
        self.positions[market_id] = position
        self._tell_moved(market_id)

    def _tell_moved(self, market_id: str) -> None:
        for listener in self._entries:
            listener.moved(market_id)

    def _tell_entry(self, market_id: str, entry: OutputEntry) -> None:
        symbol = self.symbols.get(market_id)
        if symbol is None:
            return
        rules = self.markets[symbol]
        for event in entry.events:
            if isinstance(event, Trade):
                self._tell_trade(event, entry, symbol, rules)
            elif isinstance(event, PositionLiquidated):
                told = market_events.force_order_event(event, entry, symbol, rules)
                self.tell(Topic(Kind.FORCE_ORDER, market_id), told)
                self.tell(Topic(Kind.FORCE_ORDER, ""), told)

    def _tell_trade(
        self, trade: Trade, entry: OutputEntry, symbol: str, rules: MarketRules
    ) -> None:
        for kind, event_of in (
            (Kind.TRADE, market_events.trade_event),
            (Kind.AGGREGATE_TRADE, market_events.aggregate_trade_event),
        ):
            topic = Topic(kind, rules.id)
            if self.is_wanted(topic):
                self.tell(topic, event_of(trade, entry, symbol, rules))


def wrap(name: str, text: str) -> str:
    return f'{{"stream":{msgspec.json.encode(name).decode()},"data":{text}}}'
