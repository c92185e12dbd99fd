"""Reads Redis once for all clients of the process, and hands each what it subscribed to."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import msgspec
import structlog
from asgiref.sync import sync_to_async
from django.db import DatabaseError, InterfaceError, close_old_connections
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from matching.messages.codec import UndecodableMessage, decode_entry
from matching.messages.events import OutputEntry
from matching.messages.streams import (
    ENTRY_FIELD,
    Depth,
    Ticker,
    depth_key,
    output_stream,
    ticker_key,
)
from trading.feeds import account, protocol, public
from trading.feeds.book import BookFeed
from trading.feeds.connection import GOING_AWAY, Connection
from trading.feeds.protocol import FeedError, Topic, channel_name
from trading.feeds.scale import Scale
from trading.models import Market

log = structlog.get_logger(__name__)

POLL_INTERVAL_S = 0.1
MARKETS_INTERVAL_S = 5.0
BLOCK_MS = 500  # a new market waits for at most this
READ_COUNT = 500
REPLAY_ENTRIES_MAX = 20_000
HELD_MAX = 1_000  # live messages kept back while an older part is replayed
FAULT_PAUSE_S = 1.0

_depth_decoder = msgspec.json.Decoder(Depth)
_ticker_decoder = msgspec.json.Decoder(Ticker)


class Hub:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._scales: dict[str, Scale] = {}
        self._seq: dict[str, int] = {}  # last entry read, per market
        self._books: dict[str, BookFeed] = {}
        self._tickers: dict[str, str] = {}
        self._polled: dict[str, bytes] = {}
        self._subscribers: defaultdict[str, set[Connection]] = defaultdict(set)
        self._accounts: defaultdict[int, set[Connection]] = defaultdict(set)
        self._held: dict[Connection, list[str]] = {}
        self._account_of: dict[Connection, int] = {}
        self._jobs: list[asyncio.Task[None]] = []
        self._faulty: set[str] = set()
        self.connections: set[Connection] = set()

    async def start(self) -> None:
        await self._load_markets()
        self._jobs = [
            asyncio.create_task(self._repeat("markets", self._load_markets, MARKETS_INTERVAL_S)),
            asyncio.create_task(self._repeat("streams", self._read_streams, 0)),
            asyncio.create_task(self._repeat("books", self._poll, POLL_INTERVAL_S)),
        ]

    async def stop(self) -> None:
        for connection in list(self.connections):
            connection.close(GOING_AWAY, "the server stops; connect again")
        for job in self._jobs:
            job.cancel()
        await asyncio.gather(*self._jobs, return_exceptions=True)
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

    async def _load_markets(self) -> None:
        try:
            markets = await sync_to_async(_all_markets)()
        except (DatabaseError, InterfaceError) as error:
            # The markets known last go on.
            log.error("feeds_fault", what="postgres", error=str(error).strip())
            return
        self._scales = {market.pk: Scale.of(market) for market in markets}

    # --- subscriptions ----------------------------------------------------------------------------

    def check_channel(self, channel: str) -> None:
        _, market_id = protocol.parse_channel(channel)
        if market_id not in self._scales:
            raise FeedError("UNKNOWN_MARKET", f"There is no market {market_id[:64]!r}.")

    def subscribe(self, connection: Connection, channel: str) -> None:
        """The book and the ticker as they are now come at once, if they are known."""
        self._subscribers[channel].add(connection)
        topic, market_id = protocol.parse_channel(channel)
        if topic is Topic.BOOK and (book := self._books.get(market_id)) and book.is_known:
            connection.offer(protocol.encode(book.snapshot()))
        elif topic is Topic.TICKER and market_id in self._tickers:
            connection.offer(self._tickers[market_id])

    def unsubscribe(self, connection: Connection, channel: str) -> None:
        self._subscribers[channel].discard(connection)
        if not self._subscribers[channel]:
            del self._subscribers[channel]

    def subscribe_account(self, connection: Connection, account_id: int) -> dict[str, int]:
        """Live events are held back until `replay` is through. Returns the last entries read."""
        self._accounts[account_id].add(connection)
        self._account_of[connection] = account_id
        self._held[connection] = []
        return dict(self._seq)

    def unsubscribe_account(self, connection: Connection) -> None:
        self._held.pop(connection, None)
        account_id = self._account_of.pop(connection, 0)
        self._accounts[account_id].discard(connection)
        if not self._accounts[account_id]:
            del self._accounts[account_id]

    def forget(self, connection: Connection) -> None:
        for channel in connection.channels - {protocol.ACCOUNT_CHANNEL}:
            self.unsubscribe(connection, channel)
        self.unsubscribe_account(connection)
        self.connections.discard(connection)

    # --- account events that a client missed ------------------------------------------------------

    async def replay(
        self, connection: Connection, last_seq: dict[str, int], live_from: dict[str, int]
    ) -> None:
        """Sends what came after the client's last sequences, then what was held back meanwhile."""
        try:
            for market_id, seq in last_seq.items():
                if market_id in live_from and seq < live_from[market_id]:
                    await self._replay_market(connection, market_id, seq, live_from[market_id])
        except (RedisError, OSError, TimeoutError) as error:
            log.error("feeds_fault", what="replay", error=repr(error))
            message = "Missed events can't be read now. Subscribe again with lastSeq."
            raise FeedError("REPLAY_UNAVAILABLE", message) from error
        finally:
            for text in self._held.pop(connection, []):
                await connection.put(text)

    async def _replay_market(
        self, connection: Connection, market_id: str, after: int, until: int
    ) -> None:
        scale, account_id = self._scales[market_id], self._account_of[connection]
        if until - after > REPLAY_ENTRIES_MAX:
            await connection.put(_gap(market_id, after, until + 1))
            return
        while after < until:
            rows: Any = await self._redis.xrange(
                output_stream(market_id), f"{after + 1}-0", f"{until}-0", READ_COUNT
            )
            first = _seq_of(rows[0][0]) if rows else until + 1
            if first != after + 1:
                await connection.put(_gap(market_id, after, first))
            for entry_id, fields in rows:
                entry = _entry(market_id, entry_id, fields)
                message = entry and account.account_message(entry, account_id, scale)
                if message:
                    await connection.put(protocol.encode(message))
            after = _seq_of(rows[-1][0]) if rows else until

    # --- the output streams -----------------------------------------------------------------------

    async def _read_streams(self) -> None:
        if "streams" in self._faulty:
            self._seq = {m: min(s, await self._last_seq(m)) for m, s in self._seq.items()}
        for market_id in self._scales.keys() - self._seq.keys():
            try:
                self._seq[market_id] = await self._last_seq(market_id)
            except ResponseError as error:
                self._attempt(market_id, partial(_raise, error))
        if not self._seq:
            await asyncio.sleep(BLOCK_MS / 1000)
            return
        names = {output_stream(market_id).encode(): market_id for market_id in self._seq}
        positions: dict[Any, Any] = {
            name: f"{self._seq[market_id]}-0" for name, market_id in names.items()
        }
        try:
            answer: Any = await self._redis.xread(positions, count=READ_COUNT, block=BLOCK_MS)
        except ResponseError:
            answer = await self._read_one_by_one(positions)
        # A list of pairs by RESP2, a dictionary of lists of lists by RESP3.
        pairs = answer.items() if isinstance(answer, dict) else answer or []
        for name, found in pairs:
            rows = [row for part in found for row in part] if isinstance(answer, dict) else found
            for entry_id, fields in rows:
                self._attempt(names[name], partial(self._on_row, names[name], entry_id, fields))
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

    async def _read_one_by_one(self, positions: Mapping[Any, Any]) -> Any:
        """One key that is no stream fails the read of all: the others are read without it."""
        answers = []
        for name, position in positions.items():
            try:
                rows: Any = await self._redis.xrange(name, f"({position}", count=READ_COUNT)
            except ResponseError as error:
                self._attempt(name.decode(), partial(_raise, error))
            else:
                answers.append((name, rows))
        await asyncio.sleep(POLL_INTERVAL_S)
        return answers

    async def _last_seq(self, market_id: str) -> int:
        newest: Any = await self._redis.xrevrange(output_stream(market_id), count=1)
        return _seq_of(newest[0][0]) if newest else 0

    def _on_row(self, market_id: str, entry_id: bytes, fields: dict[bytes, bytes]) -> None:
        seq, previous = _seq_of(entry_id), self._seq[market_id]
        self._seq[market_id] = seq
        if seq != previous + 1 and self._account_of:
            gap = _gap(market_id, previous, seq)
            for connection in list(self._account_of):
                self._offer_account(connection, gap)
        trades = self._subscribers.get(channel_name(Topic.TRADES, market_id))
        if not trades and not self._account_of:
            return
        entry = _entry(market_id, entry_id, fields)
        if entry is None:
            return
        scale = self._scales[market_id]
        if trades:
            for trade in public.trade_messages(entry, scale):
                self._broadcast(trade)
        for account_id in account.accounts_of(entry) & self._accounts.keys():
            message = account.account_message(entry, account_id, scale)
            if message:
                text = protocol.encode(message)
                for connection in list(self._accounts[account_id]):
                    self._offer_account(connection, text)

    def _offer_account(self, connection: Connection, text: str) -> None:
        held = self._held.get(connection)
        if held is None or len(held) >= HELD_MAX:
            connection.offer(text)
        else:
            held.append(text)

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


def _all_markets() -> list[Market]:
    try:
        return list(Market.objects.all())
    except (DatabaseError, InterfaceError):
        close_old_connections()
        raise


def _raise(error: Exception) -> None:
    raise error


def _seq_of(entry_id: bytes) -> int:
    return int(entry_id.partition(b"-")[0])


def _entry(market_id: str, entry_id: bytes, fields: dict[bytes, bytes]) -> OutputEntry | None:
    try:
        return decode_entry(fields.get(ENTRY_FIELD, b""))
    except UndecodableMessage as error:
        log.error("feeds_undecodable", market=market_id, id=entry_id.decode(), error=str(error))
        return None


def _gap(market_id: str, after_seq: int, next_seq: int) -> str:
    """Entries between these two can't be shown; the client asks the HTTP API how it stands."""
    return protocol.encode(
        {
            "channel": protocol.ACCOUNT_CHANNEL,
            "type": "gap",
            "marketId": market_id,
            "afterSeq": after_seq,
            "nextSeq": next_seq,
        }
    )
