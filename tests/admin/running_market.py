"""A market as engines, a worker and a price process leave it when all is well."""

import time
from typing import Any

import msgspec
import redis
from django.test import Client

from console.health.answer import latest
from exchange_site.embedded.health import monitor_headers
from markets.models import Market
from matching.messages.codec import encode_command, encode_entry
from matching.messages.commands import UpdateIndexPrice
from matching.messages.events import OutputEntry
from matching.messages.streams import (
    COMMAND_FIELD,
    ENTRY_FIELD,
    Heartbeat,
    heartbeat_key,
    input_stream,
    output_stream,
)
from persistence.worker_heartbeat import beat
from tests.admin.price_reports import make_price_report

MARKET = "BTC-PERP"


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def run_market(market: Market, redis_db: redis.Redis) -> redis.Redis:
    """A market whose engine has applied, and whose worker has persisted, everything."""
    beat(redis_db, "celery@one")
    make_price_report(redis_db, market)
    for seq in range(1, 8):
        input_id: Any = redis_db.xadd(
            input_stream(MARKET),
            {COMMAND_FIELD: encode_command(UpdateIndexPrice(index_price_ticks=25_000))},
        )
        output(redis_db, seq, now_ms())
    redis_db.xgroup_create(input_stream(MARKET), "one", id="0")
    beat_engine(redis_db, seq=7, input_id=input_id.decode())
    return redis_db


def beat_engine(client: redis.Redis, name: str = "one", **fields: Any) -> None:
    values: dict[str, Any] = {
        "beat_ms": now_ms(),
        "started_ms": 0,
        "pid": 11,
        "seq": 7,
        "input_id": "0-0",
    } | fields
    heartbeat = Heartbeat(engine=name, **values)
    client.hset(heartbeat_key(MARKET), name, msgspec.json.encode(heartbeat))


def entry_id(entries: Any) -> str:
    return str(entries[0][0].decode())


def output(client: redis.Redis, seq: int, time_ms: int) -> None:
    entry = OutputEntry(seq=seq, input_id=f"{time_ms}-0", time_ms=time_ms, command_id=0, events=())
    client.xadd(output_stream(MARKET), {ENTRY_FIELD: encode_entry(entry)}, id=f"{seq}-0")


def health() -> tuple[int, dict[str, Any]]:
    latest.forget()
    response = Client(headers=monitor_headers()).get("/health")
    return response.status_code, response.json()
