"""What the API answers, and what is true afterwards, while Redis or Postgres is away."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from django.db import close_old_connections, connection
from pytest_django import Settings

from common import redis_client as clients
from exchange_site.embedded.ports import free_port
from ledger.models import Wallet
from markets.models import MarketStatus
from matching.core.engine import Engine
from matching.messages.commands import (
    CancelAllOrders,
    CancelOrder,
    PlaceOrder,
    UpdateIndexPrice,
)
from matching.messages.events import OrderCancelled
from matching.messages.streams import input_stream
from tests.trading.client import Answer, Api, Trader, forget_caches, sent_commands, set_ticker
from tests.trading.servers import LosingProxy, Redis, SilentServer, database_at
from trading.commands.outbox import command_of_row
from trading.models import Order, OutboxCommand
from trading.tasks import resend_unseen_commands

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=["django", "intake"])
def server(request: pytest.FixtureRequest) -> str:
    return str(request.param)


STREAM = input_stream("BTC-PERP")


def forget_clients() -> None:
    for client in (clients.redis_client, clients._prompt_client, clients.probe_redis_client):
        client.cache_clear()


@pytest.fixture
def own_redis(trader: Trader, tmp_path: Path, settings: Settings) -> Iterator[Redis]:
    """The market's Redis, for this test alone. BTC-PERP has a ticker in it, and rows in Postgres
    that say the same."""
    MarketStatus.objects.filter(pk="BTC-PERP").update(state="ACTIVE", mark_price_ticks=250_000)
    OutboxCommand.objects.update(applied_seq=1)  # the market's configuration
    own = Redis(tmp_path)
    settings.REDIS_URL = own.server.url()
    forget_clients()
    set_ticker(clients.redis_client())
    yield own
    own.kill()
    forget_clients()


def sent() -> list[Any]:
    return sent_commands(clients.redis_client())


def age(seconds: float) -> None:
    with connection.cursor() as cursor:
        for table in ("trading_order", "trading_outboxcommand"):
            cursor.execute(
                f"UPDATE {table} SET created_at = created_at - make_interval(secs => %s)", [seconds]
            )


def engine_events(commands: list[Any]) -> list[Any]:
    """What an engine of the market makes of them."""
    engine = Engine()
    engine.apply(command_of_row(OutboxCommand.objects.get(command_type="ConfigureMarket")), 1)
    opening = OutboxCommand(
        pk=10**9,
        command_type="SetMarketState",
        payload={"type": "SetMarketState", "state": "ACTIVE"},
    )
    engine.apply(command_of_row(opening), 1)
    engine.apply(UpdateIndexPrice(index_price_ticks=250_000), 1)
    return [event for command in commands for event in engine.apply(command, 2)]


# --- Redis away -----------------------------------------------------------------------------------


def test_orders_and_cancels_are_accepted_and_sent_later(own_redis: Redis, trader: Trader) -> None:
    own_redis.kill()
    forget_caches()
    placed = trader.place(clientOrderId="mine")
    assert (placed.status, placed.body["status"]) == (202, "pending")
    order_id = placed.body["orderId"]
    assert trader.api.get(f"/order/{order_id}").body["status"] == "pending"
    assert Wallet.objects.get(pk=trader.user.pk).held_units > 0
    assert trader.place(clientOrderId="mine").body["orderId"] == order_id
    assert trader.api.delete(f"/order/{order_id}").status == 202
    assert trader.api.delete("/orders").status == 202

    own_redis.start()
    assert sent() == []
    age(60)
    resend_unseen_commands.apply(throw=True)
    place, cancel, cancel_all = sent()
    assert isinstance(place, PlaceOrder)
    assert isinstance(cancel, CancelOrder)
    assert isinstance(cancel_all, CancelAllOrders)
    cancelled = [e for e in engine_events(sent()) if isinstance(e, OrderCancelled)]
    assert [event.order_id for event in cancelled] == [order_id]


@pytest.mark.parametrize("path", ["/order/{}", "/orders", "/orders?marketId=BTC-PERP"])
def test_a_cancel_does_not_overtake_an_order_that_was_not_sent(
    own_redis: Redis, trader: Trader, path: str
) -> None:
    own_redis.kill()
    forget_caches()
    order_id = trader.place().body["orderId"]
    own_redis.start()
    clients._prompt_client.cache_clear()  # as if a second had passed
    assert trader.api.delete(path.format(order_id)).status == 202
    age(60)
    order = Order.objects.get(pk=order_id)
    resend_unseen_commands.apply(throw=True)  # would send the order behind its cancel
    cancelled = [e for e in engine_events(sent()) if isinstance(e, OrderCancelled)]
    assert [event.order_id for event in cancelled] == [order.pk]


def test_what_postgres_knows_is_read_and_what_is_live_is_refused(
    own_redis: Redis, trader: Trader
) -> None:
    order_id = trader.place().body["orderId"]
    own_redis.kill()
    forget_caches()
    for path in (
        f"/order/{order_id}", "/user/orders", "/user/positions", "/user/fills", "/user/equity",
        "/user/ledger", "/markets", "/markets/BTC-PERP", "/markets/BTC-PERP/trades",
    ):  # fmt: skip
        assert trader.api.get(path).status == 200, path
    for path in ("/markets/BTC-PERP/depth", "/markets/BTC-PERP/ticker"):
        answer = Api().get(path)
        assert (answer.status, answer.code) == (503, "REDIS_UNAVAILABLE")
    own_redis.start()
    clients._prompt_client.cache_clear()
    assert Api().get("/markets/BTC-PERP/ticker").status == 200


def test_one_request_waits_for_a_redis_that_hangs(
    own_redis: Redis, trader: Trader, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = SilentServer()
    settings.REDIS_URL = f"redis://127.0.0.1:{silent.port}/0"
    forget_clients()
    forget_caches()
    monkeypatch.setattr(clients, "AWAY_FOR_S", 3_600.0)
    monkeypatch.setattr(clients, "REQUEST_TIMEOUT_S", 0.2)
    try:
        answers = [trader.place(qty="0.01", margin="50") for _ in range(10)]
        assert [answer.status for answer in answers] == [202] * 10
        assert silent.taken == 1
        monkeypatch.setattr(clients, "AWAY_FOR_S", 0.0)
        # Orders wait behind those that were not sent; a price is asked for anew.
        forget_caches()
        assert trader.api.get("/markets/BTC-PERP/ticker").status == 503
        assert silent.taken > 1
    finally:
        silent.close()


# --- Postgres away --------------------------------------------------------------------------------

CALLS = [
    ("POST", "/auth/signup", {"username": "late", "password": "correct horse battery"}),
    ("POST", "/auth/signin", {"username": "late", "password": "correct horse battery"}),
    ("POST", "/user/onramp", {"amount": "10"}),
    ("GET", "/user/equity", None),
    ("GET", "/user/positions", None),
    ("GET", "/user/orders", None),
    ("GET", "/user/fills", None),
    ("GET", "/user/ledger", None),
    ("GET", "/order/1", None),
    ("DELETE", "/order/1", None),
    ("DELETE", "/orders", None),
    ("GET", "/markets", None),
    ("GET", "/markets/BTC-PERP/trades", None),
    ("GET", "/admin/", None),
]


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
def test_every_call_says_so_and_heals(trader: Trader, method: str, path: str, body: Any) -> None:
    data = _json(body)
    trader.api._client.cookies["sessionid"] = "x" * 32  # so that the admin looks it up
    with database_at(free_port()):  # nothing listens there
        forget_caches()
        answer = trader.api.send(method, path, data)
        assert (answer.status, answer.code) == (503, "DATABASE_UNAVAILABLE")
        placed = trader.place()
        assert (placed.status, placed.code) == (503, "DATABASE_UNAVAILABLE")
    assert trader.api.send(method, path, data).status < 500
    assert trader.place().status == 202


def _json(body: Any) -> bytes:
    return b"" if body is None else json.dumps(body).encode()


def _direct() -> psycopg.Connection:
    parameters = connection.get_connection_params()
    names = ("dbname", "user", "password", "host", "port")
    return psycopg.connect(**{name: parameters[name] for name in names if name in parameters})


def test_a_backend_killed_in_the_middle_of_an_order(trader: Trader, redis_db: redis.Redis) -> None:
    answers: list[Answer] = []

    def place() -> None:
        try:
            answers.append(trader.place(clientOrderId="once"))
        finally:
            connection.close()

    with _direct() as blocker, _direct() as killer:
        blocker.execute(
            "SELECT 1 FROM ledger_wallet WHERE user_id = %s FOR UPDATE", [trader.user.pk]
        )
        placing = threading.Thread(target=place)
        placing.start()
        killed = None
        while killed is None:
            killed = killer.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE wait_event_type = 'Lock' AND query LIKE '%FROM ledger_wallet%' "
                "AND datname = current_database() AND pid <> pg_backend_pid()"
            ).fetchone()
            killer.rollback()
        placing.join()
    assert [(answer.status, answer.code) for answer in answers] == [(503, "DATABASE_UNAVAILABLE")]
    assert not Order.objects.exists()
    assert Wallet.objects.get(pk=trader.user.pk).held_units == 0
    assert trader.place(clientOrderId="once").status == 202
    assert Order.objects.count() == 1


def test_an_answer_lost_after_the_commit_and_the_traders_retry(
    trader: Trader, redis_db: redis.Redis
) -> None:
    parameters = connection.get_connection_params()
    proxy = LosingProxy(parameters["host"], int(parameters["port"]))
    try:
        with database_at(proxy.port):
            assert trader.api.get("/user/orders").status == 200  # what comes before is not lost
            proxy.lose_answer_to(b'"once"')
            first = trader.place(clientOrderId="once")
            assert proxy.lost.is_set()
            assert (first.status, first.code) == (503, "DATABASE_UNAVAILABLE")
            close_old_connections()  # as before every request; the test client leaves it out
            again = trader.place(clientOrderId="once")
    finally:
        proxy.close()
    order = Order.objects.get()
    assert (again.status, again.body["orderId"]) == (200, order.pk)
    assert Wallet.objects.get(pk=trader.user.pk).held_units == order.held_units
    assert redis_db.xlen(STREAM) == 0  # the first died before publishing: sent again in time
    age(60)
    resend_unseen_commands.apply(throw=True)
    assert [command.order_id for command in sent() if isinstance(command, PlaceOrder)] == [order.pk]
