"""No part starts beside one that it, or that one, would not understand."""

import os
import socket
import subprocess
import sys
import tomllib
from contextlib import closing, contextmanager

import pytest
import redis
from django.conf import settings

from common.redis_client import redis_client
from common.sharing.versions import (
    RELEASE,
    Attendance,
    VersionedPart,
    VersionRefused,
    check_beside_others,
    objection,
    parts_present,
    this_process,
)
from console.health.versions import versions_finding
from exchange_site.embedded.ports import free_port
from matching.messages.codec import CONTRACT
from tests.flow.exchange import wait_for

COMMANDS = {
    "worker": ["-m", "celery", "-A", "exchange_site", "worker", "-c", "1"],
    "engine": ["manage.py", "runengine"],
    "api": ["-m", "exchange_site.serve", "api"],
    "feeds": ["-m", "exchange_site.serve", "feeds"],
}
UPGRADE, TAKE_BACK = "upgrade every", "take back every"


def part(kind: str, minor: int, major: int = 1) -> VersionedPart:
    return VersionedPart(kind=kind, name="there", major=major, minor=minor)


@pytest.mark.parametrize(
    ("mine", "other", "words"),
    [
        (part("worker", 1), part("worker", 2), ""),
        (part("worker", 2), part("engine", 1), ""),
        (part("engine", 2), part("worker", 1), "upgrade every worker before the first engine"),
        (part("api", 2), part("worker", 1), "upgrade every worker before the first api"),
        (part("api", 2), part("engine", 1), "upgrade every engine before the first api"),
        (part("feeds", 2), part("engine", 1), "upgrade every engine before the first feeds"),
        (part("api", 2), part("feeds", 1), ""),
        (part("api", 1), part("engine", 2), ""),
        (part("worker", 1), part("engine", 2), "take back every engine before the first worker"),
        (part("engine", 1), part("api", 2), "take back every api before the first engine"),
        (part("engine", 1), part("engine", 1, major=2), "one of these major versions first"),
        (part("worker", 9), part("worker", 1, major=2), "one of these major versions first"),
    ],
    ids=str,
)
def test_who_may_run_beside_whom(mine, other, words):
    why = objection(mine, [mine, other])
    assert why.endswith(words)
    assert bool(why) == bool(words)


@contextmanager
def present(someone: VersionedPart):
    attendance = Attendance(someone, redis_client)
    attendance.start()
    try:
        wait_for(lambda: someone in parts_present(redis_client()), f"{someone} to be there")
        yield
    finally:
        attendance.stop()
    assert someone not in parts_present(redis_client())


def starts(kind: str, port: int = 0) -> subprocess.Popen[str]:
    served = ["--port", str(port or free_port())] if kind in ("api", "feeds") else []
    return subprocess.Popen(
        [sys.executable, *COMMANDS[kind], *served],
        cwd=settings.BASE_DIR,
        env=os.environ | {"REDIS_URL": settings.REDIS_URL, "DEMO": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("kind", COMMANDS)
def test_a_part_that_would_not_be_understood_ends_with_one_line(redis_db, kind):
    """Parts of another release are played by their leases; what starts is the real thing."""
    if kind == "worker":
        there, what_first = part("engine", CONTRACT.minor + 1), f"{TAKE_BACK} engine"
    else:
        there, what_first = part("worker", CONTRACT.minor - 1), f"{UPGRADE} worker"
    with present(there):
        process = starts(kind)
        said, _ = process.communicate()
    assert process.returncode == 1, said
    line = said.strip().splitlines()[-1]
    assert what_first in line
    assert str(there) in line
    assert "Traceback" not in said
    assert parts_present(redis_db) == []


@pytest.mark.parametrize("kind", ["engine", "feeds", "api"])
def test_a_part_starts_where_nobody_is_and_says_so_until_it_ends(redis_db, kind):
    process = starts(kind, port := free_port())
    try:
        (found,) = wait_for(lambda: parts_present(redis_db) or None, f"the {kind} to be there")
        assert (found.kind, found.release) == (kind, RELEASE)
        assert (found.major, found.minor) == CONTRACT
        if kind != "engine":
            wait_for(lambda: is_open(port), f"the {kind} to listen")
    finally:
        process.terminate()
        said, _ = process.communicate()
    assert process.returncode == 0, said
    assert parts_present(redis_db) == []


def test_a_part_of_a_release_that_says_more_is_understood(redis_db):
    name = '{"kind":"worker","name":"w","major":2,"minor":0,"release":"9.0","added_later":[]}'
    redis_db.zadd("exchange:parts", {name: 2**53})
    with pytest.raises(VersionRefused, match=r"worker w \(release 9\.0, messages 2\.0\)"):
        check_beside_others(this_process("engine", CONTRACT), redis_db)


def test_a_part_starts_while_redis_is_away():
    with closing(redis.Redis(port=free_port())) as away:
        check_beside_others(this_process("engine", CONTRACT), away)


def test_versions_that_are_mixed_are_on_the_status_page(redis_db):
    assert versions_finding(redis_db) == (True, "no part says which it runs")
    with present(part("worker", 2)):
        assert versions_finding(redis_db) == (True, "all run release 0.1.0, messages 1.2")
        with present(part("engine", 1)):
            well, words = versions_finding(redis_db)
            assert not well
            assert words == (
                "mixed: release 0.1.0, messages 1.2: worker there; "
                "release 0.1.0, messages 1.1: engine there"
            )
        with present(part("api", 3)):
            well, words = versions_finding(redis_db)
            assert not well
            assert "upgrade every worker" in words


def test_the_release_is_the_packages():
    project = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text())["project"]
    assert project["version"] == RELEASE
