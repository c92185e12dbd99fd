"""Several workers share the markets; one that is killed under load leaves its share to the others.

Real Celery workers, and nothing that sweeps beside them: what is persisted, listeners persisted.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings
from django.db import connection

from common.sharing.members import owner_of
from matching.messages.codec import encode_entry
from matching.messages.events import MarkPriceChanged, OutputEntry
from matching.messages.streams import COMMAND_FIELD, ENTRY_FIELD, input_stream, output_stream
from persistence.listener import WORKER_MEMBERS_KEY
from persistence.models import MarketCursor
from tests.ledger.prices import FIRST_TIME_MS, mark_price
from tests.ledger.test_listener import wait_until
from tests.ledger.world import NO_COMMAND, open_market
from tests.patience import PATIENCE_S
from trading.models import PriceCandle

NODES = ("one@here", "two@here")
MARKETS = [f"M{number}-PERP" for number in range(8)]


class Load:
    """Entries for every market until stopped: prices, and every third a command's."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.seq = 0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(PATIENCE_S)

    def _run(self) -> None:
        while not self._stopping.wait(0.01):
            self.seq += 1
            for market_id in MARKETS:
                entry = self._entry(self.seq)
                asked: Any = {COMMAND_FIELD: NO_COMMAND}
                self._client.xadd(input_stream(market_id), asked, id=entry.input_id)
                data: Any = {ENTRY_FIELD: encode_entry(entry)}
                self._client.xadd(output_stream(market_id), data, id=f"{entry.seq}-0")

    def _entry(self, seq: int) -> OutputEntry:
        time_ms = FIRST_TIME_MS + seq
        events: tuple[MarkPriceChanged, ...] = (mark_price(seq, seq),) if seq % 3 else ()
        return OutputEntry(
            seq=seq,
            input_id=f"{time_ms}-0",
            time_ms=time_ms,
            command_id=0 if events else seq,
            events=events,
        )


@pytest.fixture
def load(world: Any) -> Iterator[Load]:
    for market_id in MARKETS:
        open_market(market_id)
    started = Load(world.redis_db)
    yield started
    started.stop()


@pytest.fixture
def workers(world: Any, tmp_path: Path) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    database = connection.settings_dict
    host, port = database["HOST"], database["PORT"]
    user = database["USER"] + (f":{database['PASSWORD']}" if database["PASSWORD"] else "")
    environment = os.environ | {
        "DATABASE_URL": f"postgres://{user}@{host}:{port}/{database['NAME']}",
        "REDIS_URL": settings.REDIS_URL,
        "WORKER_LEASE_S": "1",
    }
    command = [sys.executable, "-m", "celery", "-A", "exchange_site", "worker", "--concurrency=1"]
    started = {}
    for node in NODES:
        with (tmp_path / f"{node}.log").open("wb") as log:
            started[node] = subprocess.Popen(
                [*command, "--without-gossip", "--without-mingle", "-n", node],
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    yield started
    for process in started.values():
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE_S)


def cursors() -> dict[str, int]:
    return dict(MarketCursor.objects.filter(pk__in=MARKETS).values_list("pk", "seq"))


@pytest.mark.slow
def test_a_worker_that_is_killed_leaves_its_markets_to_the_other(
    world: Any, load: Load, workers: dict[str, subprocess.Popen[bytes]]
) -> None:
    def members() -> set[str]:
        return {name.decode() for name in world.redis_db.zrange(WORKER_MEMBERS_KEY, 0, -1)}

    wait_until(lambda: members() == set(NODES), "both workers")
    owners = {market_id: owner_of(market_id, NODES) for market_id in MARKETS}
    assert set(owners.values()) == set(NODES)
    load.start()
    wait_until(lambda: min(cursors().values()) > 0, "something of every market")
    os.killpg(workers[NODES[0]].pid, signal.SIGKILL)
    workers[NODES[0]].wait(PATIENCE_S)
    at_death = load.seq
    wait_until(lambda: load.seq > at_death + 50, "more load")
    wait_until(lambda: min(cursors().values()) > at_death, "the markets of the dead one")
    wait_until(lambda: members() == {NODES[1]}, "the end of the dead one's lease")
    load.stop()
    wait_until(lambda: set(cursors().values()) == {load.seq}, "everything")
    assert workers[NODES[1]].poll() is None
    for market_id in MARKETS:
        minutes = PriceCandle.objects.filter(market=market_id, interval_ms=60_000)
        newest_price = load.seq if load.seq % 3 else load.seq - 1
        assert max(minutes.values_list("mark_high_ticks", flat=True)) == newest_price
