"""What servers of ours write, with a umask of 077 as runexchange has, is for their owner alone."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from exchange_site.embedded import redis_server
from exchange_site.embedded.child import Child
from exchange_site.embedded.ports import free_port


@pytest.fixture(params=[0o077, 0o022], ids=["our umask", "anybody's umask"])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_append_only_files_and_logs_are_for_their_owner(umask: int, folder: Path) -> None:
    data = folder / "redis"
    server = redis_server.prepare(data, port=free_port())
    child = Child(server, log=data / "redis.log").wait_ready()
    try:
        with redis.Redis.from_url(server.url()) as client:
            client.set("private", "what a trader did")
            client.bgrewriteaof()
    finally:
        child.stop()
    files = [path for path in data.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} >= {".aof", ".log"}
    # Whoever may not enter the folder reaches no file in it, whatever the files say.
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    if umask == 0o077:
        assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
