"""A database that the last release filled goes on under this one: nothing of it is lost, trade goes
on, also while it is migrated, all adds up, and it is made of what a new one is made of."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.sql import SQL, Composed, Identifier

from tests.contract.release import SCHEMA_COMMIT
from tests.contract.schema import schema_of
from tests.contract.trees import NEW, Load, RollingExchange, unpacked
from tests.feeds.conftest import database_url
from tests.flow.exchange import MARK_TICKS, MARKET, wait_for

pytestmark = pytest.mark.drill  # twice all processes of an exchange, one after another

SERVER = database_url().rpartition("/")[0]
FILLED, FRESH = "filled_before", "made_now"
PENDING = SQL("SELECT count(*) FROM trading_order WHERE status = 'pending'")
DEMO_MARKETS = "from tests.flow.demo import make_demo_markets; make_demo_markets()"
RULES = "console_alertrule"  # `migrate` brings those of new measures
LAST_TRADES = "trading_lasttrade"  # and a row for each market that has traded
NAMES = "trading_ordername"  # and one for each client order id
# Rows by which operators are let in are made anew by each `migrate`, as are its own.
_TABLES = """
    SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
       AND relkind IN ('r', 'p') AND NOT relispartition
       AND relname NOT IN ('django_migrations', 'django_content_type', 'auth_permission')
"""


@pytest.fixture
def databases() -> Iterator[None]:
    _on_server("DROP DATABASE IF EXISTS {} WITH (FORCE)")
    _on_server("CREATE DATABASE {}")
    yield
    _on_server("DROP DATABASE {} WITH (FORCE)")


def _on_server(statement: str) -> None:
    with psycopg.connect(f"{SERVER}/postgres", autocommit=True) as server:
        for name in (FILLED, FRESH):
            server.execute(SQL(statement).format(Identifier(name)))


@pytest.mark.usefixtures("databases", "redis_db")
def test_a_filled_database_goes_on(tmp_path: Path) -> None:
    old = unpacked(SCHEMA_COMMIT, tmp_path / "old")
    exchange = RollingExchange(tmp_path, LIMITS="0", DATABASE_URL=f"{SERVER}/{FILLED}")
    for words in (["migrate"], ["creategroups"], ["shell", "-c", DEMO_MARKETS]):
        manage(exchange, old, *words)
    try:
        with _running(exchange, "old", old):
            wait_for(lambda: exchange.ticker()["state"] == "ACTIVE", "an open market")
            exchange.set_mark(MARKET, MARK_TICKS, "50000")
            _trade(exchange)
        filled = _counts()
        assert filled["ledger_posting"] > filled["trading_fill"] > 0
        manage(exchange, NEW, "migrate")
        migrated = _counts()
        brought = {RULES: filled[RULES], LAST_TRADES: 0, NAMES: 0}
        assert migrated | brought == dict.fromkeys(migrated, 0) | filled
        assert migrated[RULES] >= filled[RULES]
        assert migrated[LAST_TRADES] == 1
        assert migrated[NAMES] == filled["trading_order"]
        with _running(exchange, "new", NEW):
            load = Load(exchange)
            with load.sent():
                load.goes_on()
                manage(exchange, NEW, "partitionorders")
                load.goes_on()
            assert load.refused == []
            wait_for(lambda: _count(PENDING) == 0, "no pending orders")
            assert "No differences" in manage(exchange, NEW, "reconcile", "--full")
    finally:
        exchange.stop()
    manage(exchange, NEW, "migrate", DATABASE_URL=f"{SERVER}/{FRESH}")
    assert schema_of(f"{SERVER}/{FILLED}") == schema_of(f"{SERVER}/{FRESH}")


@pytest.mark.usefixtures("databases", "redis_db")
def test_orders_are_taken_while_it_is_migrated(tmp_path: Path) -> None:
    """By the release before, which goes on."""
    old = unpacked(SCHEMA_COMMIT, tmp_path / "old")
    exchange = RollingExchange(tmp_path, LIMITS="0", DATABASE_URL=f"{SERVER}/{FILLED}")
    for words in (["migrate"], ["creategroups"], ["shell", "-c", DEMO_MARKETS]):
        manage(exchange, old, *words)
    try:
        with _running(exchange, "old", old):
            wait_for(lambda: exchange.ticker()["state"] == "ACTIVE", "an open market")
            exchange.set_mark(MARKET, MARK_TICKS, "50000")
            load = Load(exchange)
            with load.sent():
                load.goes_on()
                manage(exchange, NEW, "migrate")
                load.goes_on()
                refused = _run(exchange, NEW, "partitionorders")
                assert refused.returncode == 1
                assert "upgrade it first" in refused.stderr
                load.goes_on()
            assert load.refused == []
            wait_for(lambda: _count(PENDING) == 0, "no pending orders")
        with _running(exchange, "new", NEW):
            assert "No differences" in manage(exchange, NEW, "reconcile", "--full")
    finally:
        exchange.stop()


def _run(
    exchange: RollingExchange, tree: Path, *words: str, **variables: str
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=tree,
        env=exchange.environment | variables,
        check=False,
        capture_output=True,
        text=True,
    )


def manage(exchange: RollingExchange, tree: Path, *words: str, **variables: str) -> str:
    done = _run(exchange, tree, *words, **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def _running(exchange: RollingExchange, release: str, tree: Path) -> Iterator[None]:
    """Ended as it is stopped for good: who takes orders first, who writes them down last."""
    worker, engine, api = (f"{release}-{part}" for part in ("worker", "engine", "api"))
    exchange.start_worker(worker, tree)
    exchange.start_engine_named(engine, tree)
    exchange.start_api_named(api, tree)
    yield
    for name in (api, engine, worker):
        exchange.end(name)


def _trade(exchange: RollingExchange) -> None:
    load = Load(exchange)
    with load.sent():
        load.goes_on()
    assert load.refused == []
    wait_for(lambda: _count(PENDING) == 0, "no pending orders")


def _counts() -> dict[str, int]:
    with psycopg.connect(f"{SERVER}/{FILLED}") as connection:
        names = [name for (name,) in connection.execute(_TABLES)]
    return {name: _count(SQL("SELECT count(*) FROM {}").format(Identifier(name))) for name in names}


def _count(statement: SQL | Composed) -> int:
    with psycopg.connect(f"{SERVER}/{FILLED}") as connection:
        found = connection.execute(statement).fetchone()
    assert found is not None
    return int(found[0])
