"""The listener against real servers, in a thread here and inside a real Celery worker."""

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta

import pytest
import redis
from django.conf import settings
from django.db import connection
from django.utils import timezone

from matching.messages.codec import encode_entry
from matching.messages.events import OutputEntry
from matching.messages.streams import ENTRY_FIELD, epoch_key, output_stream
from persistence import listener as listener_module
from persistence import reading, tasks
from persistence.listener import OutputStreamListener
from persistence.models import MarketCursor
from persistence.reconciliation import wallet_differences
from persistence.recovery import left_behind
from persistence.worker_heartbeat import WORKER_HEARTBEAT_KEY, beat
from tests.ledger.prices import mark_price
from tests.ledger.session import write_session
from tests.ledger.world import make_market, open_market, rows
from tests.patience import PATIENCE_S


def wait_until(condition, what):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {PATIENCE_S} s: {what}")
        time.sleep(0.02)


def facts(caplog, event):
    """What was logged under this name, as structlog hands it to the standard library."""
    logged = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    return [fact for fact in logged if fact["event"] == event]


def cursor_of(market_id):
    return MarketCursor.objects.get(market_id=market_id).seq


@pytest.fixture
def listener(world):
    started = OutputStreamListener(node="test@here")
    started.start()
    yield started
    started.stop(timeout=PATIENCE_S)
    assert not started._thread.is_alive()


def test_entries_are_persisted_as_they_arrive(world, listener):
    write_session(world)
    for entry in world.entries:
        world.publish(entry)
        wait_until(lambda seq=entry.seq: cursor_of(world.market_id) == seq, f"sequence {entry.seq}")
    assert wallet_differences() == []
    assert world.redis_db.hkeys(WORKER_HEARTBEAT_KEY) == [b"test@here"]


def test_stopping_takes_the_heartbeat_along(world):
    started = OutputStreamListener(node="test@here")
    started.start()
    wait_until(lambda: world.redis_db.hkeys(WORKER_HEARTBEAT_KEY), "a heartbeat")
    started.stop(timeout=PATIENCE_S)
    assert not started._thread.is_alive()
    assert world.redis_db.hkeys(WORKER_HEARTBEAT_KEY) == []


def test_a_market_made_later_is_found(world, listener):
    make_market("ETH-PERP")
    wait_until(lambda: world.redis_db.exists(epoch_key("ETH-PERP")), "its starting point")
    entry = OutputEntry(seq=1, input_id="1-0", time_ms=1, command_id=0, events=())
    world.redis_db.xadd(output_stream("ETH-PERP"), {ENTRY_FIELD: encode_entry(entry)}, id="1-0")
    wait_until(lambda: cursor_of("ETH-PERP") == 1, "the new market's entry")


def test_a_stopped_market_holds_up_no_other_and_goes_on_when_mended(world, listener, caplog):
    first, second = (world.say(mark_price(n, n)) for n in (1, 2))
    open_market("ETH-PERP")
    world.publish(second)
    other = OutputEntry(seq=1, input_id="1-0", time_ms=1, command_id=0, events=())
    world.redis_db.xadd(output_stream("ETH-PERP"), {ENTRY_FIELD: encode_entry(other)}, id="1-0")
    wait_until(lambda: cursor_of("ETH-PERP") == 1, "the other market")
    wait_until(lambda: world.market_id in reading._faults_reported, "the fault's report")
    assert cursor_of(world.market_id) == 0
    world.redis_db.delete(output_stream(world.market_id))
    world.publish(first, second)
    wait_until(lambda: cursor_of(world.market_id) == 2, "the mended market")
    assert [fact["seq"] for fact in facts(caplog, "persistence_stopped")] == [1]


def test_a_lost_database_connection_is_replaced(world, listener):
    world.publish(world.say())
    wait_until(lambda: cursor_of(world.market_id) == 1, "the first entry")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert cursor.fetchall() == [(True,)]
    second = world.say()
    world.publish(second)
    wait_until(lambda: cursor_of(world.market_id) == 2, "the entry after the loss")


def test_faults_of_redis_and_surprises_are_survived_and_told_once(world, monkeypatch, caplog):
    faults = [redis.ConnectionError("away")] * 3 + [ValueError("a surprise")]

    def faulty(*args, **kwargs):
        if faults:
            raise faults.pop(0)
        return beat(*args, **kwargs)

    monkeypatch.setattr(listener_module, "beat", faulty)
    monkeypatch.setattr(listener_module, "RETRY_SECONDS", (0.01, 0.02))
    started = OutputStreamListener(node="test@here")
    started.start()
    try:
        world.publish(world.say())
        wait_until(lambda: cursor_of(world.market_id) == 1, "the entry after the faults")
    finally:
        started.stop(timeout=PATIENCE_S)
    told = [(fact["fault"], fact["exc_info"]) for fact in facts(caplog, "listener_fault")]
    assert told == [("ConnectionError", False), ("ValueError", True)]
    assert len(facts(caplog, "listener_recovered")) == 1


def test_the_sweep_takes_prices_together_and_asks_for_the_rest(world, monkeypatch):
    monkeypatch.setattr(left_behind, "LEFT_AFTER", timedelta(0))
    open_market("ETH-PERP")
    make_market("SOL-PERP")  # without a starting point
    asked = []
    monkeypatch.setattr(
        tasks.persist_market, "apply_async", lambda args, expires: asked.append(args)
    )
    world.publish(world.say(mark_price(1, 1)))
    tasks.persist_all_markets()
    assert asked == [("SOL-PERP",)]
    assert cursor_of(world.market_id) == 1
    write_session(world)
    world.publish(*world.entries[1:])
    tasks.persist_all_markets()
    assert asked[1:] == [(world.market_id,), ("SOL-PERP",)]


def test_the_sweep_leaves_alone_what_is_quiet_and_what_somebody_is_at(world, monkeypatch):
    open_market("ETH-PERP")
    swept = []

    def sweep(market_ids):
        swept.append(market_ids)
        return {}

    monkeypatch.setattr(tasks, "persist_price_moves", sweep)
    monkeypatch.setattr(tasks.persist_market, "apply_async", lambda args, expires: None)
    tasks.persist_all_markets()
    world.publish(world.say(mark_price(1, 1)))
    tasks.persist_all_markets()
    reading.persist_market(world.market_id)
    world.publish(world.say(mark_price(2, 2)))
    tasks.persist_all_markets()
    long_ago = timezone.now() - 2 * left_behind.LEFT_AFTER
    MarketCursor.objects.update(applied_at=long_ago)
    tasks.persist_all_markets()
    reading.persist_market(world.market_id)
    MarketCursor.objects.update(applied_at=long_ago)
    tasks.persist_all_markets()
    world.redis_db.set(output_stream("ETH-PERP"), "no stream")
    tasks.persist_all_markets()
    of_world = [world.market_id]
    assert swept == [[], of_world, [], of_world, [], ["ETH-PERP"]]


def test_the_task_persists_and_reports_faults(world, caplog):
    write_session(world)
    world.publish(*[e for e in world.entries if e.seq != 9])
    tasks.persist_market(world.market_id, 6)
    assert cursor_of(world.market_id) == 6
    tasks.persist_market(world.market_id)
    tasks.persist_market(world.market_id)
    assert cursor_of(world.market_id) == 8
    (fact,) = facts(caplog, "persistence_stopped")
    assert (fact["market"], fact["seq"], fact["fault"]) == (world.market_id, 9, "SequenceGap")


@pytest.fixture
def worker(world, tmp_path):
    """A Celery worker process on this test's database and Redis."""
    database = connection.settings_dict
    host, port = database["HOST"], database["PORT"]
    user = database["USER"] + (f":{database['PASSWORD']}" if database["PASSWORD"] else "")
    environment = os.environ | {
        "DATABASE_URL": f"postgres://{user}@{host}:{port}/{database['NAME']}",
        "REDIS_URL": settings.REDIS_URL,
    }
    command = [sys.executable, "-m", "celery", "-A", "exchange_site", "worker"]
    with (tmp_path / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--concurrency=1", "--without-gossip", "--without-mingle"],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    yield process
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(PATIENCE_S)
    finally:
        process.kill()


@pytest.mark.slow
def test_a_celery_worker_persists_what_the_engine_says(world, worker):
    write_session(world)
    world.publish()
    wait_until(lambda: cursor_of(world.market_id) == 12, "the session")
    assert rows(world)["orders"]["short"][0] == "filled"
    assert wallet_differences() == []
    assert worker.poll() is None
    world.publish(world.say())
    wait_until(lambda: cursor_of(world.market_id) == 13, "an entry of a running worker")
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(PATIENCE_S) == 0
    assert world.redis_db.hkeys(WORKER_HEARTBEAT_KEY) == []


def test_a_market_that_is_gone_is_forgotten_and_rests_nobody(world):
    """Between two looks at the cursors its stream is still asked for."""
    listener = OutputStreamListener(node="test@here")
    listener._read_to = {"GONE-PERP": 0, world.market_id: 0}
    listener._persist("GONE-PERP")
    assert listener._read_to == {world.market_id: 0}
    assert listener._resting == {}
