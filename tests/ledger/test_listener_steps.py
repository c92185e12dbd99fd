"""The listener step by step, without its thread: what it waits for, and what it tells once."""

import threading
from types import SimpleNamespace
from typing import Any

import pytest
import redis
from django.db import DatabaseError, InterfaceError, OperationalError

from persistence import listener as listener_module
from persistence.bootsteps import PersistenceStep
from persistence.listener import BLOCK_MS, OutputStreamListener
from persistence.worker_heartbeat import WORKER_FAULTS_KEY, WORKER_HEARTBEAT_KEY, tell_fault
from tests.ledger.test_listener import facts, wait_until


@pytest.fixture
def listener() -> OutputStreamListener:
    return OutputStreamListener(node="test@here")


class Noting:
    """The real client; notes how long it was told to wait."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self.blocks_ms: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def xread(self, positions: Any, count: int, block: int) -> Any:
        self.blocks_ms.append(block)
        return self._client.xread(positions, count=count, block=1)


def test_a_pause_doubles_up_to_the_longest(listener: OutputStreamListener) -> None:
    pauses = [listener._next_pause("BTC-PERP") for _ in range(7)]
    assert pauses == [0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0]
    assert listener._next_pause("ETH-PERP") == 0.25


@pytest.mark.parametrize(
    ("error", "has_traceback"),
    [
        (redis.ConnectionError("away\nand more"), False),
        (DatabaseError("away\nand more"), False),
        (InterfaceError("away\nand more"), False),
        (ValueError("away\nand more"), True),
    ],
)
def test_a_fault_is_one_line(
    listener: OutputStreamListener, caplog: Any, error: Exception, has_traceback: bool
) -> None:
    reported = listener._report(error, "")
    assert listener._report(error, reported) == reported == type(error).__name__
    (fact,) = facts(caplog, "listener_fault")
    assert (fact["fault"], fact["why"]) == (reported, "away")
    assert bool(fact["exc_info"]) is has_traceback


def test_a_markets_fault_is_told_again_once_it_was_over(
    world: Any, listener: OutputStreamListener, caplog: Any
) -> None:
    listener._read_to = {world.market_id: 0}
    for _ in range(2):
        listener._rest(world.market_id, ValueError("again"))
    assert listener._pauses == {world.market_id: 0.5}
    listener._persist(world.market_id)
    assert (listener._pauses, listener._resting_for) == ({}, {})
    listener._rest(world.market_id, ValueError("again"))
    listener._rest(world.market_id, TypeError("another"))
    told = [fact["fault"] for fact in facts(caplog, "listener_rests_market")]
    assert told == ["ValueError", "ValueError", "TypeError"]


def test_it_waits_until_somebody_rests_no_longer(
    world: Any, listener: OutputStreamListener, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1_000.0]
    noting = Noting(world.redis_db)
    for part in ("listener", "output_news"):
        monkeypatch.setattr(f"persistence.{part}.redis_client", lambda: noting)
    monkeypatch.setattr("persistence.listener.time.monotonic", lambda: clock[0])
    listener._listen_once()
    assert noting.blocks_ms == [BLOCK_MS]
    assert world.redis_db.hdel(WORKER_HEARTBEAT_KEY, "test@here") == 1
    listener._resting["OTHER-PERP"] = clock[0] + 0.125
    listener._listen_once()
    assert noting.blocks_ms == [BLOCK_MS, 125]
    assert not world.redis_db.exists(WORKER_HEARTBEAT_KEY)  # not yet again
    listener._resting = {"OTHER-PERP": clock[0] + 7}
    listener._listen_once()
    assert noting.blocks_ms == [BLOCK_MS, 125, BLOCK_MS]
    listener._resting = {world.market_id: clock[0] + 0.001}
    listener._listen_once()  # nobody is left to be read
    assert len(noting.blocks_ms) == 3
    clock[0] += listener_module.HOUSEKEEPING_SECONDS
    listener._listen_once()
    assert listener._resting == {}
    assert world.redis_db.hkeys(WORKER_HEARTBEAT_KEY) == [b"test@here"]
    assert len(noting.blocks_ms) == 4


def test_what_it_meets_again_is_shown_until_it_goes_on(
    world: Any, listener: OutputStreamListener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first of a name is nobody's: a worker that was killed may have left one."""
    tell_fault(world.redis_db, "test@here", "of one that was killed")
    full = OperationalError("could not extend file: No space left on device\nHINT: and more")
    rounds: list[Exception | None] = [None, full, None, full, full, None]
    shown: list[dict[bytes, bytes]] = []

    def listen_once() -> None:
        shown.append(world.redis_db.hgetall(WORKER_FAULTS_KEY))
        if not rounds:
            listener._stopping.set()
        elif error := rounds.pop(0):
            raise error

    monkeypatch.setattr(listener, "_listen_once", listen_once)
    monkeypatch.setattr(listener_module, "RETRY_SECONDS", (0.001, 0.004))
    listener._run()
    words = b"OperationalError: could not extend file: No space left on device"
    left = {b"test@here": b"of one that was killed"}
    assert shown == [left, {}, {}, {}, {}, {b"test@here": words}, {}]


@pytest.mark.parametrize("way", ["stop", "terminate"])
def test_a_worker_that_ends_ends_its_listener(world: Any, way: str) -> None:
    worker = SimpleNamespace(hostname="test@there")
    step = PersistenceStep(worker)
    getattr(step, way)(worker)  # before it was started: nothing to do
    step.start(worker)
    wait_until(lambda: world.redis_db.hkeys(WORKER_HEARTBEAT_KEY), "a heartbeat")
    getattr(step, way)(worker)
    assert not world.redis_db.exists(WORKER_HEARTBEAT_KEY)
    assert "output-listener" not in {thread.name for thread in threading.enumerate()}
