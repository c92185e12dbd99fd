"""One exchange under test, started by `manage.py runexchange` on a data folder of its own; with it
what the run adds: stormy prices in place of its own, an operator, a second engine."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import redis

from common.redis.addresses import AddressedPool
from exchange_site.embedded.bootstrap import ROOT
from exchange_site.embedded.processes import RUN_MARKER, end, leftovers
from tests.builders.standby import PostgresPair

UP_WITHIN_S = 180.0
_OURS_ALONE = (
    "DATABASE_URL", "REDIS_URL", "DJANGO_SECRET_KEY", "EXCHANGE_DATA", RUN_MARKER, "CUSTODY_TOKEN",
    "CUSTODY_WEBHOOK_SECRETS", "DEMO_CHAIN_URL", "CUSTODY_NETWORKS",
)  # fmt: skip

# Part → what its command line contains.
_MARKS: dict[str, tuple[str, ...]] = {
    "postgres": ("postgres", "-D"),
    "redis": ("redis-server",),
    "engine": ("manage.py", "runengine"),
    "worker": ("celery", "worker"),
    "beat": ("celery", "beat"),
    "api": ("exchange_site.serve", "api"),
    "feeds": ("exchange_site.serve", "feeds"),
    "chain": ("manage.py", "rundemochain"),
}


class Exchange:
    has_one_master = True  # of Redis

    def __init__(
        self, data: Path, port: int, feeds_port: int, pair: PostgresPair | None = None
    ) -> None:
        """``pair``: in place of a Postgres of its own."""
        self.data = data
        self.pair = pair
        self.url = f"http://127.0.0.1:{port}"
        self.log = data.with_name(f"{data.name}.log")
        inherited = {name: text for name, text in os.environ.items() if name not in _OURS_ALONE}
        self.environment = inherited | {
            "EXCHANGE_DATA": str(data),
            "PORT": str(port),
            "FEEDS_PORT": str(feeds_port),
            "SIMULATE": "0",
            "DEMO": "1",
            "CHAIN_TEMPER": "stormy",
            "SEAL_ENTRIES": "1000",
            "PARTITION_POSTINGS": "10000",  # ends one after another while all goes on
            "PARTITION_ENTRIES": "10000",
            "PARTITION_FILLS": "10000",
            "PARTITION_ORDERS": "10000",
        }
        if pair is not None:
            self.environment["DATABASE_URL"] = pair.url
        self.process: subprocess.Popen[bytes] | None = None
        self.services: dict[str, str] = {}
        self._standbys: list[subprocess.Popen[bytes]] = []
        self._storm: subprocess.Popen[bytes] | None = None
        self._storm_lock = threading.Lock()
        self._storm_command: list[str] = []
        self._operator: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "runexchange"],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + UP_WITHIN_S
        while "Ctrl-C stops everything" not in self.log.read_text(errors="replace"):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the exchange did not come up, see {self.log}")
            time.sleep(0.2)
        lines = (self.data / "services.env").read_text().splitlines()
        pairs = (line.partition("=") for line in lines if not line.startswith("#"))
        self.services = {name: text for name, _, text in pairs}

    def stop(self) -> None:
        """Everything, in order; what a killed run would leave, too."""
        for extra in (*self._standbys, self._storm, self._operator):
            if extra is not None:
                extra.kill()
                extra.wait()
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        end(leftovers(self.data))
        if self.pair is not None:
            self.pair.stop()

    # -- looking

    @property
    def chain_file(self) -> Path:
        return self.data / "demochain.sqlite"

    def database(self) -> psycopg.Connection:
        return psycopg.connect(self.services["DATABASE_URL"], connect_timeout=5)

    def store(self) -> redis.Redis:
        url = self.services["REDIS_URL"]
        return redis.Redis.from_pool(
            AddressedPool.from_url(url, socket_timeout=10, socket_connect_timeout=2)
        )

    def health(self) -> tuple[int, list[str]]:
        """Status and problems; (0, …) where nothing answers."""
        try:
            token = self.services.get("MONITOR_TOKEN", "")
            monitor = {"Authorization": f"Bearer {token}"}
            answer = httpx.get(f"{self.url}/health", headers=monitor, timeout=10)
            return answer.status_code, answer.json().get("problems", [])
        except (httpx.HTTPError, ValueError) as error:
            return 0, [f"/health doesn't answer ({type(error).__name__})"]

    def manage(self, *arguments: str, within_s: float = 300) -> tuple[int, str]:
        """Run a command beside the exchange: exit status and all it wrote."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment | self.services,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=within_s,
            check=False,
        )
        return done.returncode, done.stdout

    # -- its processes

    def main_of(self, part: str) -> psutil.Process | None:
        """The process of a part that supervisord started; None between two lives."""
        if part == "postgres" and self.pair is not None:
            return self.pair.primary_process
        assert self.process is not None
        try:
            (supervisor,) = psutil.Process(self.process.pid).children()
            candidates = supervisor.children()
        except (psutil.Error, ValueError):
            return None
        for candidate in candidates:
            try:
                words = " ".join(candidate.cmdline())
            except psutil.Error:
                continue
            if all(mark in words for mark in _MARKS[part]):
                return candidate
        return None

    def children_of(self, part: str) -> list[psutil.Process]:
        """Pool processes of a worker, children of a web server, client backends of Postgres."""
        main = self.main_of(part)
        try:
            children = main.children() if main else []
            if part != "postgres":
                return children
            return [child for child in children if "127.0.0.1(" in " ".join(child.cmdline())]
        except psutil.Error:
            return []

    # -- beside it

    def _beside(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        with (self.data / "logs" / f"{name}.log").open("ab") as output:
            return subprocess.Popen(
                [sys.executable, *command],
                cwd=ROOT,
                env=self.environment | self.services | {RUN_MARKER: str(self.data)},
                stdout=output,
                stderr=output,
            )

    def start_standby(self) -> None:
        command = ("manage.py", "runengine", "--name", "standby")
        self._standbys.append(self._beside("standby", *command))

    def kill_standby(self) -> int | None:
        """The process id of what was killed; None if no standby runs."""
        for standby in self._standbys:
            if standby.poll() is None:
                standby.kill()
                standby.wait()
                return standby.pid
        return None

    def _own_prices(self, word: str) -> None:
        """Start or stop `runprices`."""
        configuration = str(self.data / "supervisord.conf")
        supervisorctl = [sys.executable, "-m", "supervisor.supervisorctl", "-c", configuration]
        subprocess.run([*supervisorctl, word, "edge:prices"], stdout=subprocess.DEVNULL, check=True)

    def start_storm(self, seed: int) -> None:
        """From now on prices are `tests.chaos.prices`."""
        self._own_prices("stop")
        began_ms = time.time_ns() // 1_000_000
        self._storm_command = ["-m", "tests.chaos.prices", str(seed), str(began_ms)]
        self._restart_storm()

    def _restart_storm(self) -> None:
        with self._storm_lock:
            if self._storm_command and (self._storm is None or self._storm.poll() is not None):
                self._storm = self._beside("storm", *self._storm_command)

    def kill_storm(self, silence_s: float) -> int | None:
        """The process id of what was killed; it starts again after a silence."""
        with self._storm_lock:
            storm = self._storm
            if storm is None or storm.poll() is not None:
                return None
            storm.kill()
            storm.wait()
        threading.Timer(silence_s, self._restart_storm).start()
        return storm.pid

    def end_storm(self) -> None:
        """The exchange's own prices go on from the last one."""
        with self._storm_lock:
            self._storm_command = []
            if self._storm is not None:
                self._storm.kill()
                self._storm.wait()
        self._own_prices("start")

    def start_operator(self, seed: int) -> None:
        """Returns when the third market is made."""
        code = f"from tests.chaos.operator import run; run({seed})"
        self._operator = self._beside("operator", "manage.py", "shell", "-v", "0", "-c", code)
        self._wait_for_operator("ready", within_s=UP_WITHIN_S)

    def end_operator(self) -> None:
        """It opens every market that is not before it leaves."""
        if self._operator is not None and self._operator.poll() is None:
            self._operator.terminate()
            self._wait_for_operator("left", within_s=60)
            self._operator.wait()

    def _wait_for_operator(self, done: str, within_s: float) -> None:
        deadline = time.monotonic() + within_s
        while True:
            over = self._operator is None or self._operator.poll() is not None
            if any(line.get("done") == done for line in self.operator_lines()):
                return
            if over or time.monotonic() > deadline:
                raise RuntimeError(f"the operator is not {done}, see {self.data}/logs/operator.log")
            time.sleep(0.1)

    def operator_lines(self) -> list[dict[str, Any]]:
        log = self.data / "logs" / "operator.log"
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        return [json.loads(line) for line in lines if line.startswith("{")]
