"""Reads Redis once for all clients of the process, and hands each what it subscribed to."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import msgspec
import structlog
from asgiref.sync import sync_to_async
from django.db import DatabaseError, InterfaceError, close_old_connections
from django.utils import timezone
from redis.asyncio import Redis
from redis.exceptions import RedisError

from announcements.selectors import current_announcements
from common import cancelling
from feeds import protocol, public
from feeds.account_feed import AccountFeed, decoded
from feeds.book import BookFeed
from feeds.connection import GOING_AWAY, Connection
from feeds.identity import sign_out_refused
from feeds.labels import ClientOrderIds, Labels
from feeds.output import (
    BLOCK_MS,
    OutputPosition,
    begin_again,
    fallen_back,
    read,
    tails,
)
from feeds.protocol import FeedError, Topic, channel_name
from feeds.scale import Scale
from markets.models import Market
from matching.messages.events import OutputEntry
from matching.messages.streams import (
    ENTRY_FIELD,
    Depth,
    Ticker,
    depth_key,
    seq_of,
    ticker_key,
)

log = structlog.get_logger(__name__)

Found = TypeVar("Found")

POLL_INTERVAL_S = 0.1
MARKETS_INTERVAL_S = 5.0
ANNOUNCEMENTS_INTERVAL_S = 2.0
CHECK_INTERVAL_S = 1.0
IDENTITIES_INTERVAL_S = 1.0
FAULT_PAUSE_S = 1.0

_depth_decoder = msgspec.json.Decoder(Depth)
_ticker_decoder = msgspec.json.Decoder(Ticker)


class Hub:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._scales: dict[str, Scale] = {}
        self._positions: dict[str, OutputPosition] = {}
        self._checked_at = time.monotonic()
        self._are_markets_known = False
        self._books: dict[str, BookFeed] = {}
        self._tickers: dict[str, str] = {}
        self._polled: dict[str, bytes] = {}
        self._announcements = ""
        self._subscribers: defaultdict[str, set[Connection]] = defaultdict(set)
        self._jobs: list[asyncio.Task[None]] = []
        self._faulty: set[str] = set()
        self._client_order_ids = ClientOrderIds()
        self.connections: set[Connection] = set()
        self.accounts = AccountFeed(redis, self._scales, self._positions, self._client_order_ids)

    async def start(self) -> None:
        await self._load_markets()
        with suppress(RedisError, OSError, TimeoutError):  # else they are found once Redis is there
            await self._find_new_markets()
        self._jobs = [
            asyncio.create_task(self._repeat("markets", self._load_markets, MARKETS_INTERVAL_S)),
            asyncio.create_task(
                self._repeat("announcements", self._announce, ANNOUNCEMENTS_INTERVAL_S)
            ),
            asyncio.create_task(self._repeat("streams", self._read_streams, 0)),
            asyncio.create_task(self._repeat("books", self._poll, POLL_INTERVAL_S)),
            asyncio.create_task(
                self._repeat("identities", self._sign_out_refused, IDENTITIES_INTERVAL_S)
            ),
        ]

    async def stop(self) -> None:
        for connection in list(self.connections):
            connection.close(GOING_AWAY, "the server stops; connect again")
        await cancelling.end(self._jobs)
        self._client_order_ids.stop()
        await self._redis.aclose()

    async def _repeat(self, what: str, step: Any, pause_s: float) -> None:
        """For ever; an outage is one line when it begins and one when it ends."""
        while True:
            try:
                await step()
            except Exception as error:
                if what not in self._faulty:
                    expected = isinstance(error, RedisError | OSError | TimeoutError)
                    log.error("feeds_fault", what=what, error=repr(error), exc_info=not expected)
                self._faulty.add(what)
                await asyncio.sleep(FAULT_PAUSE_S)
                continue
            if what in self._faulty:
                self._faulty.discard(what)
                log.info("feeds_recovered", what=what)
            await asyncio.sleep(pause_s)

    async def _sign_out_refused(self) -> None:
        await sign_out_refused(self.connections)

    async def _load_markets(self) -> None:
        markets = await _from_postgres(lambda: list(Market.objects.all()))
        if markets is None:
            return  # those known last go on
        self._are_markets_known = True
        self._scales.update({market.pk: Scale.of(market) for market in markets})

    async def _announce(self) -> None:
        """Tells those who listen, where the house says something else than before."""
        current = await _from_postgres(lambda: current_announcements(timezone.now()))
        if current is None:
            return
        message = public.announcements_message(current)
        text = protocol.encode(message)
        if text != self._announcements:
            self._announcements = self._broadcast(message)

    # --- subscriptions ----------------------------------------------------------------------------

    def check_channel(self, channel: str) -> None:
        if channel == protocol.ANNOUNCEMENTS_CHANNEL:
            return
        _, market_id = protocol.parse_channel(channel)
        self.check_market(market_id)

    def check_market(self, market_id: str) -> None:
        if not self._are_markets_known:
            raise FeedError("UNAVAILABLE", "The markets can't be read now. Try again.")
        if market_id not in self._scales:
            raise FeedError("UNKNOWN_MARKET", f"There is no market {market_id[:64]!r}.")

    def subscribe(self, connection: Connection, channel: str) -> None:
        """The book, the ticker and the announcements as they are now come at once, if they are
        known."""
        self._subscribers[channel].add(connection)
        if channel == protocol.ANNOUNCEMENTS_CHANNEL:
            if self._announcements:
                connection.offer(self._announcements)
            return
        topic, market_id = protocol.parse_channel(channel)
        if topic is Topic.BOOK and (book := self._books.get(market_id)) and book.is_known:
            connection.offer(protocol.encode(book.snapshot()))
        elif topic is Topic.TICKER and market_id in self._tickers:
            connection.offer(self._tickers[market_id])

    def unsubscribe(self, connection: Connection, channel: str) -> None:
        self._subscribers[channel].discard(connection)
        if not self._subscribers[channel]:
            del self._subscribers[channel]

    def forget(self, connection: Connection) -> None:
        for channel in connection.channels - {protocol.ACCOUNT_CHANNEL}:
            self.unsubscribe(connection, channel)
        self.accounts.unsubscribe(connection)
        self.connections.discard(connection)

    # --- the output streams -----------------------------------------------------------------------

    async def _read_streams(self) -> None:
        if "streams" in self._faulty or time.monotonic() - self._checked_at > CHECK_INTERVAL_S:
            for market_id, position in (await fallen_back(self._redis, self._positions)).items():
                self._move(market_id, position)
            self._checked_at = time.monotonic()
        await self._find_new_markets()
        if not self._positions:
            await asyncio.sleep(BLOCK_MS / 1000)
            return
        found = await read(self._redis, self._positions)
        for market_id, error in found.unreadable.items():
            self._attempt(market_id, partial(_raise, error))
        if found.changed:
            begun = await begin_again(self._redis, self._positions, found.changed)
            for market_id, position in begun.items():
                self._move(market_id, position)
        for market_id, rows in found.rows.items():
            await self._on_rows(market_id, rows)
            # Between batches the clients have their turn.
            await asyncio.sleep(0)

    def _attempt(self, market_id: str, step: Callable[[], None]) -> None:
        """What can't be shown of one market is logged, and the others are shown."""
        try:
            step()
        except Exception:
            if market_id not in self._faulty:
                log.exception("feeds_fault", what=market_id)
            self._faulty.add(market_id)
        else:
            self._faulty.discard(market_id)

    async def _find_new_markets(self) -> None:
        """At their ends; who listened to an account before hears that there was something."""
        if unknown := self._scales.keys() - self._positions.keys():
            for market_id, found in (await tails(self._redis, unknown)).items():
                self._attempt(market_id, partial(self._begin, market_id, found))

    def _begin(self, market_id: str, found: OutputPosition | Exception) -> None:
        if isinstance(found, Exception):
            raise found
        self._positions[market_id] = found
        self.accounts.on_moved(market_id, 0)

    def _move(self, market_id: str, position: OutputPosition) -> None:
        """The market doesn't go on from where it was, but from here."""
        before = self._positions[market_id].seq
        log.warning("feeds_market_set_back", market=market_id, before=before, seq=position.seq)
        self._positions[market_id] = position
        self.accounts.on_moved(market_id, before)

    async def _on_rows(self, market_id: str, rows: Sequence[tuple[bytes, Any]]) -> None:
        trades = self._subscribers.get(channel_name(Topic.TRADES, market_id))
        entries: list[OutputEntry | None] = [None] * len(rows)
        if trades or self.accounts:
            entries = [decoded(market_id, entry_id, fields) for entry_id, fields in rows]
        known = [entry for entry in entries if entry is not None]
        for shown in known if trades else ():
            self._attempt(market_id, partial(self._tell_trades, market_id, shown))
        labels = await self.accounts.labels_of(known)
        for row, entry in zip(rows, entries, strict=True):
            self._attempt(market_id, partial(self._on_row, market_id, row, entry, labels))

    def _tell_trades(self, market_id: str, entry: OutputEntry) -> None:
        for trade in public.trade_messages(entry, self._scales[market_id]):
            self._broadcast(trade)

    def _on_row(
        self, market_id: str, row: tuple[bytes, Any], entry: OutputEntry | None, labels: Labels
    ) -> None:
        entry_id, fields = row
        position = self._positions[market_id]
        seq, previous = seq_of(entry_id), position.seq
        position.seq, position.entry = seq, fields.get(ENTRY_FIELD, b"")
        if seq != previous + 1:
            self.accounts.on_gap(market_id, previous, seq)
        if not self.accounts:
            return
        try:
            if entry is None:
                self.accounts.on_gap(market_id, seq - 1, seq + 1)
            else:
                self.accounts.on_entry(entry, self._scales[market_id], position.name, labels)
        except Exception:
            self.accounts.on_gap(market_id, seq - 1, seq + 1)
            raise

    # --- books and tickers ------------------------------------------------------------------------

    async def _poll(self) -> None:
        books = self._markets_of(Topic.BOOK)
        tickers = self._markets_of(Topic.TICKER)
        self._books = {m: feed for m, feed in self._books.items() if m in books}
        self._tickers = {m: text for m, text in self._tickers.items() if m in tickers}
        keys = [depth_key(m) for m in books] + [ticker_key(m) for m in tickers]
        self._polled = {key: value for key, value in self._polled.items() if key in keys}
        if not keys:
            return
        pipeline = self._redis.pipeline(transaction=False)
        for key in keys:
            pipeline.get(key)
        values = await pipeline.execute(raise_on_error=False)
        for key, value, market_id in zip(keys, values, [*books, *tickers], strict=True):
            if not isinstance(value, bytes) or self._polled.get(key) == value:
                continue  # nothing there, or a key that holds something else
            self._polled[key] = value
            show = self._on_depth if key == depth_key(market_id) else self._on_ticker
            self._attempt(market_id, partial(show, market_id, value))

    def _markets_of(self, topic: Topic) -> list[str]:
        return [m for m in self._scales if channel_name(topic, m) in self._subscribers]

    def _on_depth(self, market_id: str, value: bytes) -> None:
        book = self._books.setdefault(market_id, BookFeed(self._scales[market_id]))
        message = book.update(_depth_decoder.decode(value))
        if message:
            self._broadcast(message)

    def _on_ticker(self, market_id: str, value: bytes) -> None:
        ticker = _ticker_decoder.decode(value)
        message = public.ticker_message(ticker, self._scales[market_id])
        self._tickers[market_id] = self._broadcast(message)

    def _broadcast(self, message: dict[str, Any]) -> str:
        text = protocol.encode(message)
        for connection in list(self._subscribers.get(message["channel"], ())):
            connection.offer(text)
        return text


async def _from_postgres(read: Callable[[], list[Found]]) -> list[Found] | None:
    """None while Postgres is away, which is logged; the next read connects anew."""

    def reconnecting() -> list[Found]:
        try:
            return read()
        except (DatabaseError, InterfaceError):
            close_old_connections()
            raise

    try:
        return await sync_to_async(reconnecting)()
    except (DatabaseError, InterfaceError) as error:
        log.error("feeds_fault", what="postgres", error=str(error).strip())
        return None


def _raise(error: Exception) -> None:
    raise error
