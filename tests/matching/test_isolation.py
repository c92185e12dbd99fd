"""Whatever goes wrong in one market's step stops that market alone, says why, and leaves nothing
half-done behind; and no number of markets uses up the process's connections."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
import redis
import structlog
from django.conf import settings

from console.health.report import exchange_status
from matching.core.engine import Engine
from matching.messages.codec import decode_entry, encode_entry
from matching.messages.commands import UpdateIndexPrice
from matching.messages.streams import (
    ENTRY_FIELD,
    Heartbeat,
    epoch_key,
    heartbeat_key,
    input_stream,
    output_stream,
    snapshots_key,
)
from matching.runtime import applier, market, process, snapshotter
from matching.runtime.process import EngineProcess
from matching.runtime.publish import Publisher
from matching.runtime.snapshots import save_snapshot
from persistence.recovery.starting_points import ensure_starting_point, make_starting_point
from tests.trading.client import make_market
from trading.commands.publisher import publish_commands

pytestmark = pytest.mark.django_db(transaction=True)

SICK, WELL = "BTC-PERP", "ETH-PERP"
BAD_PRICE = 666
FAULTS = [
    OverflowError("can't serialize ints >= 2**64 or < -(2**63)"),
    KeyError("account"),
    RecursionError("maximum recursion depth exceeded"),
    msgspec.EncodeError("no such type"),
    AssertionError("\udcff is no text"),
    StopIteration(),
]


class _Until:
    """A stop flag: set when the condition holds, or after more rounds than anything here takes."""

    def __init__(self, condition: Callable[[], bool]) -> None:
        self.condition = condition
        self.rounds = 0

    def is_set(self) -> bool:
        self.rounds += 1
        assert self.rounds < 200, "it never came to that"
        return self.condition()

    def wait(self, seconds: float) -> None:
        raise AssertionError("Redis counts as lost for every market")


@pytest.fixture
def client(redis_db: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> redis.Redis:
    monkeypatch.setattr(process, "HEARTBEAT_INTERVAL_MS", 0)
    monkeypatch.setattr(process, "LOOK_INTERVAL_MS", 0)
    monkeypatch.setattr(process, "RETRY_INTERVAL_MS", 0)
    monkeypatch.setattr(process, "SHOW_INTERVAL_MS", 0)
    monkeypatch.setattr(process, "IDLE_WAIT_MS", 10)
    for market_id in (SICK, WELL):
        make_market(market_id)
        ensure_starting_point(market_id)
    return redis_db


def engine_of(snapshot_every: int = 10**6) -> EngineProcess:
    """Hosts both markets, with no more connections than it says it needs."""
    narrow = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=5, max_connections=3)
    return EngineProcess(narrow, lambda: [SICK, WELL], "engine", snapshot_every)


def go_on(engine: EngineProcess, condition: Callable[[], bool]) -> EngineProcess:
    """Until the condition holds; then it stands still, without a goodbye."""
    leave = engine._leave
    engine._leave = lambda: None  # type: ignore[method-assign]
    engine.run(_Until(condition))  # type: ignore[arg-type]
    engine._leave = leave  # type: ignore[method-assign]
    return engine


def run(condition: Callable[[], bool], snapshot_every: int = 10**6) -> EngineProcess:
    return go_on(engine_of(snapshot_every), condition)


def send(market_id: str, *prices: int) -> None:
    publish_commands((market_id, UpdateIndexPrice(index_price_ticks=price)) for price in prices)


def commands(client: redis.Redis, market_id: str) -> int:
    return int(client.xlen(input_stream(market_id)))


def published(client: redis.Redis, market_id: str) -> int:
    """How many entries, which must have no gap."""
    found: Any = client.xrange(output_stream(market_id))
    seqs = [decode_entry(fields[ENTRY_FIELD]).seq for _, fields in found]
    assert seqs == list(range(1, len(seqs) + 1))
    return len(seqs)


def word(client: redis.Redis, market_id: str) -> Heartbeat:
    data: Any = client.hget(heartbeat_key(market_id), "engine")
    return msgspec.json.decode(data, type=Heartbeat)


def has_halted(client: redis.Redis) -> bool:
    data: Any = client.hget(heartbeat_key(SICK), "engine")
    return data is not None and bool(word(client, SICK).halted)


def both_done(client: redis.Redis) -> bool:
    return has_halted(client) and published(client, WELL) == commands(client, WELL)


def plant_in_apply(monkeypatch: pytest.MonkeyPatch, fault: Exception) -> None:
    """After the command has changed the state, and before its events are known."""

    class Faulty:
        def __init__(self, state: Any) -> None:
            self._engine = Engine(state)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._engine, name)

        def apply(self, command: Any, now_ms: int) -> Any:
            events = self._engine.apply(command, now_ms)
            if getattr(command, "index_price_ticks", 0) == BAD_PRICE:
                raise fault
            return events

    monkeypatch.setattr(applier, "Engine", Faulty)


def plant_in_encode(monkeypatch: pytest.MonkeyPatch, fault: Exception) -> None:
    encode = encode_entry

    def faulty(entry: Any) -> bytes:
        prices = [getattr(event, "index_price_ticks", 0) for event in entry.events]
        if BAD_PRICE in prices:
            raise fault
        return encode(entry)

    monkeypatch.setattr(applier, "encode_entry", faulty)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
@pytest.mark.parametrize("plant", [plant_in_apply, plant_in_encode])
def test_a_command_that_fails_halts_its_market_right_before_it(
    client: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
    plant: Callable[[pytest.MonkeyPatch, Exception], None],
    fault: Exception,
) -> None:
    plant(monkeypatch, fault)
    sound = 131  # into the second part of a batch
    send(SICK, *range(1_000, 1_000 + sound), BAD_PRICE, 1_001)
    send(WELL, 5, BAD_PRICE + 1)
    before = published(client, SICK)
    with structlog.testing.capture_logs() as logs:
        run(lambda: both_done(client))
    beat = word(client, SICK)
    failed_at = commands(client, SICK) - 1
    assert f"sequence {failed_at} " in beat.halted
    assert type(fault).__name__ in beat.halted
    assert published(client, SICK) == beat.seq == failed_at - 1 > before
    assert word(client, WELL).halted == ""
    (line,) = [line for line in logs if line["event"] == "market_halted"]
    assert line["exc_info"]
    # A replay meets it again.
    send(WELL, 7)
    client.delete(heartbeat_key(SICK))
    run(lambda: both_done(client))
    assert type(fault).__name__ in word(client, SICK).halted
    assert published(client, SICK) == failed_at - 1
    problems = {check.text for name, check in exchange_status().problems if name == SICK}
    assert any(type(fault).__name__ in text for text in problems)


def test_a_halted_market_starts_from_another_starting_point(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as planted:
        plant_in_apply(planted, KeyError("account"))
        send(SICK, 1_000, BAD_PRICE)
        engine = run(lambda: has_halted(client))
    make_starting_point(SICK, "an operator asked for it")
    go_on(engine, lambda: not has_halted(client))
    assert published(client, SICK) == commands(client, SICK)


def _raising(fault: Exception, real: Any, is_sick: Callable[..., bool]) -> Callable[..., Any]:
    def faulty(*args: Any, **kwargs: Any) -> Any:
        if is_sick(*args):
            raise fault
        return real(*args, **kwargs)

    return faulty


def _names(market_id: str) -> Callable[..., bool]:
    return lambda *args: market_id in args


def _publishes(market_id: str) -> Callable[..., bool]:
    return lambda publisher, *_: output_stream(market_id) in publisher._keys


STEPS = {
    "publish": (Publisher, "send", _publishes(SICK)),
    "settle": (Publisher, "settle", _publishes(SICK)),
    "recover": (market, "newest_state", _names(SICK)),
    "snapshot": (snapshotter, "save_snapshot", _names(SICK)),
    "show": (process, "show_market", _names(SICK)),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("fault", FAULTS[:3], ids=lambda fault: type(fault).__name__)
def test_a_fault_of_any_step_halts_its_market_alone(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch, step: str, fault: Exception
) -> None:
    where, name, is_sick = STEPS[step]
    monkeypatch.setattr(where, name, _raising(fault, getattr(where, name), is_sick))
    snapshots = client.hkeys(snapshots_key(SICK))
    engine = run(lambda: published(client, WELL) == commands(client, WELL), snapshot_every=1)
    for market_id in (SICK, WELL):
        send(market_id, 8, 9)
    go_on(engine, lambda: both_done(client))
    assert type(fault).__name__ in word(client, SICK).halted
    assert word(client, WELL).halted == ""
    assert client.hlen(snapshots_key(WELL)) > 1
    engine._leave()  # must not keep what the market was halted with
    if step != "show":
        assert client.hkeys(snapshots_key(SICK)) == snapshots


def test_a_state_that_no_child_can_write_halts_its_market(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshotter, "IN_PLACE_ROWS_MAX", -1)
    fault = OverflowError("too large")
    faulty = _raising(fault, save_snapshot, _names(SICK))
    monkeypatch.setattr(snapshotter, "save_snapshot", faulty)
    engine = run(lambda: published(client, WELL) == commands(client, WELL), snapshot_every=1)
    for market_id in (SICK, WELL):
        send(market_id, 8, 9)
    go_on(engine, lambda: both_done(client))
    assert "OverflowError: too large" in word(client, SICK).halted


KEYS = [input_stream, output_stream, snapshots_key, epoch_key, heartbeat_key]


@pytest.mark.parametrize("key_of", KEYS)
def test_a_key_of_another_kind_costs_its_market_alone(
    client: redis.Redis, key_of: Callable[[str], str]
) -> None:
    """Before the process starts, and under a running one."""
    engine = run(lambda: published(client, WELL) == commands(client, WELL))
    client.delete(key_of(SICK))
    client.sadd(key_of(SICK), "what does not belong here")
    send(WELL, 5, 6)
    if key_of is not input_stream:
        send(SICK, 5)
    for going_on in (engine, engine_of()):
        send(WELL, 7)
        go_on(going_on, lambda: published(client, WELL) == commands(client, WELL))
        assert going_on.hosted[WELL].phase is process.Phase.RUNNING


def test_a_lost_group_sets_back_its_market_alone(client: redis.Redis) -> None:
    engine = run(lambda: published(client, WELL) == commands(client, WELL))
    recovered: list[str] = []
    for market_id, hosted in engine.hosted.items():
        hosted.runner._make_group = lambda m=market_id: recovered.append(m)  # type: ignore[method-assign, misc]
    client.xgroup_destroy(input_stream(SICK), "engine")
    go_on(engine, lambda: bool(recovered))
    assert set(recovered) == {SICK}


def test_many_markets_share_three_connections(client: redis.Redis) -> None:
    """More than a pool holds by default; each is recovered, published and snapshotted."""
    epoch: Any = client.get(epoch_key(WELL))
    frames: Any = client.hgetall(snapshots_key(WELL))
    markets = [f"M{number}-PERP" for number in range(150)]
    for market_id in markets:
        client.set(epoch_key(market_id), epoch)
        client.hset(snapshots_key(market_id), mapping=frames)
        send(market_id, 5, 6)
    engine = engine_of(snapshot_every=1)
    engine.markets = lambda: markets

    def done() -> bool:
        pipe = client.pipeline(transaction=False)
        for market_id in markets:
            pipe.xlen(output_stream(market_id))
        return list(pipe.execute()) == [2] * len(markets)

    engine.run(_Until(done))  # type: ignore[arg-type]
    for market_id in markets:
        assert max(map(int, client.hkeys(snapshots_key(market_id)))) == 2
