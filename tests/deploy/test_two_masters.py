"""Sentinels that disagree, as after a cut: their newest word counts, for all of a process."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis

from common.redis.addresses import AddressedPool, NoMaster, async_pool
from exchange_site.embedded import redis_server
from exchange_site.embedded.child import Child
from exchange_site.embedded.ports import free_port
from matching.runtime.line import Line
from tests.builders.sentinel import MASTER, SentinelServer


class Disagreeing:
    """Two masters, and three sentinels: the first still names the old one."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder, self._stack = folder, stack
        self.old, self.new = self._master("old"), self._master("new")
        named = ((self.old, 1), (self.new, 2), (self.new, 2))
        self._sentinels = [self._sentinel(n, *word) for n, word in enumerate(named)]
        listed = ",".join(f"127.0.0.1:{one.port}" for one in self._sentinels)
        self.url = f"redis+sentinel://:password@{listed}/{MASTER}/0"
        self._new_words: list[Child] = []

    def _master(self, name: str) -> int:
        of_server = self._folder / name
        of_server.mkdir(mode=0o700)
        (of_server / "password").write_text("password")
        server = redis_server.prepare(of_server, port=free_port(), durable=False)
        self._start(server, name)
        return server.port

    def _sentinel(self, number: int, master: int, epoch: int) -> SentinelServer:
        of_server = self._folder / f"sentinel{number}"
        of_server.mkdir()
        server = SentinelServer(folder=of_server, port=free_port())
        (of_server / "sentinel.conf").write_text(
            f'bind 127.0.0.1\nport {server.port}\ndir "{of_server}"\n'
            f"sentinel monitor {MASTER} 127.0.0.1 {master} 2\n"
            f"sentinel auth-pass {MASTER} password\n"
            f"sentinel config-epoch {MASTER} {epoch}\n"
        )
        return server

    def _start(self, server: redis_server.RedisServer | SentinelServer, name: str) -> Child:
        child = Child(server, log=self._folder / f"{name}.log")
        self._stack.callback(child.stop)
        return child.wait_ready()

    def start_old_word(self) -> None:
        self._start(self._sentinels[0], "sentinel")

    def start_new_words(self) -> None:
        self._new_words = [self._start(one, str(one.port)) for one in self._sentinels[1:]]

    def stop_new_words(self) -> None:
        for child in self._new_words:
            child.stop()


@pytest.fixture
def disagreeing(folder: Path) -> Iterator[Disagreeing]:
    with ExitStack() as stack:
        yield Disagreeing(folder, stack)


def port_of(client: redis.Redis) -> int:
    return int(str(client.config_get("port")["port"]))


def test_the_newest_word_of_most_counts(disagreeing: Disagreeing) -> None:
    disagreeing.start_old_word()
    disagreeing.start_new_words()
    for _ in range(5):  # whoever answers first
        pool = AddressedPool.from_url(disagreeing.url)
        with redis.Redis.from_pool(pool) as client:
            assert port_of(client) == disagreeing.new

    async def asked() -> int:
        pool = async_pool(disagreeing.url)
        async with redis.asyncio.Redis.from_pool(pool) as client:
            return int(str((await client.config_get("port"))["port"]))

    assert asyncio.run(asked()) == disagreeing.new


def test_nothing_goes_to_the_old_master_once_a_newer_is_known(disagreeing: Disagreeing) -> None:
    disagreeing.start_old_word()
    pool = AddressedPool.from_url(disagreeing.url)
    client = redis.Redis.from_pool(pool)
    line, held = Line(client), pool.get_connection()
    line.send("PING")
    assert line.receive() == b"PONG"
    assert port_of(client) == disagreeing.old
    disagreeing.start_new_words()
    idle = [pool.get_connection() for _ in range(2)]  # one was opened before, one is new
    for one in (*idle, held):
        pool.release(one)
    assert [port_of(client) for _ in range(3)] == [disagreeing.new] * 3
    with pytest.raises(redis.ConnectionError, match="another master"):
        line.send("PING")
    line.send("CONFIG", "GET", "port")
    assert line.receive() == {b"port": str(disagreeing.new).encode()}
    disagreeing.stop_new_words()
    pool.disconnect()
    with pytest.raises(NoMaster):
        client.ping()
