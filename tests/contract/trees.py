"""An exchange of two releases: the older one is the tree of its commit, the newer one is this."""

import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import count, takewhile
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.conf import settings

from common.redis_client import redis_client
from exchange_site.embedded.parts import api_command
from exchange_site.embedded.ports import free_port
from persistence.recovery.live_engines import live_engines
from persistence.worker_heartbeat import WORKER_HEARTBEAT_KEY
from tests.flow.exchange import MARKET, Exchange, Trader, wait_for
from tests.patience import PATIENCE_S

NEW = Path(settings.BASE_DIR)
CELERY = [sys.executable, "-m", "celery", "-A", "exchange_site"]


def unpacked(commit: str, into: Path) -> Path:
    """The tree of the commit, without a repository; the test is skipped where nobody has it."""
    known = ["git", "cat-file", "-e", f"{commit}^{{commit}}"]
    if not shutil.which("git") or subprocess.run(known, cwd=NEW, check=False).returncode:
        pytest.skip(f"the history with {commit} is not here: nothing is proven of an upgrade")
    packed = subprocess.run(
        ["git", "archive", commit], cwd=NEW, check=True, stdout=subprocess.PIPE
    ).stdout
    into.mkdir()
    subprocess.run(["tar", "-x", "-C", str(into)], input=packed, check=True)
    return into


class RollingExchange(Exchange):
    """Its parts run the tree that is named as they start. The next API has another port, as behind
    a proxy that is told to send no more to the last."""

    def start_worker(self, name: str, tree: Path) -> None:
        self.tree = tree
        self._start(name, [*CELERY, "worker", "-c", "1", "-n", f"{name}@%h"])
        wait_for(partial(self._persists, name), f"{name} to be at work")

    def _persists(self, name: str) -> bool:
        nodes: Any = redis_client().hkeys(WORKER_HEARTBEAT_KEY)
        return any(node.startswith(f"{name}@".encode()) for node in nodes)

    def start_engine_named(self, name: str, tree: Path) -> None:
        self.tree = tree
        self._start(name, [sys.executable, "manage.py", "runengine", "--name", name])

    def wait_for_engine(self, name: str) -> None:
        """Until it computes what others beside it do."""
        wait_for(partial(self._computes, name), f"{name} to be at work")

    def _computes(self, name: str) -> bool:
        beats = live_engines(redis_client(), MARKET)
        return any(beat.engine == name and beat.seq and not beat.halted for beat in beats)

    def start_api_named(self, name: str, tree: Path) -> None:
        """Who asks the last one meanwhile gets its answer."""
        self.tree, port = tree, free_port()
        self._start(name, api_command(port))
        url = f"http://127.0.0.1:{port}"
        client = httpx.Client(base_url=url, timeout=PATIENCE_S)
        wait_for(lambda: _answers(client), f"{name} to answer")
        self._files.callback(self.http.close)
        self.port, self.url, self.http = port, url, client

    def end(self, name: str) -> None:
        """In order, as a process manager does."""
        process = self._processes.pop(name)
        process.terminate()
        # The older release's API ends by the signal itself.
        assert process.wait(PATIENCE_S) in (0, -signal.SIGTERM), self.logs


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/markets").status_code == 200
    except httpx.TransportError:
        return False


class Load:
    """Two traders who send until they are told to stop, and remember all that was taken: pairs of
    orders that meet, and now and then one that rests and is cancelled."""

    def __init__(self, exchange: RollingExchange) -> None:
        self.exchange = exchange
        self.traders = [exchange.trader("1000000") for _ in range(2)]
        self.met: list[int] = []
        self.cancelled: list[int] = []
        self.refused: list[str] = []
        self._keys = count(1)
        self._stopping = threading.Event()
        self._sending: Future[None] = Future()

    @contextmanager
    def sent(self) -> Iterator[None]:
        with ThreadPoolExecutor(1) as pool:
            self._sending = pool.submit(self._run)
            try:
                yield
            finally:
                self._stopping.set()
        self._sending.result()

    def _run(self) -> None:
        for number in takewhile(lambda _: not self._stopping.is_set(), count()):
            self._round(number)

    def _round(self, number: int) -> None:
        maker, taker = self.traders[number % 2], self.traders[1 - number % 2]
        for trader, side in ((maker, "LONG"), (taker, "SHORT")):
            self._place(self.met, trader, side, "50000")
        if number % 10 == 0 and (order_id := self._place(self.cancelled, maker, "LONG", "49000")):
            answer = maker.send("DELETE", f"/order/{order_id}")
            if answer.status_code != 202:
                self.refused.append(answer.text)

    def _place(self, taken: list[int], trader: Trader, side: str, price: str) -> int | None:
        answer = trader.try_to_place(side, "0.01", price, clientOrderId=f"n-{next(self._keys)}")
        if answer.status_code != 202:
            self.refused.append(answer.text)
            return None
        taken.append(int(answer.json()["orderId"]))
        return taken[-1]

    def goes_on(self, orders: int = 40) -> None:
        """So many more orders that were taken from now on are filled by whoever is there."""
        first = len(self.met)
        wait_for(lambda: self._sends() and len(self.met) > first + orders, "orders to be taken")
        for order_id in self.met[first : first + orders : 13]:
            wait_for(partial(self._is_filled, order_id), f"order {order_id} to be filled")

    def _sends(self) -> bool:
        if self._sending.done():
            self._sending.result()
        return not self._sending.done()

    def _is_filled(self, order_id: int) -> bool:
        answers = [trader.send("GET", f"/order/{order_id}") for trader in self.traders]
        return any(a.status_code == 200 and a.json()["status"] == "filled" for a in answers)
