"""Real servers for the whole run: one PostgreSQL and one Redis, started before Django's settings.

Under xdist the workers share both: pytest-django gives each a database of its own, and here each
gets its own Redis database. Tests empty the Redis databases they are given.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import django
import pytest
import redis

from tests.builders.servers import start_servers
from tests.cheap_passwords import use_cheap_passwords
from tests.cheaper import (
    count_uses_by_hand,
    keep_connections,
    keep_permissions,
    show_factors_by_force,
    stop_engines_soon,
    use_cheap_flush,
    use_cheap_static_files,
)

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")


if WORKER:
    _url = urlsplit(os.environ["REDIS_URL"])
    _database = int(_url.path.strip("/") or 0) + 1 + int(WORKER.removeprefix("gw"))
    os.environ["REDIS_URL"] = _url._replace(path=f"/{_database}").geturl()
else:
    start_servers()
os.environ.setdefault("DJANGO_SECRET_KEY", "for tests, where nothing is secret: 0123456789abcdef")
os.environ.setdefault("API_KEY_SECRETS", "for tests: fedcba98765432100123456789abcdef")
os.environ.setdefault("HTTPS", "0")  # clients of the tests speak plain HTTP
os.environ.setdefault("PRICE_SOURCE_HOSTS", "127.0.0.1")  # where venues are played
os.environ.setdefault("FRESH_FACTOR_S", "7200")  # flows keep one operator for longer than minutes
os.environ.setdefault("PASSKEY_RP_ID", "testserver")
os.environ.setdefault("PASSKEY_ORIGINS", "http://testserver")
os.environ.setdefault("PARTITION_POSTINGS", "10000")  # a run of all tests crosses a border
os.environ.setdefault("PARTITION_ENTRIES", "10000")
os.environ.setdefault("PARTITION_FILLS", "10000")
os.environ.setdefault("PARTITION_ORDERS", "10000")
os.environ.setdefault("MONITOR_TOKEN", "for tests, where nothing is watched")
# Not in pyproject.toml: pytest-django would read the settings before this file could run.
os.environ["DJANGO_SETTINGS_MODULE"] = "exchange_site.settings"
django.setup()
use_cheap_passwords()
show_factors_by_force()
use_cheap_flush()
use_cheap_static_files()
keep_connections()
stop_engines_soon()
count_uses_by_hand()

import exchange_site.urls  # noqa: E402, F401  as in a process that serves pages
from tests.patience import be_patient, stand_still  # noqa: E402  Django must be set up first

be_patient()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Keep it from the workers for the same reason: this file must run there first, too."""
    os.environ.pop("DJANGO_SETTINGS_MODULE", None)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> None:
    """pytest-django's, and from then on a flush is cheaper."""
    keep_permissions()


@pytest.fixture
def redis_db() -> Iterator[redis.Redis]:
    """The process's Redis client, on an empty database of this test run's own."""
    from common.redis_client import redis_client

    client = redis_client()
    client.flushdb()
    yield client
    client.flushdb()


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """For who counts queries: how many there are doesn't depend on how long the test takes."""
    stand_still(monkeypatch)


@pytest.fixture
def alone(settings: Any) -> None:
    """As in the demo, whose operator is alone: no action takes two people that needn't always."""
    settings.DEMO = True


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not pytest's tmp_path: every pytest that starts closes the folder above it to other users."""
    path = Path(tempfile.mkdtemp(prefix="exchange-tests-"))
    yield path
    shutil.rmtree(path)
