"""What engines put out, as streams of trades and for whoever tells accounts of it.

Read as our own feeds read it (`feeds.output`), while anybody listens; whoever listens first begins
at the ends.
"""

import asyncio
import time
from functools import partial
from typing import Any, Protocol

from feeds.account_feed import decoded
from feeds.output import OutputPosition, Row, begin_again, fallen_back, read, tails
from gateway.streams import market_events
from gateway.streams.names import StreamKind, StreamTopic
from gateway.streams.parts import StreamSource
from markets.rules import MarketRules
from matching.messages.events import OutputEntry, PositionLiquidated, Trade
from matching.messages.streams import ENTRY_FIELD, seq_of

PAUSE_S = 0.1
CHECK_EVERY_S = 1.0
OF_OUTPUT = (StreamKind.TRADE, StreamKind.AGGREGATE_TRADE, StreamKind.FORCE_ORDER)


class Entries(Protocol):
    """Who else is told. ``moved``: a market does not go on from where it was."""

    @property
    def are_wanted(self) -> bool: ...
    async def hear(self, market_id: str, entries: list[OutputEntry]) -> None: ...
    def moved(self, market_id: str) -> None: ...


class Output:
    def __init__(self, hub: StreamSource) -> None:
        self._hub = hub
        self.positions: dict[str, OutputPosition] = {}
        self._listeners: list[Entries] = []
        self._checked_at = 0.0

    def add(self, listener: Entries) -> None:
        self._listeners.append(listener)

    async def ready(self) -> None:
        """Once what happens from now on will be heard, if somebody listens by then."""
        await self._find_markets()

    async def step(self) -> None:
        is_wanted = any(listener.are_wanted for listener in self._listeners)
        if not is_wanted and not self._hub.wanted(*OF_OUTPUT):
            self.positions.clear()
            await asyncio.sleep(PAUSE_S)
            return
        await self._check_positions()
        await self._find_markets()
        if not self.positions:
            await asyncio.sleep(PAUSE_S)
            return
        found = await read(self._hub.redis, self.positions)
        for market_id, error in found.unreadable.items():
            self._hub.attempt(market_id, partial(_raise, error))
        if found.changed:
            begun = await begin_again(self._hub.redis, self.positions, found.changed)
            for market_id, position in begun.items():
                self._move(market_id, position)
        for market_id, rows in found.rows.items():
            await self._tell(market_id, self._entries_of(market_id, rows))
            await asyncio.sleep(0)  # between batches the clients have their turn

    async def _check_positions(self) -> None:
        """Of the task that reads alone: beside a read that moves on, an older answer of Redis would
        look as if the market had fallen back."""
        if self.positions and time.monotonic() - self._checked_at > CHECK_EVERY_S:
            fallen = await fallen_back(self._hub.redis, self.positions)
            for market_id, position in fallen.items():
                self._move(market_id, position)
            self._checked_at = time.monotonic()

    async def _find_markets(self) -> None:
        """Those that are new here, at their ends."""
        if unknown := self._hub.symbols.keys() - self.positions.keys():
            for market_id, found in (await tails(self._hub.redis, unknown)).items():
                self._hub.attempt(market_id, partial(self._begin, market_id, found))

    def _begin(self, market_id: str, found: OutputPosition | Exception) -> None:
        if isinstance(found, Exception):
            raise found
        self.positions.setdefault(market_id, found)

    def _move(self, market_id: str, position: OutputPosition) -> None:
        self.positions[market_id] = position
        self._tell_moved(market_id)

    def _tell_moved(self, market_id: str) -> None:
        for listener in self._listeners:
            listener.moved(market_id)

    def _entries_of(self, market_id: str, rows: list[Row]) -> list[OutputEntry]:
        """One that is missing, or can't be read, is as if the market had moved."""
        entries = []
        position = self.positions[market_id]
        for entry_id, fields in rows:
            entry = decoded(market_id, entry_id, fields)
            if entry is None or seq_of(entry_id) != position.seq + 1:
                self._tell_moved(market_id)
            position.seq, position.entry = seq_of(entry_id), fields.get(ENTRY_FIELD, b"")
            if entry is not None:
                entries.append(entry)
        return entries

    async def _tell(self, market_id: str, entries: list[OutputEntry]) -> None:
        for entry in entries:
            self._hub.attempt(market_id, partial(self._tell_entry, market_id, entry))
        for listener in self._listeners:
            if listener.are_wanted:
                await listener.hear(market_id, entries)

    def _tell_entry(self, market_id: str, entry: OutputEntry) -> None:
        symbol = self._hub.symbols.get(market_id)
        if symbol is None:
            return
        rules = self._hub.markets[symbol]
        for event in entry.events:
            if isinstance(event, Trade):
                self._tell_trade(event, entry, symbol, rules)
            elif isinstance(event, PositionLiquidated):
                told: Any = market_events.force_order_event(event, entry, symbol, rules)
                self._hub.tell(StreamTopic(StreamKind.FORCE_ORDER, market_id), told)
                self._hub.tell(StreamTopic(StreamKind.FORCE_ORDER, ""), told)

    def _tell_trade(
        self, trade: Trade, entry: OutputEntry, symbol: str, rules: MarketRules
    ) -> None:
        for kind, event_of in (
            (StreamKind.TRADE, market_events.trade_event),
            (StreamKind.AGGREGATE_TRADE, market_events.aggregate_trade_event),
        ):
            topic = StreamTopic(kind, rules.id)
            if self._hub.is_wanted(topic):
                self._hub.tell(topic, event_of(trade, entry, symbol, rules))


def _raise(error: Exception) -> None:
    raise error
