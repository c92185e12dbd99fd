"""The exchange behind a real PgBouncer in transaction mode, few server connections, under load.

Whatever a session would have remembered (prepared statements, locks, limits) would fail here, since
every transaction gets another server connection than the one before.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from pytest_django.plugin import DjangoDbBlocker

from exchange_site.embedded.child import Child
from exchange_site.embedded.ports import free_port
from exchange_site.embedded.unprivileged import server_user
from tests.feeds.conftest import database_url
from tests.flow.demo import demo_on
from tests.flow.exchange import Exchange, Trader

ROOT = Path(settings.BASE_DIR)
POOL_SIZE = 6  # and some 40 connections to the pooler
TRADERS = 8
ROUNDS = 25

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.drill,
    pytest.mark.skipif(
        shutil.which("pgbouncer") is None, reason="no pgbouncer: apt-get install pgbouncer"
    ),
]


@dataclass(frozen=True)
class PgBouncer:
    """By the configuration that `deploy` has, with this database and these ports."""

    folder: Path
    port: int

    def write(self) -> None:
        server = urlsplit(database_url())
        text = (ROOT / "deploy/pgbouncer/pgbouncer.ini").read_text()
        where = (
            f"host={server.hostname} port={server.port} dbname={server.path[1:]}"
            f" user={server.username} password={server.password}"
        )
        text = re.sub(r"host=127\.0\.0\.1 port=5432 dbname=exchange", where, text)
        text = re.sub(r"pool_size=\d+", f"pool_size={POOL_SIZE}", text)
        text = re.sub(r"listen_port = \d+", f"listen_port = {self.port}", text)
        text = re.sub(r"auth_type = .*", "auth_type = any", text)
        text = re.sub(r"auth_file = .*", f"admin_users = {server.username}", text)
        (self.folder / "pgbouncer.ini").write_text(text)

    def command(self) -> list[str]:
        return ["pgbouncer", str(self.folder / "pgbouncer.ini")]

    def url(self, pool: str) -> str:
        return f"postgres://exchange@127.0.0.1:{self.port}/{pool}"

    def is_ready(self) -> bool:
        try:
            psycopg.connect(self.url("exchange")).close()
        except psycopg.OperationalError:
            return False
        return True

    def ask(self, question: str) -> list[dict]:
        """Of its own console, which knows no prepared statements and no transactions."""
        row = psycopg.rows.dict_row
        with psycopg.connect(self.url("pgbouncer"), autocommit=True) as console:
            return psycopg.ClientCursor(console, row_factory=row).execute(question).fetchall()


@pytest.fixture(scope="module")
def pooler(django_db_setup: None) -> Iterator[PgBouncer]:
    # It runs as no superuser, who would not come through pytest's own folders.
    with tempfile.TemporaryDirectory(prefix="exchange-pooler-") as made, ExitStack() as stack:
        folder = Path(made)
        folder.chmod(0o755)
        bouncer = PgBouncer(folder, free_port())
        bouncer.write()
        child = Child(bouncer, log=folder / "pgbouncer.log", user=server_user(folder))
        stack.callback(child.stop)
        child.wait_ready()
        yield bouncer


class PooledExchange(Exchange):
    """API and feeds by the pool that has limits, all others by the one that hasn't."""

    def __init__(self, logs: Path, pooler: PgBouncer) -> None:
        super().__init__(logs, POOLED="1", LIMITS="0", DATABASE_URL=pooler.url("exchange"))
        self._pooler = pooler

    def start_api(self) -> None:
        self._variables["DATABASE_URL"] = self._pooler.url("exchange_web")
        super().start_api()


@pytest.fixture(scope="module")
def exchange(
    pooler: PgBouncer, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PooledExchange]:
    running = PooledExchange(tmp_path_factory.mktemp("logs"), pooler)
    with demo_on(running, django_db_blocker):
        yield running


def trade(trader: Trader) -> Counter:
    """What traders do, by the status of each answer."""
    answers: Counter = Counter()
    for number in range(ROUNDS):
        side, price = ("LONG", "49990") if number % 2 else ("SHORT", "49990")
        placed = trader.try_to_place(side, "0.01", price)
        answers[placed.status_code] += 1
        for path in ("/user/orders", "/user/equity", "/user/positions", "/user/snapshot"):
            answers[trader.send("GET", path).status_code] += 1
        if number % 5 == 4 and placed.status_code == 202:
            order_id = placed.json()["orderId"]
            answers[trader.send("DELETE", f"/order/{order_id}").status_code] += 1
    return answers


def test_nothing_fails_under_load(exchange: PooledExchange, pooler: PgBouncer) -> None:
    traders = [exchange.trader() for _ in range(TRADERS)]
    with ThreadPoolExecutor(TRADERS) as pool:
        answers = sum(pool.map(trade, traders), Counter())
    assert {status for status in answers if status >= 500} == set(), answers
    assert answers[202] > TRADERS * ROUNDS / 2
    for trader in traders:
        trader.cancel_everything()
    pools = {one["database"]: one for one in pooler.ask("SHOW POOLS")}
    assert {"exchange", "exchange_web"} <= set(pools)
    servers = pooler.ask("SHOW SERVERS")
    clients = pooler.ask("SHOW CLIENTS")
    assert len(clients) > len(servers)
    assert len(servers) <= 2 * POOL_SIZE
    reconciled = subprocess.run(
        [sys.executable, "manage.py", "reconcile"],
        cwd=ROOT,
        env=exchange.environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert reconciled.returncode == 0, reconciled.stdout + reconciled.stderr
    assert "No differences" in reconciled.stdout


def test_requests_have_their_limits_from_the_pool(pooler: PgBouncer) -> None:
    """And those of workers have none."""
    limits = {}
    for pool in ("exchange", "exchange_web"):
        with psycopg.connect(pooler.url(pool), prepare_threshold=None) as asked:
            limits[pool] = [
                asked.execute(f"SHOW {name}").fetchone()
                for name in ("statement_timeout", "lock_timeout")
            ]
    assert limits == {"exchange": [("0",), ("0",)], "exchange_web": [("5s",), ("3s",)]}


def test_a_run_of_one_at_a_time_is_alone_through_the_pooler(
    exchange: PooledExchange, pooler: PgBouncer
) -> None:
    """A lock of a session would be some server connection's, and be left behind there."""
    code = (
        "import django; django.setup()\n"
        "from common.postgres.alone import alone\n"
        "with alone(7) as first, alone(7) as second:\n    print(first, second)\n"
        "with alone(7) as third:\n    print(third)\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=exchange.environment | {"DJANGO_SETTINGS_MODULE": "exchange_site.settings"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert said.stdout.split() == ["True", "False", "True"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 7")
        assert cursor.fetchone() == (0,)
