"""A whole exchange, backed up while it trades, brought back to a moment, and reconciled."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import httpx
import psycopg
import pytest
from django.conf import settings
from django.db import connections

from exchange_site.backups import restoring, taking
from exchange_site.backups.checking import check_base
from exchange_site.backups.places import BackupFolder, BackupRefused
from exchange_site.embedded import postgres, redis_server
from exchange_site.embedded.child import Child
from exchange_site.embedded.ports import free_port
from exchange_site.embedded.processes import end, leftovers
from tests.feeds.conftest import database_url
from tests.patience import PATIENCE_S

ROOT = Path(settings.BASE_DIR)


def wait_until(holds: Callable[[], bool], what: str, within_s: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.1)


class Machine:
    """One folder with servers of its own."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.backups = folder / "backups"
        self._stack = stack
        self.archive = self.backups / "wal"
        self.archive.mkdir(parents=True)
        self.backups.chmod(0o777)
        self.archive.chmod(0o777)  # Postgres' user writes, and `backup` runs as another

    def serve_new(self) -> postgres.Postgres:
        server = postgres.prepare(self.folder / "first", port=free_port())
        with (server.data / "postgresql.auto.conf").open("a") as written:
            written.write(ARCHIVING.replace("FOLDER", str(self.backups)))
        return server

    @contextmanager
    def running(self, server: postgres.Postgres) -> Iterator[None]:
        child = Child(server, log=self.folder / f"{server.folder.name}.log", user=server.user)
        try:
            child.wait_ready()
            yield
        finally:
            child.stop()

    def new_redis(self, name: str) -> str:
        store = redis_server.prepare(self.folder / name, port=free_port())
        child = Child(store, log=self.folder / f"{name}.log")
        self._stack.callback(child.stop)
        child.wait_ready()
        return store.url()

    def environment(self, database: str, redis_url: str, **more: str) -> dict[str, str]:
        names = ("DATABASE_URL", "REDIS_URL", "EXCHANGE_DATA")
        kept = {name: value for name, value in os.environ.items() if name not in names}
        ours = {"DATABASE_URL": database, "REDIS_URL": redis_url, "EXCHANGE_DATA": str(self.data)}
        return kept | ours | more

    @property
    def data(self) -> Path:
        return self.folder / "var"

    @contextmanager
    def exchange(self, environment: dict[str, str]) -> Iterator[str]:
        """All of it, from `runexchange`; its address, once it is well."""
        port = free_port()
        ports = {"PORT": str(port), "FEEDS_PORT": str(free_port())}
        log = self.folder / f"run{port}.log"
        with log.open("wb") as output:
            run = subprocess.Popen(
                [sys.executable, "manage.py", "runexchange"],
                cwd=ROOT,
                env=environment | ports,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            ready = "Ctrl-C stops everything"
            wait_until(lambda: ready in log.read_text(), "an exchange", 4 * PATIENCE_S)
            yield f"http://127.0.0.1:{port}"
        finally:
            run.send_signal(signal.SIGTERM)
            run.wait(PATIENCE_S)
            end(leftovers(self.data))


def manage(environment: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )


def ask(url: str, statement: str) -> tuple:
    with psycopg.connect(url) as connection:
        found = connection.execute(statement).fetchone()
    assert found is not None
    return found


ARCHIVING = (ROOT / "deploy/postgres/archive.conf").read_text()
ORDERS = "SELECT count(*), max(created_at) FROM trading_order"


@pytest.mark.drill
def test_an_exchange_comes_back_at_a_moment(folder: Path) -> None:
    folder.chmod(0o755)
    with ExitStack() as stack:
        machine = Machine(folder, stack)
        first = machine.serve_new()
        with machine.running(first):
            first.make_database()
            environment = machine.environment(first.url(), machine.new_redis("redis"))
            with machine.exchange(environment | {"SIMULATE": "1"}):
                moment, orders = _trade_and_back_up(machine, environment, first.url())
            _archive_the_rest(machine, first.url())
        second = _restore(machine, environment, first, moment)
        with machine.running(second):
            # Postgres takes readers before it is at the moment; then it is a primary again.
            wait_until(
                lambda: ask(second.url(), "SELECT pg_is_in_recovery()") == (False,), "the moment"
            )
            count, newest = ask(second.url(), ORDERS)
            assert count >= orders
            assert newest <= moment
            environment = machine.environment(second.url(), machine.new_redis("empty"))
            with machine.exchange(environment | {"SIMULATE": "0"}) as url:
                wait_until(lambda: _is_healthy(url), "a healthy exchange")
                reconciled = manage(environment, "reconcile")
            assert reconciled.returncode == 0, reconciled.stdout + reconciled.stderr
            assert "No differences" in reconciled.stdout
            assert "NOT compared" not in reconciled.stdout


def _is_healthy(url: str) -> bool:
    return httpx.get(f"{url}/health", timeout=PATIENCE_S).status_code == 200


def _trade_and_back_up(
    machine: Machine, environment: dict[str, str], database: str
) -> tuple[datetime, int]:
    """A moment after the backup, and how many orders there were; more came since."""

    def has_more_than(orders: int) -> Callable[[], bool]:
        return lambda: ask(database, ORDERS)[0] > orders

    wait_until(has_more_than(50), "orders to back up")
    taken = manage(environment, "backup", str(machine.backups))
    assert taken.returncode == 0, taken.stderr
    assert re.fullmatch(r"\d{8}T\d{6}Z: taken and checked\n", taken.stdout)
    orders, _ = ask(database, ORDERS)
    wait_until(has_more_than(orders + 20), "orders after the backup")
    orders, _ = ask(database, ORDERS)
    (moment,) = ask(database, "SELECT clock_timestamp()")
    wait_until(has_more_than(orders + 20), "orders after the moment")
    return moment, orders


def _archive_the_rest(machine: Machine, database: str) -> None:
    (file,) = ask(database, "SELECT pg_walfile_name(pg_current_wal_lsn())")
    ask(database, "SELECT pg_switch_wal()")
    wait_until((machine.archive / file).exists, "the last of the archive")


def _restore(
    machine: Machine, environment: dict[str, str], first: postgres.Postgres, moment: datetime
) -> postgres.Postgres:
    second = replace(first, folder=machine.folder / "second", port=free_port())
    second.folder.mkdir(mode=0o755)
    shutil.copy2(first.folder / "password", second.folder)
    restored = manage(
        environment,
        "restore",
        str(machine.backups),
        str(second.data),
        "--to",
        moment.isoformat(),
    )
    assert restored.returncode == 0, restored.stderr
    if second.user is not None:
        for path in [second.folder, second.data, *second.data.rglob("*")]:
            shutil.chown(path, second.user)
    return second


def archive(folder: Path, file: Path) -> int:
    """As Postgres runs the command of archive.conf."""
    command = re.search(r"^archive_command = '(.*)'$", ARCHIVING, re.MULTILINE)
    assert command is not None
    (folder / "wal").mkdir(exist_ok=True)
    said = command[1].replace("FOLDER", str(folder))
    said = said.replace("%p", str(file)).replace("%f", file.name)
    return subprocess.run(["sh", "-c", said], check=False).returncode


def test_archiving_goes_on_after_postgres_died_between_a_file_and_hearing_of_it(
    folder: Path,
) -> None:
    file = folder / "000000010000000000000003"
    file.write_text("of the WAL")
    (folder / "wal").mkdir()
    (folder / "wal" / f"{file.name}.part").write_text("of one that was broken off")
    assert archive(folder, file) == 0
    assert archive(folder, file) == 0
    file.write_text("of another history")
    assert archive(folder, file) != 0
    assert {path.read_text() for path in (folder / "wal").iterdir()} == {"of the WAL"}


def test_a_copy_whose_wal_is_not_archived_is_no_backup(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking, "ARCHIVED_WITHIN_S", 0.0)
    backups = BackupFolder(folder)
    backups.wal.mkdir()
    with pytest.raises(BackupRefused, match="No older copy was dropped"):
        taking._require_archived(backups, "20300102T030405Z", "000000010000000000000003")
    (backups.wal / "000000010000000000000003").touch()
    taking._require_archived(backups, "20300102T030405Z", "000000010000000000000003")


def test_nothing_is_left_of_a_copy_that_found_no_room(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the disk stays full, and no WAL is archived on it."""
    backups = BackupFolder(folder)

    def copy(target: Path, _version: str) -> None:
        written_base(target.parent).rename(target)

    def full() -> None:
        raise OSError(28, "No space left on device", "backup.json")

    monkeypatch.setattr(taking, "_copy", copy)
    monkeypatch.setattr(taking, "_now", full)
    with taking._alone(backups), pytest.raises(OSError, match="No space left"):
        taking._take(backups, 7, "18")
    assert list(backups.bases.iterdir()) == []


def test_of_two_backups_at_once_the_second_is_refused(folder: Path) -> None:
    backups = BackupFolder(folder)
    refused = pytest.raises(BackupRefused, match="another backup")
    with taking._alone(backups), refused, taking._alone(backups):
        pass
    with taking._alone(backups):  # and once the first is over it may
        pass


def test_postgres_starts_on_no_half_of_a_copy(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = {"started_at": "2030-01-02T03:04:05Z", "finished_at": "2030-01-02T03:05:05Z"}
    written_base(folder / "backups/base/20300102T030405Z").rename(
        folder / "backups/base/20300102T030405Z/data"
    )
    described = json.dumps(taken | {"postgres": "18", "first_wal": "000000010000000000000003"})
    (folder / "backups/base/20300102T030405Z/backup.json").write_text(described)

    def full(*_: object) -> str:
        raise OSError(28, "No space left on device", "postgresql.auto.conf")

    with monkeypatch.context() as patch:
        patch.setattr(restoring, "_recovery", full)
        with pytest.raises(BackupRefused, match="No space left"):
            restoring.restore_backup(BackupFolder(folder / "backups"), folder / "new", None)
    assert not (folder / "new/PG_VERSION").exists()
    restoring.restore_backup(BackupFolder(folder / "backups"), folder / "other", None)
    assert (folder / "other/PG_VERSION").read_text() == "18\n"


def written_base(folder: Path) -> Path:
    """As pg_basebackup leaves it, with one file."""
    base = folder / "base"
    (base / "pg_wal").mkdir(parents=True)
    (base / "pg_wal" / "0001").write_text("not listed")
    (base / "PG_VERSION").write_text("18\n")
    digest = hashlib.sha256(b"18\n").hexdigest()
    file = {"Path": "PG_VERSION", "Size": 3, "Checksum": digest}
    body = f'{{ "Files": [\n{json.dumps(file)}\n],\n'
    whole = hashlib.sha256(body.encode()).hexdigest()
    (base / "backup_manifest").write_text(f'{body}"Manifest-Checksum": "{whole}"}}\n')
    return base


def test_a_copy_that_is_whole_is_taken(folder: Path) -> None:
    check_base(written_base(folder))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("PG_VERSION", "17\n"),  # of the same size
        ("PG_VERSION", None),
        ("more", "of something"),
        ("backup_manifest", '{ "Files": [\n],\n"Manifest-Checksum": "00"}\n'),
    ],
)
def test_a_copy_that_was_changed_is_refused(folder: Path, name: str, content: str | None) -> None:
    base = written_base(folder)
    if content is None:
        (base / name).unlink()
    else:
        (base / name).write_text(content)
    with pytest.raises(BackupRefused):
        check_base(base)


def test_the_server_is_spoken_to_as_its_address_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not in clear where TLS is asked for, and of two to the one that takes writes."""
    options = {"sslmode": "verify-full", "sslrootcert": "/a", "target_session_attrs": "primary"}
    of_address = {"HOST": "a,b", "PORT": "1,2", "OPTIONS": {**options, "connect_timeout": 3}}
    database = connections["default"]  # not what stands for it: that is undone by taking away
    monkeypatch.setattr(database, "settings_dict", {**database.settings_dict, **of_address})
    told = taking._connection()
    assert (told["PGHOST"], told["PGPORT"]) == ("a,b", "1,2")
    assert (told["PGSSLMODE"], told["PGSSLROOTCERT"]) == ("verify-full", "/a")
    assert told["PGTARGETSESSIONATTRS"] == "primary"
    assert "PGSSLKEY" not in told
    by_socket = {"HOST": "", "PORT": "", "OPTIONS": {"host": "/run/postgresql", "port": "5433"}}
    monkeypatch.setattr(database, "settings_dict", {**database.settings_dict, **by_socket})
    assert taking._connection()["PGHOST"] == "/run/postgresql"


@pytest.mark.django_db
def test_without_an_archive_nothing_is_taken(folder: Path) -> None:
    refused = manage(os.environ | {"DATABASE_URL": database_url()}, "backup", str(folder))
    assert refused.returncode == 1
    assert "archive_mode" in refused.stderr
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ([], "there is no backup"),
        (["--to", "2030-01-02T03:04:05"], "with its offset"),
        (["--to", "yesterday"], "with its offset"),
    ],
)
def test_what_can_not_be_restored_is_one_line(folder: Path, options: list[str], why: str) -> None:
    refused = manage(dict(os.environ), "restore", str(folder), str(folder / "new"), *options)
    assert refused.returncode == 1
    assert len(refused.stderr.splitlines()) == 1
    assert why in refused.stderr
    assert not (folder / "new").exists()
