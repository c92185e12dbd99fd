"""Who watches two Postgres hosts, as Patroni and its like do: one takes writes, the other follows,
and commits wait for it.

Theory of operation. It promotes the standby only if it has not reached the primary for `GONE_S`,
the two were in step when it last saw both, and the standby says that it hears nothing of the
primary either. A primary that is merely alone goes on waiting for its standby, so it can't
acknowledge what the other doesn't have. It is let go on alone only by the keeper, who then no
longer thinks of the two as in step. A server that comes back and isn't the primary is made anew as
standby: it may have committed what nobody was told.
"""

import shutil
import subprocess
import threading
import time
from typing import Any

import psycopg

from tests.hosts.host import Host
from tests.hosts.network import Network
from tests.hosts.places import HostPostgres

LOOK_EVERY_S = 0.5
GONE_S = 4.0
COPIED_WITHIN_S = 60.0
_FOLLOWERS = (
    "SELECT count(*), count(*) FILTER (WHERE sync_state = 'sync') FROM pg_stat_replication"
    " WHERE state = 'streaming'"
)
_FOLLOWS = "SELECT count(*) FROM pg_stat_wal_receiver WHERE status = 'streaming'"
_WAIT, _GO_ON_ALONE = (
    "ALTER SYSTEM SET synchronous_standby_names = '*'",
    "ALTER SYSTEM RESET synchronous_standby_names",
)


class Keeper(threading.Thread):
    def __init__(
        self, network: Network, hosts: dict[str, Host], servers: dict[str, HostPostgres]
    ) -> None:
        """``servers``: of each host's name; the first is primary, and the only one with data."""
        super().__init__(name="keeper", daemon=True)
        self.promotions = 0
        self.is_in_step = False
        self.fault: BaseException | None = None
        self._network, self._hosts, self._servers = network, hosts, servers
        self._primary, self._standby = servers
        self._has_copy = self._waits = False
        self._primary_seen = self._standby_seen = time.monotonic()
        self._halt = threading.Event()

    def run(self) -> None:
        try:
            while not self._halt.wait(LOOK_EVERY_S):
                self._look()
        except BaseException as error:  # noqa: BLE001  the run fails with it
            self.fault = error

    def stop(self) -> None:
        self._halt.set()
        self.join()

    def _look(self) -> None:
        self._start(self._primary)
        followers = self._ask(self._primary, _FOLLOWERS)
        now = time.monotonic()
        if followers is None:
            if self.is_in_step and now - self._primary_seen > GONE_S:
                self._promote()
            return
        self._primary_seen = now
        streaming, in_step = followers
        if streaming:
            self._standby_seen = now
        if in_step:
            self.is_in_step = True
        elif streaming:
            self._waits = True
            self._set(self._primary, _WAIT)
        else:
            if self._waits and now - self._standby_seen > GONE_S:
                self.is_in_step = False
                self._waits = not self._set(self._primary, _GO_ON_ALONE)
            self._start_standby()

    def _start_standby(self) -> None:
        host = self._hosts[self._standby]
        if not host.is_reachable:
            return
        if not self._has_copy:
            host.end("postgres")
            self._has_copy = self._copy()
        if self._has_copy:
            self._start(self._standby)

    def _copy(self) -> bool:
        server = self._servers[self._standby]
        shutil.rmtree(server.data, ignore_errors=True)
        command = server.copy_command(self._servers[self._primary])
        try:
            done = subprocess.run(
                self._network.command_at(self._standby, command),
                cwd="/",
                capture_output=True,
                timeout=COPIED_WITHIN_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0

    def _start(self, name: str) -> None:
        host, server = self._hosts[name], self._servers[name]
        if host.is_on and not host.runs("postgres"):
            host.run("postgres", server.command(), {"PATH": "/usr/bin:/bin"})

    def _promote(self) -> None:
        heard = self._ask(self._standby, _FOLLOWS)
        if heard is None or heard[0]:
            return
        self._primary, self._standby = self._standby, self._primary
        self._has_copy = self.is_in_step = self._waits = False
        self._set(self._primary, _GO_ON_ALONE)
        self._ask(self._primary, "SELECT pg_promote()")
        self._primary_seen = self._standby_seen = time.monotonic()
        self.promotions += 1

    def _set(self, name: str, words: str) -> bool:
        """Whether it did."""
        told = self._ask(name, words)
        return told is not None and self._ask(name, "SELECT pg_reload_conf()") is not None

    def _ask(self, name: str, words: str) -> tuple[Any, ...] | None:
        """The row it answers, () where it has none to answer; None if it didn't answer."""
        address = f"{self._servers[name].url()}?connect_timeout=2&tcp_user_timeout=2000"
        try:
            with psycopg.connect(address, autocommit=True) as connection:
                asked = connection.execute(words)
                return asked.fetchone() if asked.description else ()
        except psycopg.Error:
            return None
