"""What engines' shells show beside the streams: books, best prices, tickers.

Each is read from Redis for all who listen. A subscription `everyMs` hears at most so often how it
stands: it is a stream of its own, whose book has its own chain of ``pu`` and ``u``, so what it says
follows from what it said before.
"""

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

import msgspec
from redis.asyncio import Redis

from feeds import protocol
from feeds.scale import Scale
from feeds.streams import public
from feeds.streams.book import BookFeed
from feeds.streams.channels import (
    ALL_MARKETS,
    SLOW,
    ListenTerms,
    Topic,
    channel_name,
    known_channel,
)
from feeds.streams.subscribers import Listener, Subscribers, named
from matching.messages.streams import Depth, Ticker, depth_key, ticker_key

SET_BACK_AFTER_MS = 5_000
POLL_INTERVAL_MS = 100

Attempt = Callable[[str, Callable[[], None]], None]
_DEPTH_PREFIX = depth_key("").removesuffix("{}")
_depth_decoder = msgspec.json.Decoder(Depth)
_ticker_decoder = msgspec.json.Decoder(Ticker)


class _Feed(Protocol):
    def update(self, shown: Any) -> dict[str, Any] | None:
        """What to tell those who know what was told before."""

    def snapshot(self) -> dict[str, Any] | None:
        """What to tell somebody who knows nothing; None where nothing is known."""


class _TickerFeed:
    def __init__(self, scale: Scale) -> None:
        self._scale = scale
        self._told: Ticker | None = None

    def update(self, shown: Ticker) -> dict[str, Any] | None:
        if shown == self._told:
            return None
        self._told = shown
        return self.snapshot()

    def snapshot(self) -> dict[str, Any] | None:
        return None if self._told is None else public.ticker_message(self._told, self._scale)


class _BestFeed:
    """Told when price or size of either changes."""

    def __init__(self, scale: Scale) -> None:
        self._scale = scale
        self._told: Depth | None = None

    def update(self, shown: Depth) -> dict[str, Any] | None:
        told = self._told
        if told and (shown.bids[:1], shown.asks[:1]) == (told.bids[:1], told.asks[:1]):
            return None
        self._told = shown
        return self.snapshot()

    def snapshot(self) -> dict[str, Any] | None:
        return None if self._told is None else public.best_message(self._told, self._scale)


class _Stream:
    def __init__(self, topic: Topic, scale: Scale, every_ms: int) -> None:
        self.market_id = scale.market_id
        self.key = (ticker_key if topic is Topic.TICKER else depth_key)(scale.market_id)
        self.heard_by = [
            (channel_name(topic, market_id), every_ms)
            for market_id in (scale.market_id, ALL_MARKETS)
        ]
        self._every_s = every_ms / 1_000
        self._due_s = 0.0
        self.is_begun = False
        self.feed: _Feed
        match topic:
            case Topic.BOOK:
                tolerated = SET_BACK_AFTER_MS // (every_ms or POLL_INTERVAL_MS)
                self.feed = BookFeed(scale, tolerated)
            case Topic.BBO:
                self.feed = _BestFeed(scale)
            case _:
                self.feed = _TickerFeed(scale)

    def is_due(self, now_s: float, *, is_fresh: bool) -> bool:
        if not self._every_s:
            return is_fresh or not self.is_begun
        if now_s < self._due_s:
            return False
        self._due_s = max(self._due_s + self._every_s, now_s)
        return True


class Polled:
    """``scales`` is the hub's, of all markets it knows; ``attempt`` tries something that is of one
    market alone."""

    def __init__(
        self,
        redis: Redis,
        scales: Mapping[str, Scale],
        subscribers: Subscribers,
        attempt: Attempt,
    ) -> None:
        self._redis = redis
        self._scales = scales
        self._subscribers = subscribers
        self._attempt = attempt
        self._streams: dict[tuple[Topic, str, int], _Stream] = {}
        self._values: dict[str, bytes] = {}
        self._shown: dict[str, Any] = {}

    def greet(self, listener: Listener, channel: str, terms: ListenTerms) -> None:
        """How it stands, at once, if anybody listened before."""
        wanted = known_channel(channel)
        is_of_all = wanted.market_id == ALL_MARKETS
        for market_id in self._scales if is_of_all else [wanted.market_id]:
            stream = self._streams.get((wanted.topic, market_id, terms.every_ms))
            message = stream.feed.snapshot() if stream is not None else None
            if message is not None:
                listener.offer(named(protocol.encode(message), terms.id_text))

    async def poll(self) -> None:
        self._open_streams()
        market_of = {stream.key: stream.market_id for stream in self._streams.values()}
        self._values = {key: one for key, one in self._values.items() if key in market_of}
        self._shown = {key: one for key, one in self._shown.items() if key in market_of}
        if not market_of:
            return
        pipeline = self._redis.pipeline(transaction=False)
        for key in market_of:
            pipeline.get(key)
        values = await pipeline.execute(raise_on_error=False)
        fresh: set[str] = set()
        for (key, market_id), value in zip(market_of.items(), values, strict=True):
            # Else nothing there, or a key that holds something else.
            if isinstance(value, bytes) and self._values.get(key) != value:
                self._values[key] = value
                self._attempt(market_id, partial(self._show, key, value, fresh))
        now_s = time.monotonic()
        for stream in self._streams.values():
            if stream.key in self._shown and stream.is_due(now_s, is_fresh=stream.key in fresh):
                self._attempt(stream.market_id, partial(self._tell, stream))

    def _open_streams(self) -> None:
        """Those that somebody hears."""
        wanted: dict[tuple[Topic, str, int], None] = {}
        for name, every_ms in self._subscribers.streams():
            if name == protocol.ANNOUNCEMENTS_CHANNEL:
                continue
            channel = known_channel(name)
            if channel.topic in SLOW:
                is_of_all = channel.market_id == ALL_MARKETS
                for market_id in self._scales if is_of_all else [channel.market_id]:
                    wanted[channel.topic, market_id, every_ms] = None
        self._streams = {
            key: self._streams.get(key) or _Stream(key[0], self._scales[key[1]], key[2])
            for key in wanted
        }

    def _show(self, key: str, value: bytes, fresh: set[str]) -> None:
        is_depth = key.startswith(_DEPTH_PREFIX)
        self._shown[key] = (_depth_decoder if is_depth else _ticker_decoder).decode(value)
        fresh.add(key)

    def _tell(self, stream: _Stream) -> None:
        stream.is_begun = True
        message = stream.feed.update(self._shown[stream.key])
        if message is None:
            return
        text = protocol.encode(message)
        for heard_by in stream.heard_by:
            self._subscribers.tell_text(text, heard_by, is_coalesced=True)
