"""⑤ Persistence: from the output stream to committed rows, with `synchronous_commit` on.

Throughput, in turn, each on a fresh copy of one database: the ledger; Django's ORM with one
transaction per fill; and the ledger's own unnest and COPY statements with their rows at hand, run
again without reading, deciding or checking anything. Latency, through a real Celery worker: from
the moment an entry is appended to the moment its cursor is seen committed, when idle, at 200
entries per second, and at a sustained rate near the limit.
"""

import gc
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from multiprocessing import get_context
from typing import Any, NamedTuple
from unittest import mock

import psycopg
import redis
from django.conf import settings as django_settings
from django.db import connection

from benchmarks.report import Row, compared, main
from benchmarks.servers import start_servers
from benchmarks.traded_session import Session, traded_session
from matching.messages.codec import encode_entry

STAGE = "persist"
FLOOR_OF_ORM = 15.0
FLOOR_OF_RAW = 0.40
FLOOR_OF_ECHO = 1 / 16
LATENCY_ROUNDS = 5
SUSTAINED_SHARE = 0.6  # of the measured throughput
WARMING_ENTRIES = 20
DEADLINE_S = 60
OURS, ORM, RAW = (f"exchange_benchmark_{name}" for name in ("ours", "orm", "raw"))
ECHO_STREAM = "benchmark:echo"
WRITING = ("COPY", "UPDATE", "INSERT", "DELETE", "WITH")


class Settings(NamedTuple):
    entries: int
    rounds: int
    orm_entries: int
    idle_entries: int
    paced_seconds: float


SHORT = Settings(entries=6_000, rounds=5, orm_entries=120, idle_entries=40, paced_seconds=3)
LONG = Settings(entries=20_000, rounds=5, orm_entries=500, idle_entries=200, paced_seconds=15)


def run(short: bool) -> list[Row]:
    start_servers()
    from benchmarks import seeded_ledger
    from common.redis_client import redis_client

    settings = SHORT if short else LONG
    session = traded_session(settings.entries)
    seeded_ledger.fill(session)
    gc.collect()
    gc.freeze()  # the session isn't the worker's
    try:
        rows, entries_per_s = _throughput(redis_client(), session, settings)
        return rows + _latency(redis_client(), session, settings, entries_per_s)
    finally:
        seeded_ledger.drop(OURS, ORM, RAW, seeded_ledger.FILLED)


# ------------------------------------------------------------------------------------- throughput


def _throughput(
    client: redis.Redis, session: Session, settings: Settings
) -> tuple[list[Row], float]:
    from benchmarks import seeded_ledger

    seeded_ledger.open_market(client, session)
    seeded_ledger.publish(client, session.entries)
    writes = _recorded(len(session.entries))
    ours, orm, raw = [], [], []
    for _ in range(settings.rounds):
        ours.append(_ours_seconds(session))
        raw.append(_raw_seconds(writes))
        orm.append(_orm_seconds(session, settings.orm_entries))
    entries = len(session.entries)
    ours_us, raw_us = ([took / entries * 1e6 for took in seconds] for seconds in (ours, raw))
    orm_us = [took / settings.orm_entries * 1e6 for took in orm]
    events = len(session.events())
    unit = "µs/entry"
    return [
        Row(STAGE, "committed", events / min(ours), "events/s"),
        compared(STAGE, "one transaction per fill", ours_us, unit, orm_us, FLOOR_OF_ORM),
        compared(STAGE, "raw COPY and unnest", ours_us, unit, raw_us, FLOOR_OF_RAW),
    ], entries / min(ours)


def _ours_seconds(session: Session) -> float:
    from benchmarks import seeded_ledger
    from persistence.reading import persist_market
    from persistence.reconciliation import wallet_differences

    seeded_ledger.copy_of_filled(OURS)
    _require_synchronous_commit()
    started_s = time.perf_counter()
    reached = persist_market(seeded_ledger.MARKET)
    took_s = time.perf_counter() - started_s
    assert reached == len(session.entries)
    assert wallet_differences() == []
    return took_s


def _require_synchronous_commit() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SHOW synchronous_commit")
        assert cursor.fetchone() == ("on",), "the figures would mean nothing"


def _orm_seconds(session: Session, entries: int) -> float:
    from benchmarks import orm_ledger, seeded_ledger

    seeded_ledger.copy_of_filled(ORM)
    started_s = time.perf_counter()
    orm_ledger.persist(seeded_ledger.MARKET, session.entries[:entries])
    return time.perf_counter() - started_s


class _Write(NamedTuple):
    statement: str
    values: Any  # of a COPY: its rows as text


def _recorded(reached: int) -> list[list[_Write]]:
    """What the ledger writes for the session, per transaction. Ids that Postgres gives are the same
    in every copy of the filled database."""
    from benchmarks import seeded_ledger
    from persistence.reading import persist_market

    transactions: list[list[_Write]] = [[]]
    execute, copy = psycopg.Cursor.execute, psycopg.Cursor.copy

    def recording_execute(self: Any, query: Any, params: Any = None, **options: Any) -> Any:
        if query.lstrip().startswith(WRITING):
            transactions[-1].append(_Write(query, params))
            if "UPDATE persistence_marketcursor" in query:  # the last of its transaction
                transactions.append([])
        return execute(self, query, params, **options)

    @contextmanager
    def recording_copy(self: Any, statement: Any, *args: Any, **options: Any) -> Iterator[Any]:
        with copy(self, statement, *args, **options) as real:
            yield _RecordedCopy(statement, real, transactions[-1])

    seeded_ledger.copy_of_filled(RAW)
    connection.ensure_connection()
    with mock.patch.multiple(psycopg.Cursor, execute=recording_execute, copy=recording_copy):
        assert persist_market(seeded_ledger.MARKET) == reached
    assert transactions.pop() == []
    return transactions


class _RecordedCopy:
    def __init__(self, statement: str, copy: Any, writes: list[_Write]) -> None:
        self._statement = statement
        self._copy = copy
        self._writes = writes

    def write(self, rows: str) -> None:
        self._writes.append(_Write(self._statement, rows))
        self._copy.write(rows)


def _raw_seconds(transactions: list[list[_Write]]) -> float:
    from benchmarks import seeded_ledger

    seeded_ledger.copy_of_filled(RAW)
    connection.ensure_connection()
    raw = connection.connection
    started_s = time.perf_counter()
    for writes in transactions:
        with raw.transaction():
            _write_raw(raw, writes)
    return time.perf_counter() - started_s


def _write_raw(raw: psycopg.Connection[Any], writes: list[_Write]) -> None:
    """Together, as far as Postgres takes them so: a COPY needs a round trip of its own."""
    cursor = psycopg.Cursor(raw)
    together: list[_Write] = []
    for write in writes:
        if write.statement.lstrip().startswith("COPY"):
            with cursor.copy(write.statement) as copy:
                copy.write(write.values)
        else:
            together.append(write)
    with raw.pipeline():
        for write in together:
            cursor.execute(write.statement, write.values)


# ---------------------------------------------------------------------------------------- latency


def _latency(
    client: redis.Redis, session: Session, settings: Settings, entries_per_s: float
) -> list[Row]:
    from benchmarks import seeded_ledger

    seeded_ledger.copy_of_filled(OURS)
    seeded_ledger.open_market(client, session)
    entries = iter(session.entries)
    paced = int(200 * settings.paced_seconds)
    rest = len(session.entries) - WARMING_ENTRIES - settings.idle_entries - paced
    rate = entries_per_s * SUSTAINED_SHARE
    rows = []
    with _worker(seeded_ledger.url_of(OURS)), _echo(client) as echo:
        ours = Paced(lambda batch: seeded_ledger.publish(client, batch), _cursor_seq)
        _pace(ours, entries, WARMING_ENTRIES, 20)  # until it has started, and is warm
        for what, count, per_s in (
            ("when idle", settings.idle_entries, 20),
            ("at 200 entries/s", paced, 200),
        ):
            ours_ms, echo_ms = [], []
            for _ in range(LATENCY_ROUNDS):
                some = list(islice(entries, count // LATENCY_ROUNDS))
                ours_ms.append(statistics.median(_pace(ours, iter(some), len(some), per_s)))
                echo_ms.append(statistics.median(_pace(echo, iter(some), len(some), per_s)))
            figure = f"median {what}, against an echo"
            rows.append(compared(STAGE, figure, ours_ms, "ms", echo_ms, FLOOR_OF_ECHO))
        sustained = _pace(ours, entries, rest, rate)
    for which, third in (("first", 0), ("last", 2)):
        waits_ms = sustained[third * len(sustained) // 3 : (third + 1) * len(sustained) // 3]
        figure = f"median at {rate:,.0f} entries/s, {which} third"
        rows.append(Row(STAGE, figure, statistics.median(waits_ms), "ms"))
    return rows


class Paced(NamedTuple):
    """What takes entries, and which sequence it has committed."""

    append: Callable[[list[Any]], None]
    committed_seq: Callable[[], int]


@contextmanager
def _echo(client: redis.Redis) -> Iterator[Paced]:
    """A process that reads a stream and commits, of all it found, the last sequence: the least
    that persisting can cost. Its row is in a table of its own."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE benchmark_echo (seq bigint NOT NULL)")
        cursor.execute("INSERT INTO benchmark_echo VALUES (0)")

    def append(batch: list[Any]) -> None:
        pipe = client.pipeline(transaction=False)
        for entry in batch:
            pipe.xadd(ECHO_STREAM, {"entry": encode_entry(entry)}, id=f"{entry.seq}-0")
        pipe.execute()

    def committed_seq() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT seq FROM benchmark_echo")
            return int(cursor.fetchone()[0])

    from benchmarks import seeded_ledger

    arguments = (django_settings.REDIS_URL, seeded_ledger.url_of(OURS))
    process = get_context("spawn").Process(target=_serve_echo, args=arguments, daemon=True)
    process.start()
    try:
        yield Paced(append, committed_seq)
    finally:
        process.kill()
        process.join()
        client.delete(ECHO_STREAM)
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE benchmark_echo")


def _serve_echo(redis_url: str, database_url: str) -> None:
    client, last = redis.Redis.from_url(redis_url), "0-0"
    with psycopg.connect(database_url, autocommit=True) as database:
        while True:
            answer: Any = client.xread({ECHO_STREAM: last}, block=1_000)
            for raw_id, _ in answer[0][1][-1:] if answer else ():
                last = raw_id.decode()
                seq = int(last.partition("-")[0])
                database.execute("UPDATE benchmark_echo SET seq = %s", [seq])


@contextmanager
def _worker(database_url: str) -> Iterator[None]:
    """A Celery worker as in production, without the beat that would trigger anything."""
    command = [sys.executable, "-m", "celery", "-A", "exchange_site", "worker"]
    process = subprocess.Popen(
        [*command, "--concurrency=1", "--without-gossip", "--without-mingle"],
        env=os.environ | {"DATABASE_URL": database_url},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(DEADLINE_S)


def _pace(to: Paced, entries: Iterator[Any], count: int, per_s: float) -> list[float]:
    """Append so many entries at this rate; for each, the milliseconds until it was seen to be
    committed. Looks about once a millisecond."""
    started_s = time.perf_counter()
    appended: list[tuple[int, float]] = []
    waits_ms: list[float] = []
    while len(waits_ms) < count:
        now_s = time.perf_counter()
        assert now_s < started_s + count / per_s + DEADLINE_S, "what is measured doesn't keep up"
        due = min(count, int((now_s - started_s) * per_s) + 1) - len(appended)
        batch = [next(entries) for _ in range(due)]
        if batch:
            to.append(batch)
            appended += [(entry.seq, now_s) for entry in batch]
        persisted = to.committed_seq()
        seen_s = time.perf_counter()
        for seq, appended_s in appended[len(waits_ms) :]:
            if seq > persisted:
                break
            waits_ms.append((seen_s - appended_s) * 1e3)
        time.sleep(0.0005)
    return waits_ms


def _cursor_seq() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT seq FROM persistence_marketcursor")
        row = cursor.fetchone()
    assert row is not None
    return int(row[0])


if __name__ == "__main__":
    main(run, STAGE)
