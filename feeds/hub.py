"""Reads Redis once for all clients of the process, and hands each what it subscribed to."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import structlog
from asgiref.sync import sync_to_async
from django.db import DatabaseError, InterfaceError, close_old_connections
from django.utils import timezone
from redis.asyncio import Redis
from redis.exceptions import RedisError

from announcements.selectors import current_announcements
from common import cancelling
from common.metrics.measures import FEED_AGE_SECONDS, FEED_CLIENTS, FEED_WAITING
from common.sharing.renewal import Renewal
from common.sockets.closing import GOING_AWAY
from common.tracing.stages import Stage, are_traced, tell_stage
from feeds import protocol
from feeds.account_feed import AccountFeed, decoded
from feeds.algos import AlgoNews
from feeds.connection import Connection
from feeds.identity import sign_out_refused
from feeds.labels import ClientOrderIds, Labels
from feeds.output import Row
from feeds.protocol import FeedError
from feeds.reader import OutputReader
from feeds.scale import Scale
from feeds.streams import public
from feeds.streams.candles import Candles
from feeds.streams.channels import (
    ALL_MARKETS,
    SLOW,
    ListenTerms,
    Topic,
    channel_name,
    known_channel,
    parse_channel,
)
from feeds.streams.polled import POLL_INTERVAL_MS, Polled
from feeds.streams.subscribers import Subscribers, named
from markets.models import Market
from matching.messages.events import OutputEntry
from matching.messages.streams import ENTRY_FIELD, seq_of
from trading.intake.decisions import Decisions

log = structlog.get_logger(__name__)

Found = TypeVar("Found")

POLL_INTERVAL_S = POLL_INTERVAL_MS / 1_000
CANDLES_INTERVAL_S = 0.5
MARKETS_INTERVAL_S = 5.0
UNKNOWN_INTERVAL_S = 0.1  # for who names a market that is not known
ANNOUNCEMENTS_INTERVAL_S = 2.0
ALGOS_INTERVAL_S = 1.0
IDENTITIES_INTERVAL_S = 1.0
COUNTS_INTERVAL_S = 1.0
FAULT_PAUSE_S = 1.0


class Hub:
    def __init__(self, redis: Redis, decisions: Decisions | None = None) -> None:
        self._redis = redis
        self._decisions = decisions or Decisions()
        self._scales: dict[str, Scale] = {}
        self._reader = OutputReader(redis, self)
        self._positions = self._reader.positions
        self._are_markets_known = False
        self._renewal = Renewal(self._load_markets, UNKNOWN_INTERVAL_S)
        self._announcements = ""
        self._subscribers = Subscribers()
        self._polled = Polled(redis, self._scales, self._subscribers, self.attempt)
        self._candles = Candles(self._scales, self._subscribers, _from_postgres)
        self._jobs: list[asyncio.Task[None]] = []
        self._faulty: set[str] = set()
        self._client_order_ids = ClientOrderIds()
        self.connections: set[Connection] = set()
        self.accounts = AccountFeed(redis, self._scales, self._positions, self._client_order_ids)
        self._algos = AlgoNews(self.accounts, _from_postgres)

    async def start(self) -> None:
        await self._load_markets()
        with suppress(RedisError, OSError, TimeoutError):  # else they are found once Redis is there
            await self._reader.find(self._scales)
        self._jobs = [
            asyncio.create_task(self._repeat("markets", self._load_markets, MARKETS_INTERVAL_S)),
            asyncio.create_task(
                self._repeat("announcements", self._announce, ANNOUNCEMENTS_INTERVAL_S)
            ),
            asyncio.create_task(
                self._repeat("streams", lambda: self._reader.step(self._scales), 0)
            ),
            asyncio.create_task(self._repeat("books", self._polled.poll, POLL_INTERVAL_S)),
            asyncio.create_task(self._repeat("candles", self._candles.step, CANDLES_INTERVAL_S)),
            asyncio.create_task(self._repeat("algos", self._algos.step, ALGOS_INTERVAL_S)),
            asyncio.create_task(self._repeat("counts", self._count_clients, COUNTS_INTERVAL_S)),
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

    async def _count_clients(self) -> None:
        FEED_CLIENTS.set(len(self.connections))
        FEED_WAITING.set(max((one.waiting for one in self.connections), default=0))

    async def _sign_out_refused(self) -> None:
        await sign_out_refused(self.connections)

    async def _load_markets(self) -> None:
        markets = await _from_postgres(lambda: list(Market.objects.all()))
        self._are_markets_known = markets is not None
        if markets is None:
            return  # those known last go on
        self._scales.update({market.pk: Scale.of(market) for market in markets})

    async def _announce(self) -> None:
        """Tells those who listen, where the house says something else than before."""
        current = await _from_postgres(lambda: current_announcements(timezone.now()))
        if current is None:
            return
        message = public.announcements_message(current)
        if protocol.encode(message) != self._announcements:
            self._announcements = self._subscribers.tell(message)

    # --- subscriptions ----------------------------------------------------------------------------

    async def check_channel(self, channel: str) -> None:
        if channel == protocol.ANNOUNCEMENTS_CHANNEL:
            return
        market_id = parse_channel(channel).market_id
        if market_id != ALL_MARKETS:
            await self.check_market(market_id)

    async def check_market(self, market_id: str) -> None:
        if market_id in self._scales:
            return
        await self._renewal.done()
        if not self._are_markets_known:
            raise FeedError("UNAVAILABLE", "The markets can't be read now. Try again.")
        if market_id not in self._scales:
            raise FeedError("UNKNOWN_MARKET", f"There is no market {market_id[:64]!r}.")

    def subscribe(self, connection: Connection, channel: str, terms: ListenTerms) -> None:
        """What is known of how it stands comes at once."""
        self._subscribers.add(connection, channel, terms)
        if channel == protocol.ANNOUNCEMENTS_CHANNEL:
            known: str | None = self._announcements or None
        else:
            topic = known_channel(channel).topic
            known = self._candles.newest(channel) if topic is Topic.CANDLES else None
            if topic in SLOW:
                self.greet(connection, channel, terms)
        if known is not None:
            connection.offer(named(known, terms.id_text))

    def greet(self, connection: Connection, channel: str, terms: ListenTerms) -> None:
        """How books or tickers stand, from which what is told next goes on."""
        self._polled.greet(connection, channel, terms)

    def unsubscribe(self, connection: Connection, channel: str, terms: ListenTerms) -> None:
        self._subscribers.remove(connection, channel, terms)

    def seqs(self, channels: Iterable[str]) -> dict[str, int]:
        """Where the markets of these stand whose messages have no number of their own."""
        told = (known_channel(name) for name in channels if name not in protocol.OF_NO_MARKET)
        markets = {one.market_id for one in told if one.topic is Topic.LIQUIDATIONS}
        return {
            market_id: position.seq
            for market_id, position in self._positions.items()
            if market_id in markets or ALL_MARKETS in markets
        }

    def forget(self, connection: Connection) -> None:
        for channel, terms in connection.channels.items():
            if channel != protocol.ACCOUNT_CHANNEL:
                self._subscribers.remove(connection, channel, terms)
        self.accounts.unsubscribe(connection)
        self.connections.discard(connection)

    # --- the output streams -----------------------------------------------------------------------

    def attempt(self, what: str, step: Callable[[], None]) -> None:
        """What can't be shown of one market is logged, and the others are shown."""
        try:
            step()
        except Exception:
            if what not in self._faulty:
                log.exception("feeds_fault", what=what)
            self._faulty.add(what)
        else:
            self._faulty.discard(what)

    def begun(self, market_id: str, _is_late: bool) -> None:
        """Who listened to an account before hears that there was something."""
        self.moved(market_id, 0)

    def moved(self, market_id: str, before_seq: int) -> None:
        """The market's position is another one than what followed from its entries."""
        position = self._positions[market_id]
        if not position.goes_on_from(before_seq):
            self._on_gap(market_id, before_seq, position.seq + 1)

    async def hear_rows(self, market_id: str, rows: Sequence[Row]) -> None:
        began_ns = time.time_ns()
        trades = channel_name(Topic.TRADES, market_id) in self._subscribers
        entries: list[OutputEntry | None] = [None] * len(rows)
        is_told = trades or self.accounts or self._has_liquidations(market_id)
        if is_told or self._decisions.are_wanted:
            entries = [decoded(market_id, entry_id, fields) for entry_id, fields in rows]
        known = [entry for entry in entries if entry is not None]
        for decided in known if self._decisions.are_wanted else ():
            self._decisions.hear(decided)
        for shown in known if trades else ():
            self.attempt(market_id, partial(self._tell_trades, market_id, shown))
        labels = await self.accounts.labels_of(known) if self.accounts else {}
        # In one step with the rows: who subscribes is told where the market stands.
        if self._has_liquidations(market_id):
            seqs = [seq_of(entry_id) for entry_id, _ in rows]
            self.attempt(market_id, partial(self._tell_liquidations, market_id, seqs, entries))
        for row, entry in zip(rows, entries, strict=True):
            self.attempt(market_id, partial(self._on_row, market_id, row, entry, labels))
        if known:
            FEED_AGE_SECONDS.observe(max(0.0, time.time() - known[0].time_ms / 1_000))
        if are_traced() and self.accounts:
            order_ids = self.accounts.orders_of(known)
            tell_stage(Stage.TELL, order_ids, began_ns, time.time_ns(), market_id)

    def _tell_trades(self, market_id: str, entry: OutputEntry) -> None:
        for trade in public.trade_messages(entry, self._scales[market_id]):
            self._subscribers.tell(trade)

    def _has_liquidations(self, market_id: str) -> bool:
        return any(name in self._subscribers for name in _liquidations_of(market_id))

    def _tell_liquidations(
        self, market_id: str, seqs: Sequence[int], entries: Sequence[OutputEntry | None]
    ) -> None:
        told_seq = self._positions[market_id].seq
        for seq, entry in zip(seqs, entries, strict=True):
            if seq != told_seq + 1:
                self._tell_of(market_id, public.liquidations_gap(market_id, told_seq, seq))
            if entry is None:
                self._tell_of(market_id, public.liquidations_gap(market_id, seq - 1, seq + 1))
            else:
                for message in public.liquidation_messages(entry, self._scales[market_id]):
                    self._tell_of(market_id, message)
            told_seq = seq

    def _tell_of(self, market_id: str, message: dict[str, Any]) -> None:
        """Those who hear of the liquidations of this market, or of all."""
        text = protocol.encode(message)
        for name in _liquidations_of(market_id):
            self._subscribers.tell_text(text, (name, 0))

    def _on_gap(self, market_id: str, after_seq: int, next_seq: int) -> None:
        self.accounts.on_gap(market_id, after_seq, next_seq)
        self._tell_of(market_id, public.liquidations_gap(market_id, after_seq, next_seq))

    def _on_row(self, market_id: str, row: Row, entry: OutputEntry | None, labels: Labels) -> None:
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


def _liquidations_of(market_id: str) -> tuple[str, str]:
    return (
        channel_name(Topic.LIQUIDATIONS, market_id),
        channel_name(Topic.LIQUIDATIONS, ALL_MARKETS),
    )


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
