"""A run in which each disk fills up, and what it is made of."""

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from exchange_site.embedded.bootstrap import ROOT
from tests.disks.exchange import ARCHIVE, SIZES_BYTES, settings_of
from tests.disks.faults import FULL_DISKS
from tests.disks.places import NoDisks, SmallDisk
from tests.patience import PATIENCE_S

ROOM_BYTES = 8_000_000


@pytest.mark.drill
def test_nothing_is_lost_whichever_disk_is_full(folder: Path) -> None:
    options = ("--rate", "12", "--within", str(PATIENCE_S), "--data", str(folder / "exchange"))
    done = run("--seed", "21", *options)
    if done.returncode == 2:
        pytest.skip(done.stdout)
    assert done.returncode == 0, done.stdout
    assert "lost                 0\ndoubled              0\nclean\n" in done.stdout


def run(*options: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "tests.disks", *options],
        cwd=ROOT,
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=10 * PATIENCE_S,
        check=False,
    )


def test_where_nothing_can_be_mounted_nothing_is_proven(folder: Path) -> None:
    done = run("--data", str(folder / "exchange"), PATH="/nowhere")
    assert done.returncode == 2
    assert done.stdout == (
        "not run, nothing proven: no disks can be mounted here: mount is not installed\n"
    )


def test_a_disk_is_full_until_it_is_emptied(folder: Path) -> None:
    try:
        disk = SmallDisk(folder / "small", ROOM_BYTES)
    except NoDisks as why:
        pytest.skip(str(why))
    try:
        freed = disk.folder / "freed"
        freed.write_bytes(b"x" * 1_000_000)
        disk.fill()
        assert shutil.disk_usage(disk.folder).free == 0
        with pytest.raises(OSError, match="No space left") as refused:
            (disk.folder / "more").write_bytes(b"x")
        assert refused.value.errno == errno.ENOSPC
        disk.empty()
        (disk.folder / "more").write_bytes(b"x" * 1_000_000)
    finally:
        disk.remove()
    assert not os.path.ismount(disk.folder)


def test_each_disk_is_filled() -> None:
    assert {one.disk for one in FULL_DISKS} == SIZES_BYTES.keys()
    assert len({one.name for one in FULL_DISKS}) == len(FULL_DISKS)


def test_what_is_told_to_postgres_is_what_operators_are_given() -> None:
    told = dict(settings_of(ARCHIVE))
    assert told.keys() == {"wal_level", "archive_mode", "archive_command", "archive_timeout"}
    assert told["archive_mode"] == "'on'"
    assert told["archive_command"].startswith("'if test -e FOLDER/wal/%f; ")
