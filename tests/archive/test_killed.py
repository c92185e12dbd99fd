"""Postings go to files and come back while what moves them is killed, at moments nobody chose."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.conf import settings

from common.postgres.partitions import Partition
from persistence.reconciliation import reconcile
from tests.archive.commands import archived, attached, run, statements
from tests.feeds.conftest import database_url
from tests.reconcile.sealed import everything

pytestmark = [pytest.mark.drill, pytest.mark.django_db(transaction=True)]
KILLS = 30


def started(archive_dir: Path, *command: str) -> subprocess.Popen[bytes]:
    environment = {"DATABASE_URL": database_url(), "ARCHIVE_DIR": str(archive_dir)}
    return subprocess.Popen(
        [sys.executable, "manage.py", *command],
        cwd=settings.BASE_DIR,
        env=os.environ | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_killed_at_any_moment_it_is_taken_up_again(
    parts: list[Partition], archive_dir: Path
) -> None:
    """By SIGKILL, at moments from when it was started to when it would have ended. Whatever it
    came to, all is there once, and the next one goes on from it."""
    chance = random.Random(7)
    before = statements()
    names = {part.name for part in parts}
    began = time.monotonic()
    assert started(archive_dir, "archivepartitions", "--keep", "2").wait() == 0
    took_s = time.monotonic() - began
    cut_short = 0
    for _ in range(KILLS):
        gone = sorted(names & archived())
        command = ("restorepartition", gone[-1]) if gone else ("archivepartitions", "--keep", "2")
        process = started(archive_dir, *command)
        time.sleep(chance.uniform(0.5, 1.1) * took_s)
        process.kill()
        cut_short += process.wait() != 0
        assert archived() | attached() >= names
        assert not archived() & attached()
        assert statements() == before
        assert reconcile().differences == []
    assert cut_short > KILLS / 4
    run("archivepartitions", keep=2)
    assert archived() >= {part.name for part in parts[:2]}
    assert statements() == before
    assert everything().differences == []
    assert run("verifyarchive", rows=True).endswith("Every row has its place.\n")
