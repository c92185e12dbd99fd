"""Which engines are at work, to the millisecond of their last beat."""

import msgspec
import pytest
import redis

from matching.messages.streams import Heartbeat, heartbeat_key
from persistence.recovery.live_engines import FRESH_MS, live_engines

NOW_MS = 1_760_000_000_000


def beat(name: str, age_ms: int) -> bytes:
    word = Heartbeat(
        engine=name, pid=1, beat_ms=NOW_MS - age_ms, started_ms=1, seq=1, input_id="1-0"
    )
    return msgspec.json.encode(word)


def test_an_engine_is_live_for_ten_seconds(
    redis_db: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "persistence.recovery.live_engines.time.time_ns", lambda: NOW_MS * 1_000_000 + 999_999
    )
    ages_ms = {"now": 0, "late": FRESH_MS - 1, "last": FRESH_MS, "gone": FRESH_MS + 1}
    for name, age_ms in ages_ms.items():
        redis_db.hset(heartbeat_key("BTC-PERP"), name, beat(name, age_ms))
    redis_db.hset(heartbeat_key("BTC-PERP"), "rubbish", b"\xff")
    redis_db.hset(heartbeat_key("ETH-PERP"), "other", beat("other", 0))
    live = live_engines(redis_db, "BTC-PERP")
    assert sorted(NOW_MS - heartbeat.beat_ms for heartbeat in live) == [0, 9_999, 10_000]
    assert len(live_engines(redis_db, "ETH-PERP")) == 1
    assert live_engines(redis_db, "XRP-PERP") == []
