"""What Redis knows of each market's streams ② and ④, its engines ③ and the workers ⑤, for
`console.health.report`. Every read is bounded, however far behind a part may be.
"""

from dataclasses import dataclass, field
from typing import Any

import msgspec
import redis
import structlog

from console.health.redis_servers import SECTIONS, ServerFault, faults
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
from persistence.worker_heartbeat import WORKER_FAULTS_KEY, WORKER_HEARTBEAT_KEY

COUNT_CAP = 1_000  # beyond this many, "how many exactly" changes nothing for the operator

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
    worker_faults: dict[str, str] = field(default_factory=dict)
    faults: list[ServerFault] = field(default_factory=list)


def read_redis_service(client: redis.Redis) -> RedisService:
    """Raises RedisError."""
    pipe = client.pipeline(transaction=False)
    pipe.time()
    for section in SECTIONS:
        pipe.info(section)
    pipe.hgetall(WORKER_HEARTBEAT_KEY)
    pipe.hgetall(WORKER_FAULTS_KEY)
    (seconds, micros), memory, persistence, replication, workers, kept_from = pipe.execute()
    now_ms = seconds * 1_000 + micros // 1_000
    ages = {
        _name(worker): max(0, now_ms - int(beat))
        for worker, beat in workers.items()
        if beat.isdigit()
    }
    worker_faults = {_name(worker): _name(words) for worker, words in kept_from.items()}
    found = faults({**memory, **persistence, **replication}, keeps=True)
    used = str(memory["used_memory_human"])
    return RedisService(now_ms, used, ages, worker_faults, found)


# All of a market in one call: a pipeline's calls cost several times as much here. Its most advanced
# engine is the one whose readable heartbeat names the largest sequence.
# KEYS heartbeats, input, output, dead letters; ARGV cursor's sequence, how many are counted at most
_LOOK = """
local beats = redis.call('HGETALL', KEYS[1])
local seq, after = -1, '-'
for i = 2, #beats, 2 do
  local is_read, beat = pcall(cjson.decode, beats[i])
  if is_read and type(beat) == 'table' and type(beat.seq) == 'number' and beat.seq > seq
      and type(beat.input_id) == 'string' and string.match(beat.input_id, '^%d+%-%d+$') then
    seq, after = beat.seq, '(' .. beat.input_id
  end
end
local unread = redis.call('XRANGE', KEYS[2], after, '+', 'COUNT', ARGV[2])
local newest, unpersisted = redis.call('XREVRANGE', KEYS[3], '+', '-', 'COUNT', 1), {}
if newest[1] and tonumber(string.match(newest[1][1], '^%d+')) > tonumber(ARGV[1]) then
  local behind = '(' .. ARGV[1] .. '-18446744073709551615'
  unpersisted = redis.call('XRANGE', KEYS[3], behind, '+', 'COUNT', 1)
end
local groups = {}
if redis.call('EXISTS', KEYS[2]) == 1 then groups = redis.call('XINFO', 'GROUPS', KEYS[2]) end
return {
  beats, groups,
  redis.call('XLEN', KEYS[2]), redis.call('XLEN', KEYS[3]), redis.call('XLEN', KEYS[4]),
  newest[1] and newest[1][1] or '0-0',
  #unread, unread[1] and unread[1][1] or '',
  unpersisted[1] and unpersisted[1][2] or {}
}
"""


def read_market_streams(
    client: redis.Redis, cursors: dict[str, int], now_ms: int
) -> dict[str, MarketStreams]:
    """Per market, given how far each is persisted. One round trip. Raises RedisError."""
    pipe = client.pipeline(transaction=False)
    for market_id, cursor_seq in cursors.items():
        pipe.eval(
            _LOOK,
            4,
            heartbeat_key(market_id),
            input_stream(market_id),
            output_stream(market_id),
            dead_letter_stream(market_id),
            str(cursor_seq),
            str(COUNT_CAP),
        )
    answers = zip(cursors, pipe.execute(), strict=True)
    return {market_id: _market_streams(answer, now_ms) for market_id, answer in answers}


def _market_streams(answer: list[Any], now_ms: int) -> MarketStreams:
    beats, groups, *lengths, newest_id, unread, oldest_unread_id, unpersisted = answer
    input_length, output_length, dead_length = lengths
    return MarketStreams(
        beats=_beats(_pairs(beats)),
        groups=[_group(_pairs(group)) for group in groups],
        input_length=input_length,
        output_length=output_length,
        dead_length=dead_length,
        output_seq=seq_of(newest_id),
        input_lag_entries=unread,
        input_lag_ms=max(0, now_ms - id_order(oldest_unread_id.decode())[0]) if unread else 0,
        output_lag_ms=_age_of_entry(_pairs(unpersisted), now_ms) if unpersisted else 0,
    )


def _pairs(flat: list[Any]) -> dict[bytes, Any]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _group(said: dict[bytes, Any]) -> Group:
    return Group(_name(said[b"name"]), said[b"consumers"], said[b"pending"])


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


def _age_of_entry(fields: dict[bytes, bytes], now_ms: int) -> int:
    """Milliseconds since the command behind an output entry came in."""
    try:
        return max(0, now_ms - decode_entry(fields[ENTRY_FIELD]).time_ms)
    except (KeyError, UndecodableMessage):
        return now_ms  # nothing can persist it: as old as can be
