"""What keeps `runexchange` from starting is said in one line, with exit status 1."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from exchange_site.embedded import bootstrap
from exchange_site.embedded.errors import ServiceError
from exchange_site.embedded.ports import free_port
from tests.patience import PATIENCE_S

ROOT = bootstrap.ROOT


def environment(data: Path, **more: str) -> dict[str, str]:
    """As a newcomer's shell has it: nothing of the test run's own servers and settings."""
    ours = ("DATABASE_URL", "REDIS_URL", "DJANGO_SECRET_KEY", "EXCHANGE_DATA")
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    return kept | {"EXCHANGE_DATA": str(data), "SIMULATE": "0"} | more


def refused(data: Path, **more: str) -> str:
    """The one line that runexchange says before it exits with 1."""
    given = {"PORT": str(free_port()), "FEEDS_PORT": str(free_port())} | more
    result = subprocess.run(
        [sys.executable, "manage.py", "runexchange"],
        cwd=ROOT,
        env=environment(data, **given),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert result.returncode == 1, result.stdout + result.stderr
    assert len(result.stderr.splitlines()) == 1, result.stderr
    return result.stderr


@pytest.mark.parametrize("variable", ["PORT", "FEEDS_PORT"])
def test_a_port_in_use_is_named(folder: Path, variable: str) -> None:
    with socket.create_server(("127.0.0.1", free_port())) as taken:
        port = taken.getsockname()[1]
        said = refused(folder, **{variable: str(port)})
    assert f"port {port} is in use" in said
    assert variable in said


def test_two_parts_at_one_port_are_named(folder: Path) -> None:
    port = str(free_port())
    assert "PORT and FEEDS_PORT" in refused(folder, PORT=port, FEEDS_PORT=port)


def test_what_was_refused_is_not_kept_for_the_next_start(folder: Path) -> None:
    (folder / "key").write_text("too short\n")
    said = refused(
        folder, DJANGO_SECRET_KEY_FILE=str(folder / "key"), DATABASE_URL="postgres://h/n"
    )
    assert "DJANGO_SECRET_KEY" in said
    assert "not both" not in said
    assert not (folder / "services.env").exists()


def test_a_folder_that_is_a_file_is_named(folder: Path) -> None:
    (folder / "file").touch()
    assert "EXCHANGE_DATA" in refused(folder / "file" / "var")


@pytest.mark.parametrize(
    ("variable", "value"), [("PORT", "http"), ("PORT", "70000"), ("SIMULATE", "maybe")]
)
def test_a_setting_that_makes_no_sense_is_named(folder: Path, variable: str, value: str) -> None:
    assert f"{variable}={value}" in refused(folder, **{variable: value})


def test_a_half_written_folder_is_named(folder: Path) -> None:
    (folder / "postgres" / "data").mkdir(parents=True)
    assert "half-written" in refused(folder)


def test_a_second_run_on_the_same_folder_is_refused(folder: Path) -> None:
    lock = bootstrap._lock(folder)
    try:
        said = refused(folder)
    finally:
        os.close(lock)
    assert f"already runs on {folder} (pid {os.getpid()})" in said


def test_a_full_disk_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = SimpleNamespace(free=5_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(ServiceError, match="5 MB left"):
        bootstrap._make_folder(folder)
