"""A large market's snapshot is written by a child process: it is whole, the child is reaped, its
failure is seen and tried again, and it touches nothing of its parent's.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest
import redis
from structlog.testing import capture_logs

from matching.core.engine import Engine
from matching.messages.commands import CancelOrder
from matching.messages.streams import epoch_key, snapshots_key
from matching.messages.vocabulary import Side
from matching.runtime import snapshotter as module
from matching.runtime.snapshots import newest_state
from matching.runtime.snapshotter import IN_PLACE_ROWS_MAX, Snapshotter, own_client
from tests.matching.test_against_naive import opened_engine, placed
from tests.patience import PATIENCE_S

MARKET, EPOCH = "BTC-PERP", b"1"


@pytest.fixture
def engine() -> Engine:
    """With more orders than are snapshotted on the spot."""
    engine = opened_engine()
    for number in range(1, IN_PLACE_ROWS_MAX + 2):
        engine.apply(placed(number, 1 + number % 7, Side.LONG, 950 + number % 40, 1), 10)
    return engine


@pytest.fixture
def snapshotter(redis_db: redis.Redis) -> Iterator[Snapshotter]:
    redis_db.set(epoch_key(MARKET), EPOCH)
    made = Snapshotter(redis_db, MARKET, every=1)
    yield made
    made.start_over(0)


def save(snapshotter: Snapshotter, engine: Engine, input_id: str = "5-0") -> None:
    snapshotter.save_if_due(EPOCH, engine.state, input_id)


def child_of(snapshotter: Snapshotter) -> int:
    assert snapshotter._child is not None, "a child was started"
    return snapshotter._child.pid


def until_reaped(snapshotter: Snapshotter, pid: int) -> None:
    def is_reaped() -> bool:
        snapshotter.look_after_child()
        return snapshotter._child is None

    until(is_reaped)
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.01)


def test_the_state_of_the_moment_is_kept_while_the_market_goes_on(
    snapshotter: Snapshotter, engine: Engine
) -> None:
    seq, digest = engine.seq, engine.digest()
    save(snapshotter, engine)
    pid = child_of(snapshotter)
    for number in range(1, 200):  # matching goes on meanwhile
        cancel = CancelOrder(command_id=10 + number, order_id=number, account_id=1 + number % 7)
        engine.apply(cancel, 20)
    until_reaped(snapshotter, pid)
    assert snapshotter.saved_seq == seq
    found = newest_state(snapshotter.client, MARKET)
    assert found is not None
    state, input_id = found
    assert (state.seq, input_id, Engine(state).digest()) == (seq, "5-0", digest)


def test_the_parents_connection_is_left_alone(snapshotter: Snapshotter, engine: Engine) -> None:
    client = snapshotter.client
    before = client.client_id()
    save(snapshotter, engine)
    until_reaped(snapshotter, child_of(snapshotter))
    assert client.client_id() == before
    other = own_client(client)
    assert other.client_id() != before
    other.close()


def test_a_killed_child_is_seen_and_tried_again(
    snapshotter: Snapshotter, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(snapshotter, engine)
    pid = child_of(snapshotter)
    os.kill(pid, signal.SIGKILL)
    with capture_logs() as logs:
        until_reaped(snapshotter, pid)
    if snapshotter.saved_seq == engine.seq:
        pytest.skip("the child was quicker than its killer")
    assert [(line["event"], line["market"], line["seq"]) for line in logs] == [
        ("snapshot_failed", MARKET, engine.seq)
    ]
    save(snapshotter, engine)
    assert snapshotter._child is None, "not again at once"
    monkeypatch.setattr(module, "RETRY_INTERVAL_S", 0)
    snapshotter._next_try_s = 0
    save(snapshotter, engine)
    until_reaped(snapshotter, child_of(snapshotter))
    assert snapshotter.saved_seq == engine.seq


def test_what_went_wrong_in_the_child_is_told(snapshotter: Snapshotter, engine: Engine) -> None:
    snapshotter.client.set(snapshots_key(MARKET), "not a hash")
    save(snapshotter, engine)
    with capture_logs() as logs:
        until_reaped(snapshotter, child_of(snapshotter))
    assert snapshotter.saved_seq == 0
    assert len(logs) == 1
    assert "WRONGTYPE" in logs[0]["reason"]


def test_a_child_that_hangs_is_ended(
    snapshotter: Snapshotter, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(snapshotter, engine)
    pid = child_of(snapshotter)
    os.kill(pid, signal.SIGSTOP)
    monkeypatch.setattr(module, "CHILD_LIFETIME_S_MAX", 0)
    with capture_logs() as logs:
        until_reaped(snapshotter, pid)
    assert [line["event"] for line in logs] in (["snapshot_failed"], [])
    assert bool(logs) is (snapshotter.saved_seq == 0)


def test_the_last_snapshot_is_kept_before_the_process_ends(
    snapshotter: Snapshotter, engine: Engine
) -> None:
    save(snapshotter, engine)
    pid = child_of(snapshotter)
    engine.apply(placed(10**6, 1, Side.LONG, 960, 1), 30)
    snapshotter.save_now(EPOCH, engine.state, "6-0")
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    found = newest_state(snapshotter.client, MARKET)
    assert found is not None
    assert found[0].seq == snapshotter.saved_seq == engine.seq


def test_another_starting_point_is_not_buried(snapshotter: Snapshotter, engine: Engine) -> None:
    snapshotter.client.set(epoch_key(MARKET), b"2")
    save(snapshotter, engine)
    until_reaped(snapshotter, child_of(snapshotter))
    assert snapshotter.client.hkeys(snapshots_key(MARKET)) == []


def test_a_small_market_is_kept_on_the_spot(snapshotter: Snapshotter) -> None:
    engine = opened_engine()
    save(snapshotter, engine)
    assert snapshotter._child is None
    assert snapshotter.saved_seq == engine.seq
