"""Two PostgreSQL servers: a primary whose commits wait for its standby, and the standby, which
takes over when the primary is gone. The one that was lost is made anew as the standby of the other,
never started as it was: it may have committed what nobody was told of.

Who watches them and promotes one is played here; a house has a tool for that.
"""

import shutil
import subprocess
import time
from pathlib import Path

import psutil
import psycopg

from exchange_site.embedded import postgres
from exchange_site.embedded.child import Child
from exchange_site.embedded.ports import free_port

FOLLOWS_WITHIN_S = 120.0
_IN_STEP = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"


class PostgresPair:
    def __init__(self, folder: Path) -> None:
        """Makes and starts both; returns when commits wait for the standby."""
        folder.mkdir(mode=0o755)
        self._folder = folder
        self._children: dict[int, Child] = {}
        self._primary = postgres.prepare(folder / "first", port=free_port())
        self._standby = self._beside_first(free_port())
        alone, name = self._primary.url().rsplit("/", 1)
        other = f"127.0.0.1:{self._standby.port}"
        self.url = f"{alone},{other}/{name}?target_session_attrs=read-write"
        try:
            self._start(self._primary)
            self._primary.make_database()
            self._follow()
        except BaseException:
            self.stop()
            raise

    def _beside_first(self, port: int) -> postgres.Postgres:
        """With its password; without data."""
        first = self._primary
        folder = self._folder / "second"
        folder.mkdir(mode=0o700)
        shutil.copy(first.folder / "password", folder / "password")
        if first.user is not None:
            for path in (folder, folder / "password"):
                shutil.chown(path, first.user)
        return postgres.Postgres(folder=folder, port=port, user=first.user)

    def _start(self, server: postgres.Postgres) -> None:
        log = self._folder / f"{server.port}.log"
        self._children[server.port] = Child(server, log=log, user=server.user).wait_ready()

    @property
    def primary_process(self) -> psutil.Process:
        return psutil.Process(self._children[self._primary.port].process.pid)

    def fail_over(self) -> int:
        """The primary is gone with all its processes, as with its host, and the standby is the
        primary; in the end both are there again. Answers the process id of what is gone."""
        gone = self.primary_process
        processes = [gone, *gone.children(recursive=True)]
        for process in processes:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        self._children[self._primary.port].process.wait()
        self._primary, self._standby = self._standby, self._primary
        self._tell("ALTER SYSTEM RESET synchronous_standby_names")
        self._tell("SELECT pg_promote()")
        self._follow()
        return gone.pid

    def _follow(self) -> None:
        """From a copy of what the primary has."""
        standby, primary = self._standby, self._primary
        shutil.rmtree(standby.data, ignore_errors=True)
        subprocess.run(
            [
                str(postgres.BINARIES / "pg_basebackup"),
                f"--dbname={primary.url('postgres')}",
                f"--pgdata={standby.data}",
                "--write-recovery-conf",
                "--checkpoint=fast",
                "--wal-method=stream",
            ],
            check=True,
        )
        if standby.user is not None:
            for path in (standby.data, *standby.data.rglob("*")):
                shutil.chown(path, standby.user)
        self._start(standby)
        self._tell("ALTER SYSTEM SET synchronous_standby_names = '*'")
        deadline = time.monotonic() + FOLLOWS_WITHIN_S
        while self._ask(_IN_STEP) != 1:
            if time.monotonic() > deadline:
                raise RuntimeError(f"the standby does not follow, see {self._folder}/*.log")
            time.sleep(0.05)

    def _tell(self, order: str) -> None:
        with self._at_primary() as connection:
            connection.execute(order)
            connection.execute("SELECT pg_reload_conf()")

    def _ask(self, question: str) -> object:
        with self._at_primary() as connection:
            row = connection.execute(question).fetchone()
        return row and row[0]

    def _at_primary(self) -> psycopg.Connection:
        return psycopg.connect(self._primary.url("postgres"), autocommit=True, connect_timeout=5)

    def stop(self) -> None:
        for child in self._children.values():
            child.stop()
