"""How commands and servers end where what they need isn't there: a line, and no traceback."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db.utils import OperationalError

from common.errors import invalid
from exchange_site import command_line
from exchange_site.management.commands import migrate

ROOT = Path(settings.BASE_DIR)


def ended(*command: str, **variables: str) -> tuple[int, list[str]]:
    """The exit code, and what it said was wrong."""
    ran = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=os.environ | variables,
        check=False,
        capture_output=True,
        text=True,
    )
    return ran.returncode, ran.stderr.splitlines()


@pytest.fixture
def taken() -> Any:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


@pytest.mark.parametrize("command", ["migrate", "creategroups", "reconcile"])
def test_a_postgres_that_is_away_is_said_in_a_line(command: str) -> None:
    code, said = ended("manage.py", command, DATABASE_URL="postgres://us@127.0.0.1:1/exchange")
    assert (code, len(said)) == (1, 1), said
    assert said[0].startswith("error: Postgres: ")


def test_tables_that_are_not_there_yet_say_what_to_run() -> None:
    address, _, _ = os.environ["DATABASE_URL"].rpartition("/")
    code, said = ended("manage.py", "verifyaudit", DATABASE_URL=f"{address}/postgres")
    assert (code, len(said)) == (1, 1), said
    assert said[0].endswith("run manage.py migrate first")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KeyboardInterrupt(), 130),
        (OSError(28, "No space left on device", "/backups/base"), "error: /backups/base: No space"),
        (OperationalError("first\nsecond"), "error: Postgres: first"),
        (ValidationError({"id": ["Somebody made it."]}), "error: Somebody made it."),
        (invalid("qty", "Too much."), "error: Too much."),
    ],
)
def test_what_any_command_may_meet(
    error: BaseException, code: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meets(_: Any) -> None:
        raise error

    monkeypatch.setattr(command_line, "execute_from_command_line", meets)
    with pytest.raises(SystemExit) as ends:
        command_line.run(["manage.py", "some"])
    assert ends.value.code == code or str(ends.value.code).startswith(str(code))
    with pytest.raises((SystemExit, type(error))) as shown:
        command_line.run(["manage.py", "some", "--traceback"])
    assert isinstance(shown.value, SystemExit) is isinstance(error, KeyboardInterrupt)


@pytest.mark.django_db
def test_a_second_migrate_waits_for_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    @contextmanager
    def alone(lock: int) -> Iterator[bool]:
        asked.append(lock)
        yield len(asked) == 3

    monkeypatch.setattr(migrate, "alone", alone)
    monkeypatch.setattr(migrate, "ASK_EVERY_S", 0)
    out = StringIO()
    call_command("migrate", stdout=out)
    assert asked == [migrate.LOCK] * 3
    waited, *rest = out.getvalue().splitlines()
    assert waited == "another migrate is under way: waiting for it"
    assert rest[-1].strip() == "No migrations to apply."


def test_a_port_that_is_taken_is_said_before_anything_is_loaded(taken: int) -> None:
    code, said = ended("-m", "exchange_site.serve", "api", "--port", str(taken))
    why = f"error: can't listen at 127.0.0.1:{taken}: Address already in use"
    assert (code, said) == (1, [why])


@pytest.mark.parametrize("options", [("--port", "70000"), ("--workers", "0")])
def test_a_server_is_asked_for_what_can_be(options: tuple[str, str]) -> None:
    code, said = ended("-m", "exchange_site.serve", "feeds", *options)
    assert code == 2
    assert options[0] in said[-1]


def test_a_simulator_needs_an_address() -> None:
    code, said = ended("manage.py", "simulate", "--url", "127.0.0.1:8000")
    assert code == 2
    assert "http://" in said[-1]
