"""③ Which engines are at work on a market, as far as their heartbeats tell."""

import time
from typing import Any

import msgspec
import redis

from matching.messages.streams import Heartbeat, heartbeat_key

FRESH_MS = 10_000  # an engine beats every second

_decoder = msgspec.json.Decoder(Heartbeat)


def live_engines(client: redis.Redis, market_id: str) -> list[Heartbeat]:
    """Those that beat lately, whether they run or wait. Raises redis.RedisError."""
    beats: Any = client.hvals(heartbeat_key(market_id))
    since_ms = time.time_ns() // 1_000_000 - FRESH_MS
    return [beat for beat in map(_decoded, beats) if beat is not None and beat.beat_ms >= since_ms]


def _decoded(data: bytes) -> Heartbeat | None:
    try:
        return _decoder.decode(data)
    except msgspec.DecodeError:
        return None  # the status page says so
