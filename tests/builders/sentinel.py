"""A master, its replica, and a sentinel that makes the replica master when the master is gone."""

from dataclasses import dataclass
from pathlib import Path

import redis

from exchange_site.embedded import redis_server
from exchange_site.embedded.child import Child
from exchange_site.embedded.ports import free_port
from tests.patience import PATIENCE_S

MASTER = "ours"
DOWN_AFTER_MS = 1_000


@dataclass(frozen=True, kw_only=True)
class SentinelServer:
    folder: Path
    port: int

    def command(self) -> list[str]:
        return [str(redis_server.BINARY), str(self.folder / "sentinel.conf"), "--sentinel"]

    def is_ready(self) -> bool:
        try:
            self.master_port()
        except redis.RedisError:
            return False
        return True

    def master_port(self) -> int:
        with redis.Redis(port=self.port, socket_timeout=PATIENCE_S) as client:
            named = client.execute_command("SENTINEL GET-MASTER-ADDR-BY-NAME", MASTER)
        return int(named[1])


class WatchedRedis:
    """``url`` is what the exchange is told."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._children: dict[int, Child] = {}
        master = self._server("first")
        self.password = (folder / "first" / "password").read_text().strip()
        self._start(master)
        (folder / "second").mkdir(mode=0o700)
        (folder / "second" / "password").write_text(self.password)
        replica = self._server("second")
        with (folder / "second" / "redis.conf").open("a") as configuration:
            configuration.write(f"replicaof 127.0.0.1 {master.port}\n")
        self._start(replica)
        self.sentinel = self._sentinel(master.port)
        self._start(self.sentinel)
        self.url = f"redis+sentinel://:{self.password}@127.0.0.1:{self.sentinel.port}/{MASTER}/0"

    def _server(self, name: str) -> redis_server.RedisServer:
        server = redis_server.prepare(self._folder / name, port=free_port())
        password = (self._folder / name / "password").read_text().strip()
        with (self._folder / name / "redis.conf").open("a") as configuration:
            configuration.write(f"masterauth {password}\nrepl-diskless-sync-delay 0\n")
        return server

    def _sentinel(self, master_port: int) -> SentinelServer:
        folder = self._folder / "sentinel"
        folder.mkdir()
        server = SentinelServer(folder=folder, port=free_port())
        lines = [
            "bind 127.0.0.1",
            f"port {server.port}",
            f'dir "{folder}"',
            f"sentinel monitor {MASTER} 127.0.0.1 {master_port} 1",
            f"sentinel auth-pass {MASTER} {self.password}",
            f"sentinel down-after-milliseconds {MASTER} {DOWN_AFTER_MS}",
            f"sentinel failover-timeout {MASTER} 5000",
        ]
        (folder / "sentinel.conf").write_text("\n".join(lines) + "\n")
        return server

    def _start(self, server: redis_server.RedisServer | SentinelServer) -> None:
        log = self._folder / f"{server.port}.log"
        self._children[server.port] = Child(server, log=log).wait_ready()

    def store_at(self, port: int) -> redis.Redis:
        return redis.Redis(port=port, password=self.password, socket_timeout=PATIENCE_S)

    def has_replica(self) -> bool:
        """One that has all, and that the sentinel knows of."""
        with redis.Redis(port=self.sentinel.port) as client:
            known = client.sentinel_slaves(MASTER)
        with self.store_at(self.sentinel.master_port()) as master:
            info = master.info("replication")
        return len(known) == 1 and info.get("slave0", {}).get("state") == "online"

    def kill_master(self) -> int:
        """Its port."""
        port = self.sentinel.master_port()
        process = self._children[port].process
        process.kill()
        process.wait()
        return port

    def give_over(self) -> None:
        """Make the replica master while the master lives."""
        with redis.Redis(port=self.sentinel.port) as client:
            client.sentinel_failover(MASTER)

    def restart(self, port: int) -> None:
        """One that was killed, as it was configured when it started first."""
        self._start(self._children[port].server)  # type: ignore[arg-type]

    def stop(self) -> None:
        for child in self._children.values():
            child.stop()
