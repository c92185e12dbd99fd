"""What engines put out, as streams of trades and for whoever tells accounts of it.

Read as our own feeds read it (`feeds.reader`), while anybody listens; whoever listens first begins
at the ends.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from feeds.account_feed import decoded
from feeds.output import Row
from feeds.reader import OutputReader
from gateway.streams import market_events
from gateway.streams.names import StreamKind, StreamTopic
from gateway.streams.parts import StreamSource
from markets.rules import MarketRules
from matching.messages.events import OutputEntry, PositionLiquidated, Trade
from matching.messages.streams import ENTRY_FIELD, seq_of

PAUSE_S = 0.1
OF_OUTPUT = (StreamKind.TRADE, StreamKind.AGGREGATE_TRADE, StreamKind.FORCE_ORDER)


class Entries(Protocol):
    """Who else is told. ``miss``: something that a market put out can't be told."""

    @property
    def are_wanted(self) -> bool: ...
    async def hear(self, market_id: str, entries: list[OutputEntry]) -> None: ...
    def miss(self, market_id: str) -> None: ...


class Output:
    def __init__(self, hub: StreamSource) -> None:
        self._hub = hub
        self._reader = OutputReader(hub.redis, self)
        self.positions = self._reader.positions
        self._listeners: list[Entries] = []

    def add(self, listener: Entries) -> None:
        self._listeners.append(listener)

    async def ready(self) -> None:
        """Once what happens from now on will be heard, if somebody listens by then."""
        await self._reader.find(self._hub.symbols)

    async def step(self) -> None:
        is_wanted = any(listener.are_wanted for listener in self._listeners)
        if not is_wanted and not self._hub.wanted(*OF_OUTPUT):
            self._reader.forget()
            await asyncio.sleep(PAUSE_S)
            return
        await self._reader.step(self._hub.symbols)

    # --- as `feeds.reader` tells it ---------------------------------------------------------------

    def attempt(self, what: str, step: Callable[[], None]) -> None:
        self._hub.attempt(what, step)

    def begun(self, market_id: str, is_late: bool) -> None:
        """Whoever was promised to hear of a market is told so once it is found (`ready`)."""
        position = self.positions[market_id]
        if is_late and position.seq > position.start_seq:
            self._miss(market_id)

    def moved(self, market_id: str, before_seq: int) -> None:
        if not self.positions[market_id].goes_on_from(before_seq):
            self._miss(market_id)

    async def hear_rows(self, market_id: str, rows: Sequence[Row]) -> None:
        await self._tell(market_id, self._entries_of(market_id, rows))

    def _entries_of(self, market_id: str, rows: Sequence[Row]) -> list[OutputEntry]:
        """Those that can be read."""
        entries = []
        position = self.positions[market_id]
        for entry_id, fields in rows:
            entry = decoded(market_id, entry_id, fields)
            if entry is None or seq_of(entry_id) != position.seq + 1:
                self._miss(market_id)
            position.seq, position.entry = seq_of(entry_id), fields.get(ENTRY_FIELD, b"")
            if entry is not None:
                entries.append(entry)
        return entries

    def _miss(self, market_id: str) -> None:
        for listener in self._listeners:
            listener.miss(market_id)

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
