"""What Redis knows of each market's streams ② and ④, its engines ③ and the workers ⑤, for
`console.health.report`. Every read is bounded, however far behind a part may be.
"""

from dataclasses import dataclass, field
from typing import Any

import msgspec
import redis
import structlog
from django.conf import settings

from common.redis_client import probe_redis_client
from matching.messages.codec import UndecodableMessage, decode_entry
from matching.messages.streams import (
    ENTRY_FIELD,
    Heartbeat,
    dead_letter_stream,
    heartbeat_key,
    id_order,
    input_stream,
    output_stream,
    seq_of,
)
from persistence.worker_heartbeat import WORKER_HEARTBEAT_KEY

COUNT_CAP = 1_000  # beyond this many, "how many exactly" changes nothing for the operator

StreamEntry = tuple[bytes, dict[bytes, bytes]]

log = structlog.get_logger(__name__)

_heartbeat_decoder = msgspec.json.Decoder(Heartbeat)


@dataclass(frozen=True)
class EngineBeat:
    engine: str
    pid: int
    beat_ms: int
    seq: int
    input_id: str
    build: str
    halted: str


@dataclass(frozen=True)
class Group:
    """A consumer group of the input stream: the engine of that name reads through it."""

    name: str
    consumers: int
    pending: int


@dataclass(frozen=True)
class MarketStreams:
    """One market in Redis. Lags count at most COUNT_CAP entries."""

    beats: list[EngineBeat]
    groups: list[Group]
    input_length: int
    output_length: int
    dead_length: int
    output_seq: int
    input_lag_entries: int
    input_lag_ms: int
    output_lag_ms: int


@dataclass(frozen=True)
class RedisService:
    now_ms: int
    used_memory_human: str
    worker_ages_ms: dict[str, int] = field(default_factory=dict)


def silent_servers() -> list[str]:
    """Of those beside the streams' that have an address of their own. Trading goes on without:
    tasks wait for the broker, and each process counts by itself."""
    addresses = (
        ("Broker", settings.BROKER_URL),
        ("Cache", settings.CACHE_URL),
        ("Limits", settings.LIMITS_URL),
    )
    silent = []
    for name, url in addresses:
        if url == settings.REDIS_URL:
            continue
        try:
            probe_redis_client(url).ping()
        except redis.RedisError as error:
            log.warning("status_redis_unreachable", server=name, error=str(error))
            silent.append(name)
    return silent


def read_redis_service(client: redis.Redis) -> RedisService:
    """Raises RedisError."""
    pipe = client.pipeline(transaction=False)
    pipe.time()
    pipe.info("memory")
    pipe.hgetall(WORKER_HEARTBEAT_KEY)
    (seconds, micros), memory, workers = pipe.execute()
    now_ms = seconds * 1_000 + micros // 1_000
    ages = {
        _name(worker): max(0, now_ms - int(beat))
        for worker, beat in workers.items()
        if beat.isdigit()
    }
    return RedisService(now_ms, str(memory["used_memory_human"]), ages)


def read_market_streams(
    client: redis.Redis, cursors: dict[str, int], now_ms: int
) -> dict[str, MarketStreams]:
    """Per market, given how far each is persisted. Two round trips. Raises RedisError."""
    pipe = client.pipeline(transaction=False)
    for market_id, cursor_seq in cursors.items():
        pipe.hgetall(heartbeat_key(market_id))
        pipe.xlen(input_stream(market_id))
        pipe.xlen(output_stream(market_id))
        pipe.xlen(dead_letter_stream(market_id))
        pipe.xrevrange(output_stream(market_id), count=1)
        pipe.xrange(output_stream(market_id), min=f"({cursor_seq}-18446744073709551615", count=1)
        pipe.xinfo_groups(input_stream(market_id))
    answers = pipe.execute(raise_on_error=False)
    per_market = dict(zip(cursors, _chunks(answers, 7), strict=True))
    for answer in answers:
        if isinstance(answer, Exception) and not _no_such_stream(answer):
            raise answer
    beats = {market_id: _beats(answer[0]) for market_id, answer in per_market.items()}
    unread = _read_unread_inputs(client, beats)
    return {
        market_id: _market_streams(beats[market_id], answer, unread[market_id], now_ms)
        for market_id, answer in per_market.items()
    }


def _read_unread_inputs(
    client: redis.Redis, beats: dict[str, list[EngineBeat]]
) -> dict[str, list[bytes]]:
    """Per market: ids of input entries after what its most advanced engine has applied."""
    pipe = client.pipeline(transaction=False)
    for market_id, seen in beats.items():
        newest = max(seen, key=lambda beat: beat.seq, default=None)
        after = f"({newest.input_id}" if newest and newest.input_id else "-"
        pipe.xrange(input_stream(market_id), min=after, count=COUNT_CAP)
    answers: list[list[StreamEntry]] = pipe.execute()
    return {
        market_id: [entry_id for entry_id, _ in answer]
        for market_id, answer in zip(beats, answers, strict=True)
    }


def _market_streams(
    beats: list[EngineBeat], answer: list[Any], unread: list[bytes], now_ms: int
) -> MarketStreams:
    newest: list[StreamEntry] = answer[4]
    unpersisted: list[StreamEntry] = answer[5]
    groups = [] if isinstance(answer[6], Exception) else answer[6]
    return MarketStreams(
        beats=beats,
        groups=[Group(_name(g["name"]), g["consumers"], g["pending"]) for g in groups],
        input_length=answer[1],
        output_length=answer[2],
        dead_length=answer[3],
        output_seq=seq_of(newest[0][0]) if newest else 0,
        input_lag_entries=len(unread),
        input_lag_ms=max(0, now_ms - id_order(unread[0].decode())[0]) if unread else 0,
        output_lag_ms=_age_of_entry(unpersisted[0], now_ms) if unpersisted else 0,
    )


def _beats(raw: dict[bytes, bytes]) -> list[EngineBeat]:
    """A beat that can't be read is shown as an engine that never beat, under its name."""
    beats = []
    for engine, data in sorted(raw.items()):
        try:
            beat = _heartbeat_decoder.decode(data)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            beats.append(_unreadable(_name(engine), error))
            continue
        beats.append(
            EngineBeat(
                engine=beat.engine,
                pid=beat.pid,
                beat_ms=beat.beat_ms,
                seq=beat.seq,
                input_id=beat.input_id,
                build=beat.build,
                halted=beat.halted,
            )
        )
    return beats


def _name(said: bytes) -> str:
    """Whoever writes to Redis may have put there what is no name."""
    return said.decode(errors="backslashreplace")


def _unreadable(engine: str, error: Exception) -> EngineBeat:
    why = f"unreadable heartbeat: {error}"
    return EngineBeat(engine, pid=0, beat_ms=0, seq=0, input_id="", build="", halted=why)


def _age_of_entry(entry: StreamEntry, now_ms: int) -> int:
    """Milliseconds since the command behind an output entry came in."""
    try:
        return max(0, now_ms - decode_entry(entry[1][ENTRY_FIELD]).time_ms)
    except (KeyError, UndecodableMessage):
        return now_ms  # nothing can persist it: as old as can be


def _no_such_stream(error: Exception) -> bool:
    return isinstance(error, redis.ResponseError) and "no such key" in str(error)


def _chunks(items: list[Any], size: int) -> list[list[Any]]:
    return [items[at : at + size] for at in range(0, len(items), size)]
