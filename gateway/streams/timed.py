"""Streams that are told from time to time: mark prices, the last 24 hours, candles.

What they show is asked for as the calls ask for it, in one thread, for all who listen.
"""

import time
from typing import Any, NamedTuple

from gateway.asking.params import Params
from gateway.http.calls import VenueAsk
from gateway.http.data.candles import INTERVALS, Bar, newest_bars
from gateway.http.data.market import ticker_24h
from gateway.streams import market_events
from gateway.streams.names import StreamKind, StreamTopic
from gateway.streams.parts import StreamSource
from gateway.streams.turns import StreamTurn
from markets.rules import live_tickers
from trading import selectors
from trading.http.answers.prices import funding_estimate

_OF_DAYS = (StreamKind.MINI_TICKER, StreamKind.TICKER)
_OF_CANDLES = (StreamKind.KLINE, StreamKind.CONTINUOUS_KLINE)
SECOND_MS = 1_000
# Until when after its end a candle may still grow, by trades that are being written down.
_PERSISTED_WITHIN_MS = 1_500


class _Told(NamedTuple):
    bar: Bar
    is_over: bool


class Timed:
    def __init__(self, hub: StreamSource) -> None:
        self._hub = hub
        self._turns: dict[StreamTopic, StreamTurn] = {}
        self._days: dict[str, Any] = {}
        self._turn_of_days = StreamTurn(SECOND_MS)
        self._bars: dict[StreamTopic, _Told] = {}

    async def step(self) -> None:
        now_ms = time.time_ns() // 1_000_000
        await self._tell_marks(now_ms)
        await self._tell_days(now_ms)
        await self._tell_candles(now_ms)

    # --- mark prices ------------------------------------------------------------------------------

    async def _tell_marks(self, now_ms: int) -> None:
        due = [
            topic
            for topic in sorted(self._hub.wanted(StreamKind.MARK_PRICE))
            if self._turns.setdefault(topic, StreamTurn(topic.every_ms)).has_come(now_ms)
        ]
        if not due:
            return
        events = await self._hub.ask(lambda: self._marks(now_ms))
        for topic in due:
            self._turns[topic].take(now_ms // SECOND_MS * SECOND_MS)
            if not topic.market_id:
                self._hub.tell(topic, list(events.values()))
            elif topic.market_id in events:
                self._hub.tell(topic, events[topic.market_id])

    def _marks(self, now_ms: int) -> dict[str, Any]:
        """By market."""
        markets = self._hub.markets
        ids = [rules.id for rules in markets.values()]
        tickers, statuses = live_tickers(ids), selectors.market_statuses(ids)
        return {
            rules.id: market_events.mark_price_event(
                tickers[rules.id],
                funding_estimate(statuses[rules.id], rules).rate,
                statuses[rules.id].next_funding_ms,
                symbol,
                rules,
                now_ms,
            )
            for symbol, rules in markets.items()
        }

    # --- the last 24 hours ------------------------------------------------------------------------

    async def _tell_days(self, now_ms: int) -> None:
        topics = sorted(self._hub.wanted(*_OF_DAYS))
        if not topics or not self._turn_of_days.has_come(now_ms):
            if not topics:
                self._days.clear()
            return
        self._turn_of_days.take(now_ms)
        found = await self._hub.ask(lambda: ticker_24h(VenueAsk(Params())))
        before, self._days = self._days, {day["symbol"]: _figures(day) for day in found}
        changed = [day for day in found if before.get(day["symbol"]) != self._days[day["symbol"]]]
        for topic in topics:
            is_mini = topic.kind is StreamKind.MINI_TICKER
            event_of = market_events.mini_ticker_event if is_mini else market_events.ticker_event
            if not topic.market_id:
                if changed:
                    self._hub.tell(topic, [event_of(day, now_ms) for day in changed])
                continue
            symbol = self._hub.symbols.get(topic.market_id)
            for day in found:  # also where nothing changed: whoever came just now hears it
                if day["symbol"] == symbol:
                    self._hub.tell(topic, event_of(day, now_ms))

    # --- candles ----------------------------------------------------------------------------------

    async def _tell_candles(self, now_ms: int) -> None:
        topics = sorted(self._hub.wanted(*_OF_CANDLES))
        self._bars = {topic: bar for topic, bar in self._bars.items() if topic in topics}
        if not topics:
            return
        found = await self._hub.ask(lambda: self._newest(topics))
        for topic in topics:
            newest = found[topic]
            for at, bar in enumerate(newest):
                is_last = at == len(newest) - 1
                end_ms = INTERVALS[topic.detail].next_of(bar.start_ms)
                is_over = not is_last or now_ms >= end_ms + _PERSISTED_WITHIN_MS
                self._follow(topic, _Told(bar, is_over), now_ms, is_last=is_last)

    def _newest(self, topics: list[StreamTopic]) -> dict[StreamTopic, list[Bar]]:
        """The one before the last, too: it may have grown before it was over."""
        asked = [(topic.market_id, INTERVALS[topic.detail]) for topic in topics]
        return dict(zip(topics, newest_bars(asked, 2), strict=True))

    def _follow(self, topic: StreamTopic, told: _Told, now_ms: int, *, is_last: bool) -> None:
        """Tells what is new since it was told last; to begin with, the one that still grows."""
        before = self._bars.get(topic)
        is_old = not is_last if before is None else told.bar.start_ms < before.bar.start_ms
        symbol = self._hub.symbols.get(topic.market_id)
        if is_old or told == before or symbol is None:
            return
        self._bars[topic] = told
        rules, interval = self._hub.markets[symbol], INTERVALS[topic.detail]
        event = market_events.kline_event(
            told.bar, topic.detail, interval, symbol, rules, now_ms, is_over=told.is_over
        )
        if topic.kind is StreamKind.CONTINUOUS_KLINE:
            event = market_events.continuous_kline_event(event)
        self._hub.tell(topic, event)


def _figures(day: dict[str, Any]) -> dict[str, Any]:
    """What of a day changes otherwise than by time passing."""
    return {name: value for name, value in day.items() if name not in ("openTime", "closeTime")}
