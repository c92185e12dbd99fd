"""Candles as they grow: what REST says of them, read for all who listen.

They are read from the rows that REST reads, so that the two can't differ. Nothing is lost by
reading them only so often: each message is the whole candle, and each candle is told once more when
it is closed, also where several closed meanwhile.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from msgspec import to_builtins

from common.postgres.prepared import read_all
from feeds import protocol
from feeds.scale import Scale
from feeds.streams.channels import Topic, known_channel
from feeds.streams.subscribers import Subscribers
from trading.http.answers.markets import candle_answer
from trading.models import CANDLE_INTERVALS_MS, Candle

MISSED_MAX = 100  # candles of a channel in one step

Found = TypeVar("Found")
Read = Callable[[Callable[[], list[Found]]], Awaitable[list[Found] | None]]

# Of each market and interval, from a candle on or, where nothing was told yet, the newest; and the
# time of the market's last mark price: what has an earlier time is all there, as rows commit in the
# order of the market's entries.
_CANDLES = """
SELECT wanted.market_id, wanted.interval_ms, candle.start_ms, candle.open_ticks,
       candle.high_ticks, candle.low_ticks, candle.close_ticks, candle.volume_lots,
       candle.quote_units, candle.trade_count,
       coalesce((extract(epoch FROM status.mark_price_at) * 1000)::bigint, 0)
  FROM unnest(%s::text[], %s::integer[], %s::bigint[]) AS wanted(market_id, interval_ms, since_ms)
  JOIN markets_marketstatus status USING (market_id)
 CROSS JOIN LATERAL (
       SELECT * FROM trading_candle AS one
        WHERE one.market_id = wanted.market_id AND one.interval_ms = wanted.interval_ms
          AND one.start_ms >= coalesce(wanted.since_ms, (
              SELECT max(newest.start_ms) FROM trading_candle AS newest
               WHERE newest.market_id = wanted.market_id
                 AND newest.interval_ms = wanted.interval_ms))
        ORDER BY one.start_ms LIMIT %s) AS candle
 ORDER BY wanted.market_id, wanted.interval_ms, candle.start_ms
"""
_COLUMNS = (
    "market_id",
    "interval_ms",
    "start_ms",
    "open_ticks",
    "high_ticks",
    "low_ticks",
    "close_ticks",
    "volume_lots",
    "quote_units",
    "trade_count",
)


class Candles:
    """``read`` asks Postgres in a thread; None while it is away."""

    def __init__(
        self, scales: Mapping[str, Scale], subscribers: Subscribers, read: Read[Any]
    ) -> None:
        self._scales = scales
        self._subscribers = subscribers
        self._read = read
        self._told: dict[str, str] = {}  # channel → the newest candle's message
        self._since_ms: dict[str, int] = {}

    def newest(self, channel: str) -> str | None:
        return self._told.get(channel)

    async def step(self) -> None:
        channels = [
            name
            for name, _ in self._subscribers.streams()
            if name != protocol.ANNOUNCEMENTS_CHANNEL and known_channel(name).topic is Topic.CANDLES
        ]
        self._told = {name: self._told[name] for name in channels if name in self._told}
        self._since_ms = {n: self._since_ms[n] for n in channels if n in self._since_ms}
        if channels:
            for name, start_ms, body in await self._read(lambda: self._messages(channels)) or ():
                self._tell(name, start_ms, body)

    def _tell(self, name: str, start_ms: int, body: dict[str, Any]) -> None:
        text = protocol.encode(body)
        if self._told.get(name) == text:
            return
        self._told[name] = text
        self._since_ms[name] = start_ms
        self._subscribers.tell_text(text, (name, 0))

    def _messages(self, channels: list[str]) -> list[tuple[str, int, dict[str, Any]]]:
        """In a thread: what to tell, the oldest first."""
        asked = [known_channel(name) for name in channels]
        name_of = {
            (one.market_id, CANDLE_INTERVALS_MS[one.interval]): name
            for one, name in zip(asked, channels, strict=True)
        }
        markets, intervals = zip(*name_of, strict=True)
        since = [self._since_ms.get(name) for name in name_of.values()]
        rows = read_all(_CANDLES, (list(markets), list(intervals), since, MISSED_MAX))
        newest = {row[:2]: row[2] for row in rows}
        return [
            (name, row[2], self._body(name, row, newest[row[:2]]))
            for row in rows
            if (name := name_of[row[:2]])
        ]

    def _body(self, name: str, row: tuple[Any, ...], newest_ms: int) -> dict[str, Any]:
        *columns, moved_on_to_ms = row
        market_id, interval_ms, start_ms = row[:3]
        candle = Candle(**dict(zip(_COLUMNS, columns, strict=True)))
        is_over = start_ms + interval_ms <= moved_on_to_ms or start_ms < newest_ms
        told = to_builtins(candle_answer(candle, self._scales[market_id]))
        return {"channel": name, "type": "candle", **told, "closed": is_over}
