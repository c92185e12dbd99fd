"""A request that Postgres keeps waiting is answered, and soon."""

from collections.abc import Iterator

import psycopg
import pytest
import redis
from django.db import connection

from common.postgres import waiting
from ledger.models import Wallet
from tests.trading.client import Trader, make_market, make_trader, set_ticker
from trading.models import Order

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def alice(redis_db: redis.Redis) -> Trader:
    make_market()
    set_ticker(redis_db)
    return make_trader()


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As in the web parts, with less patience."""
    options = connection.settings_dict["OPTIONS"]
    before = options.get("options")
    monkeypatch.setattr(waiting, "STATEMENT_TIMEOUT_MS", 1_000)
    monkeypatch.setattr(waiting, "LOCK_TIMEOUT_MS", 300)
    connection.close()
    waiting.limit_waiting()
    yield
    options["options"] = before or ""
    connection.close()


def other_session() -> psycopg.Connection:
    parameters = connection.get_connection_params()
    names = ("dbname", "user", "password", "host", "port")
    return psycopg.connect(**{name: parameters[name] for name in names if name in parameters})


@pytest.mark.parametrize("table", ["ledger_wallet", "trading_order"])
def test_an_order_behind_a_lock_is_refused_and_holds_nothing(
    alice: Trader, limits: None, table: str
) -> None:
    with other_session() as operator:
        operator.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        answer = alice.place()
        assert (answer.status, answer.code) == (503, "DATABASE_UNAVAILABLE")
        operator.rollback()
    assert not Order.objects.exists()
    assert Wallet.objects.get(pk=alice.user.pk).held_units == 0
    assert alice.place().status == 202


@pytest.mark.parametrize("path", ["/user/orders", "/user/equity", "/admin/"])
def test_a_page_behind_a_lock_is_refused(alice: Trader, limits: None, path: str) -> None:
    alice.api._client.cookies["sessionid"] = "x" * 32  # so that the admin looks it up
    tables = "trading_order, ledger_wallet, accounts_staffsession"
    with other_session() as operator:
        operator.execute(f"LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE")
        answer = alice.api.get(path)
        assert (answer.status, answer.code) == (503, "DATABASE_UNAVAILABLE")
        operator.rollback()
    assert alice.api.get(path).status < 400


def test_a_statement_that_takes_too_long_is_ended_by_postgres(alice: Trader, limits: None) -> None:
    assert alice.place().status == 202
    with connection.cursor() as cursor:  # who reads an order falls asleep
        cursor.execute("ALTER TABLE trading_order RENAME TO awake")
        cursor.execute(
            "CREATE VIEW trading_order AS SELECT * FROM awake WHERE pg_sleep(60) IS NOT NULL"
        )
    try:
        answer = alice.api.get("/user/orders")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP VIEW trading_order")
            cursor.execute("ALTER TABLE awake RENAME TO trading_order")
    assert (answer.status, answer.code) == (503, "DATABASE_UNAVAILABLE")
