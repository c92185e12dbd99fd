"""A Redis Cluster of three masters with a replica each, from the redis-server of the wheel."""

import time
from functools import partial
from pathlib import Path
from typing import Any

import redis
from redis.crc import key_slot

from exchange_site.embedded import redis_server
from exchange_site.embedded.child import Child
from exchange_site.embedded.ports import free_port, is_free
from tests.flow.exchange import wait_for
from tests.patience import PATIENCE_S

# Of one master each. The demo's markets are near each other: so each master has one.
SLOTS = (range(11_000), range(11_000, 11_700), range(11_700, 16_384))
MASTERS = len(SLOTS)
NODE_TIMEOUT_MS = 1_500
KEY_TAKES_S = 0.3  # of a slot that moves, as if it were large
BUS_OFFSET = 10_000  # of the port on which its servers talk to each other


# What docs/operating.md says that its user may.
USER = "exchange"
RIGHTS = "~* +@all -@admin -@dangerous +info +role +cluster|slots"


class RedisCluster:
    """``url`` is what the exchange is told: a user who may no more than it needs."""

    def __init__(self, folder: Path, *, replicas: int = MASTERS, is_behind: bool = False) -> None:
        """``is_behind``: clients are sent to other ports, those in ``told``."""
        self._folder = folder
        self._is_behind = is_behind
        self.told: dict[int, int] = {}
        self._children: dict[int, Child] = {}
        self._password = ""
        self.ports = [self._start_new(f"node{number}") for number in range(MASTERS + replicas)]
        self.who = f"{USER}:{self._password}"
        self.places = ",".join(f"127.0.0.1:{port}" for port in self.told.values())
        self.url = f"redis+cluster://{self.who}@{self.places}"
        self._join(self.ports[:MASTERS], self.ports[MASTERS:])

    def _nodes(self, port: int) -> list[str]:
        with self.server(port) as server:
            nodes: Any = server.execute_command("CLUSTER NODES")
        return list(nodes)

    def _start_new(self, name: str) -> int:
        folder = self._folder / name
        if self._password:
            folder.mkdir(mode=0o700)
            (folder / "password").write_text(self._password)
        server = redis_server.prepare(folder, port=_port_with_bus())
        self._password = (folder / "password").read_text().strip()
        lines = [
            "cluster-enabled yes",
            f"cluster-node-timeout {NODE_TIMEOUT_MS}",
            f"masterauth {self._password}",
            "repl-diskless-sync-delay 0",
            f"user {USER} on >{self._password} {RIGHTS}",
        ]
        self.told[server.port] = free_port() if self._is_behind else server.port
        if self._is_behind:
            lines.append(f"cluster-announce-port {self.told[server.port]}")
            lines.append(f"cluster-announce-bus-port {server.port + BUS_OFFSET}")
        with (folder / "redis.conf").open("a") as configuration:
            configuration.write("\n".join(lines) + "\n")
        self._children[server.port] = Child(server, log=folder / "log").wait_ready()
        return server.port

    def _join(self, masters: list[int], replicas: list[int]) -> None:
        for number, port in enumerate(masters):
            with self.server(port) as server:
                server.execute_command("CLUSTER ADDSLOTS", *SLOTS[number])
                server.execute_command("CLUSTER SET-CONFIG-EPOCH", number + 1)
        for port in (*masters, *replicas):
            with self.server(port) as server:
                server.execute_command("CLUSTER MEET", "127.0.0.1", self.ports[0])
        for port in (*masters, *replicas):
            wait_for(partial(self._knows, port, len(self.ports)), "servers that know each other")
        for port, master in zip(replicas, masters, strict=False):
            with self.server(master) as server:
                name = server.execute_command("CLUSTER MYID")
            with self.server(port) as server:
                server.execute_command("CLUSTER REPLICATE", name)
        wait_for(self.is_well, "a cluster that is well")

    def server(self, port: int) -> redis.Redis:
        return redis.Redis(port=port, password=self._password, socket_timeout=PATIENCE_S)

    def _knows(self, port: int, count: int) -> bool:
        return len(self._nodes(port)) == count

    def living(self) -> list[int]:
        return [port for port in self.ports if self._children[port].process.poll() is None]

    def is_well(self) -> bool:
        """All that live say so, and no replica lags behind."""
        for port in self.living():
            with self.server(port) as server:
                about: Any = server.execute_command("CLUSTER INFO")
                if about["cluster_state"] != "ok":
                    return False
                link = server.info("replication")
                if link["role"] == "slave" and link["master_link_status"] != "up":
                    return False
        return True

    def masters_of(self, key: str) -> set[int]:
        """Its master's port; several while those that live don't agree."""
        slot = key_slot(key.encode())
        found = set()
        for port in self.living():
            with self.server(port) as server:
                server.response_callbacks.pop("CLUSTER SLOTS", None)
                parts: Any = server.execute_command("CLUSTER SLOTS")
            found |= {int(node[1]) for first, last, node, *_ in parts if first <= slot <= last}
        return found

    def master_of(self, key: str) -> int:
        (port,) = self.masters_of(key)
        return port

    def move(self, key: str, port: int) -> None:
        """The slot of that key, with all that is in it, to another master, as operators do it while
        clients go on: for a while some of its keys are here, and some there."""
        slot, source = key_slot(key.encode()), self.master_of(key)
        with self.server(source) as giving, self.server(port) as taking:
            names = [server.execute_command("CLUSTER MYID") for server in (giving, taking)]
            taking.execute_command("CLUSTER SETSLOT", slot, "IMPORTING", names[0])
            giving.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", names[1])
            while keys := giving.execute_command("CLUSTER GETKEYSINSLOT", slot, 1):
                there = ["127.0.0.1", port, "", 0, int(1_000 * PATIENCE_S)]
                giving.execute_command("MIGRATE", *there, "AUTH", self._password, "KEYS", *keys)
                time.sleep(KEY_TAKES_S)
        masters = [one for one in self.living() if self._is_master(one)]
        for one in (port, *(other for other in masters if other != port)):
            with self.server(one) as server:
                server.execute_command("CLUSTER SETSLOT", slot, "NODE", names[1])
        wait_for(lambda: self.masters_of(key) == {port}, "all to know where the slot is")

    def _is_master(self, port: int) -> bool:
        with self.server(port) as server:
            return bool(server.info("replication")["role"] == "master")

    def kill(self, port: int) -> None:
        process = self._children[port].process
        process.kill()
        process.wait()

    def restart(self, port: int) -> None:
        """One that was killed: it comes back as a replica of whoever took its slots."""
        child = self._children[port]
        self._children[port] = Child(child.server, log=child.log).wait_ready()

    def stop(self) -> None:
        for child in self._children.values():
            child.stop()


def _port_with_bus() -> int:
    while True:
        port = free_port()
        if is_free(port + BUS_OFFSET):
            return port
