"""One exchange under test, started by `manage.py runexchange` on a data folder of its own."""

import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
import psycopg
import redis

from exchange_site.embedded.bootstrap import ROOT
from exchange_site.embedded.processes import RUN_MARKER, end, leftovers

UP_WITHIN_S = 180.0
_OURS_ALONE = ("DATABASE_URL", "REDIS_URL", "DJANGO_SECRET_KEY", "EXCHANGE_DATA", RUN_MARKER)

# Part → what its command line contains.
_MARKS: dict[str, tuple[str, ...]] = {
    "postgres": ("postgres", "-D"),
    "redis": ("redis-server",),
    "engine": ("manage.py", "runengine"),
    "worker": ("celery", "worker"),
    "beat": ("celery", "beat"),
    "api": ("granian", "exchange_site.api_server"),
    "feeds": ("granian", "exchange_site.asgi"),
    "prices": ("manage.py", "runprices"),
}


class Exchange:
    def __init__(self, data: Path, port: int, feeds_port: int) -> None:
        self.data = data
        self.url = f"http://127.0.0.1:{port}"
        self.log = data.with_name(f"{data.name}.log")
        inherited = {name: text for name, text in os.environ.items() if name not in _OURS_ALONE}
        self.environment = inherited | {
            "EXCHANGE_DATA": str(data),
            "PORT": str(port),
            "FEEDS_PORT": str(feeds_port),
            "SIMULATE": "0",
            "DEMO": "1",
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.services: dict[str, str] = {}
        self._standbys: list[subprocess.Popen[bytes]] = []

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
        for standby in self._standbys:
            standby.kill()
            standby.wait()
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        end(leftovers(self.data))

    # -- looking

    def database(self) -> psycopg.Connection:
        return psycopg.connect(self.services["DATABASE_URL"], connect_timeout=5)

    def store(self) -> redis.Redis:
        return redis.Redis.from_url(
            self.services["REDIS_URL"], socket_timeout=10, socket_connect_timeout=2
        )

    def health(self) -> tuple[int, list[str]]:
        """Status and problems; (0, …) where nothing answers."""
        try:
            answer = httpx.get(f"{self.url}/health", timeout=10)
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

    # -- a second engine

    def start_standby(self) -> None:
        log = self.data / "logs" / "standby.log"
        with log.open("ab") as output:
            self._standbys.append(
                subprocess.Popen(
                    [sys.executable, "manage.py", "runengine", "--name", "standby"],
                    cwd=ROOT,
                    env=self.environment | self.services | {RUN_MARKER: str(self.data)},
                    stdout=output,
                    stderr=output,
                )
            )

    def kill_standby(self) -> int | None:
        """The process id of what was killed; None if no standby runs."""
        for standby in self._standbys:
            if standby.poll() is None:
                standby.kill()
                standby.wait()
                return standby.pid
        return None
