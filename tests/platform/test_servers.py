"""The servers the tests themselves run on."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.db import connection


@pytest.mark.django_db
def test_database_is_postgresql_18() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        assert cursor.fetchone()[0].startswith("18.")


def test_redis_is_empty_and_writable(redis_db: redis.Redis) -> None:
    assert redis_db.dbsize() == 0
    redis_db.set("key", "value")
    assert redis_db.get("key") == b"value"


WHERE_A_WORKER_WORKS = """
import os
import time
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection


@pytest.mark.django_db
@pytest.mark.parametrize("number", [0, 1])
def test_where(number):
    place = f"{settings.REDIS_URL} {connection.settings_dict['NAME']}"
    seen = Path(os.environ["SEEN"])
    (seen / os.environ["PYTEST_XDIST_WORKER"]).write_text(place)
    deadline = time.monotonic() + 60
    while len(list(seen.iterdir())) < 2:  # so that each worker gets one of the two
        assert time.monotonic() < deadline
        time.sleep(0.05)
"""


@pytest.mark.drill  # a run of its own, with servers of its own
def test_workers_share_nothing(folder: Path) -> None:
    """Two xdist workers of one run, each with a Redis number and a database of its own."""
    seen = folder / "seen"
    seen.mkdir()
    # Its conftest is ours: the same file runs first, as it does for every test.
    (folder / "conftest.py").symlink_to(Path(settings.BASE_DIR) / "tests" / "conftest.py")
    probe = folder / "test_probe.py"
    probe.write_text(WHERE_A_WORKER_WORKS)
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTEST_", "DJANGO_SETTINGS", "DATABASE_URL", "REDIS_URL"))
    }
    options = ["-q", "-n", "2", "-p", "no:cacheprovider", "-c", "pyproject.toml", "--no-migrations"]
    subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(probe)],
        env=environment | {"SEEN": str(seen)},
        cwd=settings.BASE_DIR,
        check=True,
        capture_output=True,
    )
    places = [path.read_text().split() for path in seen.iterdir()]
    assert len(places) == 2
    assert places[0][0] != places[1][0]
    assert places[0][1] != places[1][1]
