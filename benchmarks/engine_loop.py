"""③ The engine's loop through Redis: commands read, applied, published and acknowledged.

Throughput: an engine that finds its input stream full, against a null engine, which reads, decodes,
encodes and writes the same entries in batches of the same size and decides nothing. Latency: from
XADD to the moment the entry can be read from the output stream, against an echo, a process that
appends to one stream what it reads from another.
"""

import gc
import multiprocessing
import statistics
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import redis

import matching
from benchmarks.report import Row, compared, main
from benchmarks.servers import start_servers
from benchmarks.traded_session import Session, traded_session
from matching.core.market import snapshot
from matching.core.market.state import State
from matching.messages.codec import decode_command, encode_command, encode_entry
from matching.messages.snapshot import encode_snapshot
from matching.messages.streams import (
    COMMAND_FIELD,
    ENTRY_FIELD,
    epoch_key,
    input_stream,
    output_stream,
    snapshots_key,
)
from matching.runtime.observer import TurnObserver
from matching.runtime.process import BATCH_COMMANDS_MAX, EngineProcess, Phase

STAGE = "engine_loop"
MARKET = "BENCHMARK-PERP"
SNAPSHOT_EVERY = 10_000
FLOOR_OF_NULL = 0.60  # of the compiled core
FLOOR_OF_ECHO = 1 / 4
DEADLINE_S = 30


def run(short: bool) -> list[Row]:
    start_servers()
    session = traded_session(10_000 if short else 40_000)
    gc.collect()
    gc.freeze()  # the session is not the engine's: its garbage collector needn't look through it
    return [_throughput(session, rounds=7 if short else 9), _latency(200 if short else 2_000, 5)]


def redis_of_benchmarks() -> redis.Redis:
    from django.conf import settings

    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=5)


def _empty_market(client: redis.Redis) -> None:
    """A market with its starting point, as a worker makes it."""
    client.delete(input_stream(MARKET), output_stream(MARKET), snapshots_key(MARKET))
    client.set(epoch_key(MARKET), "benchmark")
    frame = encode_snapshot(snapshot.take(State(), "0-0"))
    client.hset(snapshots_key(MARKET), "0", frame)


def _fill_input(client: redis.Redis, session: Session) -> None:
    pipe = client.pipeline(transaction=False)
    for input_id, command in zip(session.input_ids, session.commands, strict=True):
        fields: Any = {COMMAND_FIELD: encode_command(command)}
        pipe.xadd(input_stream(MARKET), fields, id=input_id)
    pipe.execute()


# ------------------------------------------------------------------------------------- throughput


def _throughput(session: Session, rounds: int) -> Row:
    client = redis_of_benchmarks()
    per_command = 1e6 / len(session.commands)
    engine_us, null_us = [], []
    for _ in range(rounds):
        engine_us.append(engine_seconds(client, session) * per_command)
        null_us.append(_null_seconds(client, session) * per_command)
    client.close()
    return compared(
        STAGE,
        "through Redis, against a null engine",
        engine_us,
        "µs/command",
        null_us,
        FLOOR_OF_NULL if matching.RUNNING_BUILD == "compiled" else None,
    )


class _Referee(threading.Event):
    """What the engine asks between two rounds whether to stop: fills its input once it waits for
    some, and stops it when all of that is published."""

    def __init__(self, fill: Callable[[], None], commands: int) -> None:
        super().__init__()
        self.process: EngineProcess | None = None
        self._fill = fill
        self._commands = commands
        self._started_s = self.took_s = 0.0

    def is_set(self) -> bool:
        assert self.process is not None
        hosted = self.process.hosted.get(MARKET)
        if hosted is None or hosted.phase is not Phase.RUNNING:
            return False
        if not self._started_s:
            self._fill()
            self._started_s = time.perf_counter()
        if hosted.runner.seq < self._commands:
            return False
        self.took_s = self.took_s or time.perf_counter() - self._started_s
        return True


def engine_seconds(client: redis.Redis, session: Session, *observers: TurnObserver) -> float:
    _empty_market(client)
    referee = _Referee(lambda: _fill_input(client, session), len(session.commands))
    own_client = redis_of_benchmarks()
    referee.process = EngineProcess(
        own_client, lambda: [MARKET], "engine", SNAPSHOT_EVERY, *observers
    )
    referee.process.run(referee)
    own_client.close()
    assert client.xlen(output_stream(MARKET)) == len(session.commands)
    return referee.took_s


def _null_seconds(client: redis.Redis, session: Session) -> float:
    _empty_market(client)
    _fill_input(client, session)
    stream = input_stream(MARKET)
    client.xgroup_create(stream, "null", id="0-0")
    started_s = time.perf_counter()
    done = 0
    while done < len(session.entries):
        answer: Any = client.xreadgroup("null", "1", {stream: ">"}, count=BATCH_COMMANDS_MAX)
        delivered = answer[0][1]
        for _, fields in delivered:
            decode_command(fields[COMMAND_FIELD])
        pipe = client.pipeline(transaction=False)
        for entry in session.entries[done : done + len(delivered)]:
            written: Any = {ENTRY_FIELD: encode_entry(entry)}
            pipe.xadd(output_stream(MARKET), written, id=f"{entry.seq}-0")
        pipe.xack(stream, "null", *[raw_id for raw_id, _ in delivered])
        pipe.execute()
        done += len(delivered)
    return time.perf_counter() - started_s


# ---------------------------------------------------------------------------------------- latency


def _latency(commands: int, rounds: int) -> Row:
    session = traded_session(commands)
    engine_ms, echo_ms = [], []
    for _ in range(rounds):
        engine_ms.append(_median_ms(session, _serve_engine))
        echo_ms.append(_median_ms(session, _serve_echo))
    figure = "XADD to readable output, against an echo"
    return compared(STAGE, figure, engine_ms, "ms", echo_ms, FLOOR_OF_ECHO)


def _serve_engine() -> None:
    EngineProcess(redis_of_benchmarks(), lambda: [MARKET], "engine", SNAPSHOT_EVERY).run(
        threading.Event()
    )


def _serve_echo() -> None:
    client, last = redis_of_benchmarks(), "0-0"
    while True:
        answer: Any = client.xread({input_stream(MARKET): last}, block=1_000)
        for raw_id, fields in answer[0][1] if answer else ():
            client.xadd(output_stream(MARKET), fields)
            last = raw_id


def _median_ms(session: Session, serve: Callable[[], None]) -> float:
    """Of commands sent one by one, each after the last one's entry was read."""
    client = redis_of_benchmarks()
    _empty_market(client)
    server = multiprocessing.get_context("fork").Process(target=serve, daemon=True)
    server.start()
    took = list(_round_trips(client, session))
    server.kill()
    server.join()
    client.close()
    return statistics.median(took[len(took) // 10 :]) * 1e3


def _round_trips(client: redis.Redis, session: Session) -> Iterable[float]:
    """Under ids of now, as commands come in: the engine tells its clock when something is due, and
    nothing can be added below that."""
    last = "0-0"
    for command in session.commands:
        fields: Any = {COMMAND_FIELD: encode_command(command)}
        sent_s = time.perf_counter()
        client.xadd(input_stream(MARKET), fields)
        deadline_s = sent_s + DEADLINE_S
        answer: Any = None
        while not answer:
            answer = client.xread({output_stream(MARKET): last}, block=1_000)
            assert time.perf_counter() < deadline_s, "nothing comes out"
        yield time.perf_counter() - sent_s
        last = answer[0][1][-1][0]


if __name__ == "__main__":
    main(run, STAGE)
