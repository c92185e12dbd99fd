"""What an engine shows of a market beside its output stream: depth, ticker, heartbeat.

Readers get these without asking the engine, and the engine writes them only between batches and at
most every `SHOW_INTERVAL_MS`, however many commands a second it applies. They are conveniences, not
records: lost ones are simply rewritten.
"""

import itertools

import msgspec
import redis

from matching.core.book.book import BookSide
from matching.core.market.state import State
from matching.messages.streams import (
    TOP_OF_BOOK_LEVELS_MAX,
    Depth,
    Heartbeat,
    Ticker,
    depth_key,
    heartbeat_key,
    ticker_key,
)

SHOW_INTERVAL_MS = 100

_encode = msgspec.json.Encoder().encode


def show_market(pipe: redis.client.Pipeline, market_id: str, state: State) -> None:
    """Queue the market's depth and ticker on a pipeline."""
    depth = Depth(
        seq=state.seq,
        time_ms=state.clock_ms,
        bids=_top(state.book.bids),
        asks=_top(state.book.asks),
    )
    ticker = Ticker(
        seq=state.seq,
        time_ms=state.clock_ms,
        state=state.market_state,
        mark_price_ticks=state.mark_price_ticks,
        index_price_ticks=state.index_price_ticks,
        last_price_ticks=state.last_price_ticks,
        best_bid_ticks=state.book.best_bid_ticks(),
        best_ask_ticks=state.book.best_ask_ticks(),
        open_interest_lots=state.open_interest_lots,
    )
    shown = {depth_key(market_id): _encode(depth), ticker_key(market_id): _encode(ticker)}
    for key, data in shown.items():  # both or, where one can't be written down, none
        pipe.set(key, data)


def show_heartbeat(pipe: redis.client.Pipeline, market_id: str, beat: Heartbeat) -> None:
    pipe.hset(heartbeat_key(market_id), beat.engine, _encode(beat))


def _top(side: BookSide) -> list[tuple[int, int]]:
    levels = itertools.islice(side.levels(), TOP_OF_BOOK_LEVELS_MAX)
    return [(level.price_ticks, level.size_lots) for level in levels]
