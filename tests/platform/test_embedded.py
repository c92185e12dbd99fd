"""The embedded servers: made, found again, refused in one line when their folder is not sound."""

import os
import random
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from exchange_site.embedded import postgres, redis_server
from exchange_site.embedded.child import Child
from exchange_site.embedded.errors import ServiceError
from exchange_site.embedded.ports import FREE_PORTS, free_port, is_free
from exchange_site.embedded.processes import end, leftovers
from tests.patience import PATIENCE_S

StartPostgres = Callable[[], Child]


@pytest.fixture
def start_postgres(folder: Path) -> Iterator[StartPostgres]:
    children = []

    def start() -> Child:
        server = postgres.prepare(folder / "postgres", port=free_port(), durable=False)
        children.append(Child(server, log=folder / "postgres.log", user=server.user))
        return children[-1].wait_ready()

    yield start
    for child in children:
        child.stop()


def _url(child: Child, database: str = "postgres") -> str:
    assert isinstance(child.server, postgres.Postgres)
    return child.server.url(database)


def test_postgres_finds_its_data_again(start_postgres: StartPostgres) -> None:
    first = start_postgres()
    assert isinstance(first.server, postgres.Postgres)
    first.server.make_database()
    first.server.make_database()
    with psycopg.connect(_url(first, postgres.DATABASE)) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    first.stop()
    assert not psutil.pid_exists(first.process.pid)

    second = start_postgres()
    with psycopg.connect(_url(second, postgres.DATABASE)) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)


def test_postgres_wants_its_password(start_postgres: StartPostgres) -> None:
    url = _url(start_postgres())
    password = psycopg.conninfo.conninfo_to_dict(url)["password"]
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url.replace(str(password), "guessed"))


def test_secrets_are_for_us_alone(start_postgres: StartPostgres, folder: Path) -> None:
    start_postgres()
    redis_server.prepare(folder / "redis", port=free_port())
    secrets = [folder / "postgres" / "password", folder / "redis" / "password"]
    for path in [*secrets, folder / "redis" / "redis.conf"]:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for path in (folder / "postgres", folder / "postgres" / "data", folder / "redis"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_a_stale_pid_file_is_no_obstacle(start_postgres: StartPostgres, folder: Path) -> None:
    first = start_postgres()
    first.process.kill()
    first.process.wait()
    # Its own children leave on their own when the postmaster is gone, a moment later.
    _, alive = psutil.wait_procs(leftovers(folder), timeout=PATIENCE_S)
    assert not alive
    pid_file = folder / "postgres" / "data" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")  # reused by another
    start_postgres()


@pytest.mark.parametrize("missing", ["data/PG_VERSION", "data/global/pg_control", "password"])
def test_a_half_written_data_folder_is_refused(
    start_postgres: StartPostgres, folder: Path, missing: str
) -> None:
    start_postgres().stop()
    (folder / "postgres" / missing).unlink()
    with pytest.raises(ServiceError, match=r"half-written.*move it away"):
        start_postgres()


def test_an_interrupted_first_start_is_made_again(
    start_postgres: StartPostgres, folder: Path
) -> None:
    unfinished = folder / "postgres" / "data.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")
    start_postgres()
    assert not unfinished.exists()


def test_data_of_another_major_version_is_refused(
    start_postgres: StartPostgres, folder: Path
) -> None:
    start_postgres().stop()
    (folder / "postgres" / "data" / "PG_VERSION").write_text("16\n")
    with pytest.raises(ServiceError, match="PostgreSQL 16, not 18"):
        start_postgres()


def test_a_taken_port_is_named(folder: Path) -> None:
    port = free_port()
    store = redis_server.prepare(folder / "one", port=port)
    first = Child(store, log=folder / "one.log").wait_ready()
    try:
        second = Child(
            redis_server.prepare(folder / "two", port=port, durable=False), log=folder / "two.log"
        )
        second.process.wait()
        with pytest.raises(ServiceError, match=f"did not start|port {port} answers") as refused:
            second.wait_ready()
        assert "\n" not in str(refused.value)
    finally:
        first.stop()


def test_redis_keeps_what_it_acknowledged_and_evicts_nothing(folder: Path) -> None:
    for attempt in range(2):
        store = redis_server.prepare(folder / "redis", port=free_port())
        child = Child(store, log=folder / "redis.log").wait_ready()
        client = redis.Redis.from_url(store.url())
        if attempt == 0:
            client.set("kept", 7)
        assert client.get("kept") == b"7"
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("appendonly") == {"appendonly": "yes"}
        client.close()
        child.stop()


def test_leftovers_are_found_by_where_they_work(folder: Path) -> None:
    store = redis_server.prepare(folder / "redis", port=free_port())
    child = Child(store, log=folder / "redis.log").wait_ready()
    found = leftovers(folder)
    assert [process.pid for process in found] == [child.process.pid]
    end(found)
    assert child.process.wait() is not None
    assert leftovers(folder) == []


def test_free_ports_are_below_the_ephemeral_range_and_given_once() -> None:
    ports = [free_port() for _ in range(20)]
    assert all(port in FREE_PORTS for port in ports)
    assert len(set(ports)) == 20


def test_a_port_that_another_process_was_given_is_not_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its server has not started yet."""
    code = "from exchange_site.embedded.ports import free_port; print(free_port()); input()"
    command = [sys.executable, "-c", code]
    other = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    port = int(other.stdout.readline())
    assert is_free(port)
    one_more = free_port()
    others = range(port + 12_000, port + 12_100)  # some may be taken, by whomever
    monkeypatch.setattr(random, "sample", lambda ports, count: [port, one_more, *others])
    assert free_port(preferred=port) in others
    other.communicate("\n")
    assert free_port(preferred=port) == port
    assert free_port(preferred=port) == port  # its own, as a part that starts again
    assert FREE_PORTS.stop <= 32_768
