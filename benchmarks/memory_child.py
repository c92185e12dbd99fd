"""Fills one engine with orders, snapshots it beside matching, restarts from it; prints JSON."""

import gc
import os
import random
import resource
import sys
import tempfile
import time
from pathlib import Path

import msgspec
import redis

from benchmarks.engine_flow import START_MS, opening, placed
from benchmarks.flow import PLACE, START_TICKS, Message
from exchange_site.embedded import redis_server
from exchange_site.embedded.child import Child
from exchange_site.embedded.ports import free_port
from matching.core.engine import Engine
from matching.messages.commands import CancelOrder
from matching.messages.streams import epoch_key
from matching.runtime.snapshots import newest_state
from matching.runtime.snapshotter import Snapshotter

MARKET, EPOCH = "BENCHMARK", b"1"
HOLD_UNITS = 10**10
ACCOUNTS = 1_000
MORE_ACCOUNTS = 50_000
ROUNDS = 5


class Filled(msgspec.Struct):
    order_bytes: float
    account_bytes: float
    resident_bytes: int
    fork_ms: list[float]
    bare_fork_ms: list[float]
    snapshot_s: float
    slowest_command_ms: float
    slowest_ping_ms: float
    restart_s: list[float]
    placing_s: list[float]


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


class Filler:
    """Places resting orders, at distances from the mid that follow a power law."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.last_id = 0
        self._rng = random.Random(20261122)

    def place(self, account_id: int) -> None:
        self.last_id += 1
        is_long = self.last_id % 2 == 0
        away = 1 + int(300 * self._rng.paretovariate(0.7)) % 25_000
        price = START_TICKS - away if is_long else START_TICKS + away
        message = Message(PLACE, self.last_id, is_long, price, 1 + self.last_id % 50)
        self.engine.apply(placed(message, account_id, HOLD_UNITS), START_MS + 10)


def measure(orders: int) -> Filled:
    engine = Engine()
    for command in opening():
        engine.apply(command, START_MS)
    filler = Filler(engine)
    for _ in range(70_000):  # the window of recent ids fills once, whatever rests
        filler.place(1 + filler.last_id % ACCOUNTS)
    gc.collect()
    gc.freeze()
    before = resident_bytes()
    started = time.process_time()
    while filler.last_id < orders:
        filler.place(1 + filler.last_id % ACCOUNTS)
    placing_s = (time.process_time() - started) * orders / (orders - 70_000)
    filled = resident_bytes()
    order_bytes = (filled - before) / (orders - 70_000)
    for account in range(MORE_ACCOUNTS):
        filler.place(10**9 + account)
    account_bytes = (resident_bytes() - filled) / MORE_ACCOUNTS - order_bytes
    gc.collect()
    gc.freeze()
    with tempfile.TemporaryDirectory() as folder:
        store = redis_server.prepare(Path(folder) / "redis", port=free_port())
        server = Child(store, log=Path(folder) / "redis.log")
        try:
            server.wait_ready()
            client = redis.Redis.from_url(store.url())
            beside = snapshot_beside_matching(engine, filler, client)
            restart_s = [_restart_seconds(client, len(engine.state.book.orders)) for _ in range(3)]
        finally:
            server.stop()
    placing = [placing_s] * len(restart_s)
    return Filled(order_bytes, account_bytes, filled, *beside, restart_s, placing)


def snapshot_beside_matching(
    engine: Engine, filler: Filler, client: redis.Redis
) -> tuple[list[float], list[float], float, float, float]:
    client.set(epoch_key(MARKET), EPOCH)
    snapshotter = Snapshotter(client, MARKET, every=1)
    forks, bare, wholes, commands, pings = [], [], [], [0.0], [0.0]
    for number in range(ROUNDS):
        bare.append(_bare_fork_ms())
        started = time.perf_counter()
        snapshotter.save_if_due(EPOCH, engine.state, f"{number + 1}-0")
        forks.append((time.perf_counter() - started) * 1e3)
        at_seq = engine.seq
        while snapshotter.saved_seq < at_seq:
            for _ in range(200):
                commands.append(churn(engine, filler))
            asked = time.perf_counter()
            client.ping()
            pings.append(time.perf_counter() - asked)
            snapshotter.look_after_child()
        wholes.append(time.perf_counter() - started)
    return forks, bare, min(wholes), max(commands) * 1e3, max(pings) * 1e3


def _bare_fork_ms() -> float:
    started = time.perf_counter()
    pid = os.fork()
    if not pid:
        os._exit(0)
    took_ms = (time.perf_counter() - started) * 1e3
    os.waitpid(pid, 0)
    return took_ms


def _restart_seconds(client: redis.Redis, expected: int) -> float:
    """CPU seconds, as those of placing are."""
    gc.disable()
    started = time.process_time()
    found = newest_state(client, MARKET)
    took_s = time.process_time() - started
    gc.enable()
    assert found is not None
    assert len(found[0].book.orders) == expected
    return took_s


def churn(engine: Engine, filler: Filler) -> float:
    """An order comes and goes somewhere in the book; CPU seconds of both commands."""
    started = time.process_time()
    account_id = 1 + filler.last_id % ACCOUNTS
    filler.place(account_id)
    cancel = CancelOrder(command_id=filler.last_id, order_id=filler.last_id, account_id=account_id)
    engine.apply(cancel, START_MS + 10)
    return time.process_time() - started


if __name__ == "__main__":
    os.environ.setdefault("EXCHANGE_DATA", tempfile.gettempdir())
    sys.stdout.buffer.write(msgspec.json.encode(measure(int(sys.argv[1]))))
