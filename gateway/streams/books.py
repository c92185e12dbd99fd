"""Streams that follow what the engine's shell publishes: books, best prices, the mark price."""

import time
from collections.abc import Iterable
from functools import partial
from typing import Any

import msgspec

from gateway.streams import market_events
from gateway.streams.depth import DepthChain, Top
from gateway.streams.names import StreamKind, StreamTopic
from gateway.streams.parts import StreamSource
from matching.messages.streams import Depth, depth_key

_OF_BOOKS = (StreamKind.DEPTH, StreamKind.PARTIAL_DEPTH, StreamKind.BOOK_TICKER)
_decoder = msgspec.json.Decoder(Depth)
_NO_DEPTH = Depth(seq=0, time_ms=0, bids=[], asks=[])


class Books:
    def __init__(self, hub: StreamSource) -> None:
        self._hub = hub
        self._depths: dict[str, Depth] = {}
        self._raw: dict[str, Any] = {}
        self._chains: dict[StreamTopic, DepthChain | Top] = {}
        self._best: dict[str, Any] = {}

    async def begin(self, topics: Iterable[StreamTopic]) -> None:
        """From here on chains go on: a book that is fetched now is not older than where they
        begin."""
        new = [topic for topic in topics if topic.kind in _OF_BOOKS and topic not in self._chains]
        markets = {topic.market_id for topic in new if topic.market_id}
        if not markets:
            return
        await self._poll(markets)
        for topic in new:
            depth = self._depths.get(topic.market_id, _NO_DEPTH)
            if topic.kind is StreamKind.DEPTH and topic not in self._chains:
                self._chains[topic] = DepthChain(topic.every_ms, depth)

    async def step(self) -> None:
        wanted = self._hub.wanted(*_OF_BOOKS)
        self._chains = {topic: one for topic, one in self._chains.items() if topic in wanted}
        if any(not topic.market_id for topic in wanted):
            markets = set(self._hub.symbols)
        else:
            markets = {topic.market_id for topic in wanted}
        if not markets:
            self._depths.clear()
            self._raw.clear()
            self._best.clear()
            return
        await self._poll(markets)
        now_ms = time.time_ns() // 1_000_000
        for topic in sorted(wanted):
            if topic.kind is not StreamKind.BOOK_TICKER and topic.market_id in self._depths:
                self._hub.attempt(topic.market_id, partial(self._tell, topic, now_ms))
        for market_id in sorted(markets & self._depths.keys()):
            self._hub.attempt(market_id, partial(self._tell_best, market_id, now_ms))

    async def _poll(self, markets: Iterable[str]) -> None:
        asked = sorted(markets)
        pipeline = self._hub.redis.pipeline(transaction=False)
        for market_id in asked:
            pipeline.get(depth_key(market_id))
        values = await pipeline.execute(raise_on_error=False)
        for market_id, value in zip(asked, values, strict=True):
            if isinstance(value, bytes) and self._raw.get(market_id) != value:
                self._raw[market_id] = value
                self._depths[market_id] = _decoder.decode(value)

    def _tell(self, topic: StreamTopic, now_ms: int) -> None:
        symbol = self._hub.symbols.get(topic.market_id)
        if symbol is None:
            return
        depth, rules = self._depths[topic.market_id], self._hub.markets[symbol]
        chain = self._chains.get(topic)
        if chain is None:
            if topic.kind is StreamKind.DEPTH:
                self._chains[topic] = DepthChain(topic.every_ms, depth)
                return
            chain = self._chains[topic] = Top(int(topic.detail), topic.every_ms)
        event = chain.next(depth, symbol, rules, now_ms)
        if event is not None:
            self._hub.tell(topic, event)

    def _tell_best(self, market_id: str, now_ms: int) -> None:
        topics = (
            StreamTopic(StreamKind.BOOK_TICKER, market_id),
            StreamTopic(StreamKind.BOOK_TICKER, ""),
        )
        symbol = self._hub.symbols.get(market_id)
        if symbol is None or not any(map(self._hub.is_wanted, topics)):
            return
        depth = self._depths[market_id]
        best = depth.bids[:1], depth.asks[:1]
        if self._best.get(market_id) == best:
            return
        self._best[market_id] = best
        rules = self._hub.markets[symbol]
        event = market_events.book_ticker_event(depth, symbol, rules, now_ms)
        for topic in topics:
            self._hub.tell(topic, event)
