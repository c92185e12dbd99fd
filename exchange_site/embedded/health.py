"""Whether the exchange serves: the API answers, and an engine has beaten for every market."""

import time
from collections.abc import Iterable

import httpx
import msgspec
import redis

from matching.messages.streams import Heartbeat, heartbeat_key

HEARTBEAT_AGE_MS_MAX = 10_000


def api_answers(port: int) -> bool:
    try:
        answer = httpx.get(f"http://127.0.0.1:{port}/markets", timeout=5)
    except httpx.HTTPError:
        return False
    return answer.status_code < 500


def markets_without_engine(client: redis.Redis, market_ids: Iterable[str]) -> list[str]:
    oldest_ms = int(time.time() * 1000) - HEARTBEAT_AGE_MS_MAX
    return [name for name in market_ids if _newest_beat_ms(client, name) < oldest_ms]


def _newest_beat_ms(client: redis.Redis, market_id: str) -> int:
    beats = client.hvals(heartbeat_key(market_id))
    return max((msgspec.json.decode(beat, type=Heartbeat).beat_ms for beat in beats), default=0)
