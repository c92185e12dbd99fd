"""The API as `make run` serves it: one port for order intake and for all of Django."""

import http.client
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis
from django.conf import settings
from django.db import connection
from pytest_django.plugin import DjangoDbBlocker
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from exchange_site.embedded.parts import api_command
from exchange_site.embedded.ports import free_port
from tests.feeds.conftest import database_url
from tests.patience import PATIENCE_S
from tests.trading.client import Trader, order_body
from tests.trading.test_resilience import _direct
from trading.models import Order

pytestmark = pytest.mark.django_db(transaction=True)


class Served:
    """By one process: what more of them share is asked of a whole exchange (`tests.flow`)."""

    def __init__(self, log: Path, processes: int = 1) -> None:
        self.port = free_port()
        environment = {"DATABASE_URL": database_url(), "REDIS_URL": settings.REDIS_URL}
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                api_command(self.port, processes),
                env=os.environ | environment,
                stdout=output,
                stderr=output,
            )
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                self.connect().request("GET", "/markets")
                return
            except OSError:
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.1)

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


@pytest.fixture(scope="module")
def served(
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Served]:
    """One for all: it takes longer to start than a test to run."""
    with django_db_blocker.unblock():
        served = Served(tmp_path_factory.mktemp("served") / "api.log")
    yield served
    served.stop()


@pytest.fixture
def served_alone(transactional_db: None, tmp_path: Path) -> Iterator[Served]:
    """For a test that ends it."""
    served = Served(tmp_path / "api.log")
    yield served
    served.stop()


def ask(
    to: http.client.HTTPConnection, trader: Trader, method: str, path: str, body: bytes = b""
) -> tuple[int, Any]:
    headers = {
        "Authorization": f"Bearer {trader.api.token}",
        "Content-Type": "application/json",
    }
    to.request(method, path, body, headers)
    answer = to.getresponse()
    data = answer.read()
    return answer.status, json.loads(data) if data.startswith(b"{") else data


def test_one_connection_for_everything(trader: Trader, served: Served) -> None:
    to = served.connect()
    order = json.dumps(order_body(clientOrderId="mine")).encode()
    status, placed = ask(to, trader, "POST", "/order", order)
    assert status == 202
    assert ask(to, trader, "POST", "/order", order)[0] == 200
    path = f"/order/{placed['orderId']}"
    assert ask(to, trader, "GET", path)[1]["clientOrderId"] == "mine"
    assert ask(to, trader, "PUT", "/order")[0] == 405
    batch = json.dumps({"orders": [order_body(), order_body(qty="x")]}).encode()
    status, answer = ask(to, trader, "POST", "/orders/batch", batch)
    assert (status, [item["ok"] for item in answer["results"]]) == (202, [True, False])
    assert ask(to, trader, "DELETE", path)[0] == 202
    refresh = json.dumps({"refresh": trader.refresh}).encode()
    assert "token" in ask(to, trader, "POST", "/auth/refresh", refresh)[1]  # a body for Django
    assert ask(to, trader, "GET", "/docs")[0] == 200
    to = served.connect()  # a server may close on a body that it won't read
    status, answer = ask(to, trader, "POST", "/order", b" " * 1_000_001)
    assert (status, answer["code"]) == (413, "PAYLOAD_TOO_LARGE")


def test_workers_end_with_a_main_process_that_was_killed(trader: Trader, tmp_path: Path) -> None:
    served = Served(tmp_path / "api.log", processes=2)
    workers = psutil.Process(served.process.pid).children(recursive=True)
    assert len(workers) > 2
    served.process.kill()
    served.process.wait()
    _, alive = psutil.wait_procs(workers, PATIENCE_S)
    assert alive == []
    with socket.create_server(("127.0.0.1", served.port)):
        pass


def test_what_was_taken_is_answered_after_the_signal_to_stop(
    trader: Trader, served_alone: Served, redis_db: redis.Redis
) -> None:
    served = served_alone
    answers: list[Any] = []

    def place() -> None:
        order = json.dumps(order_body()).encode()
        answers.append(ask(served.connect(), trader, "POST", "/order", order))

    client = connect(f"ws://127.0.0.1:{served.port}/ws")
    say(client, "authenticated", op="auth", token=trader.api.token)
    with _direct() as blocker:
        blocker.execute(
            "SELECT 1 FROM ledger_wallet WHERE user_id = %s FOR UPDATE", [trader.user.pk]
        )
        placing = threading.Thread(target=place)
        placing.start()
        with _direct() as watcher:
            while not watcher.execute(
                "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                " AND datname = current_database()"
            ).fetchone():
                watcher.rollback()
        say(client, None, op="place", id=1, order=order_body(clientOrderId="over a socket"))
        say(client, "pong", op="ping")  # messages are taken one after another
        served.process.send_signal(signal.SIGTERM)
        blocker.rollback()
    placing.join()
    served.process.wait()
    with suppress(ConnectionClosed):
        for _ in client:
            pass
    ((status, body),) = answers
    assert status == 202
    # Of the socket's perhaps nobody heard; it is placed as well, and once.
    by_name = dict(Order.objects.values_list("client_order_id", "pk"))
    assert by_name.keys() == {None, "over a socket"}
    assert by_name[None] == body["orderId"]
    assert redis_db.xlen("orders:input:{BTC-PERP}") == 2
    connection.close()


def say(client: ClientConnection, heard: str | None, **message: Any) -> None:
    client.send(json.dumps(message))
    while heard is not None and json.loads(client.recv(PATIENCE_S))["op"] != heard:
        pass


def chunked(served: Served, trader: Trader, call: str, *chunks: bytes, coding: str = "") -> Any:
    """Status and body of a call in raw chunks, none of which has a length of the whole."""
    head = (
        f"{call} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {trader.api.token}\r\n"
        f"Content-Type: application/json\r\nTransfer-Encoding: {coding or 'chunked'}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", served.port), PATIENCE_S) as client:
        client.sendall(head.encode())
        for chunk in (*chunks, b""):
            client.sendall(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        answer = http.client.HTTPResponse(client)
        answer.begin()
        return answer.status, json.loads(answer.read())


def test_a_body_in_chunks_is_a_body(trader: Trader, served: Served) -> None:
    order = json.dumps(order_body(clientOrderId="mine")).encode()
    status, placed = chunked(served, trader, "POST /order", order[:9], order[9:])  # intake's
    assert status == 202
    status, changed = chunked(served, trader, "POST /user/leverage/BTC-PERP", b'{"leverage": 9}')
    assert (status, changed["leverage"]) == (200, 9)  # Django's
    path = f"/order/{placed['orderId']}"
    for call in (
        *(f"DELETE {path}", "DELETE /orders/batch?orderIds=1", "DELETE /orders/batch?orderIds=x"),
        *("DELETE /order?clientOrderId=mine", "DELETE /orders", f"GET {path}", "GET /markets"),
    ):
        status, refused = chunked(served, trader, call, b"{", b"}")
        assert (status, refused["code"], refused["field"]) == (400, "UNKNOWN_FIELD", "body"), call
    status, twice = chunked(served, trader, "POST /order", order[:-1], b', "qty": 1}')
    assert (status, twice["code"], twice["field"]) == (400, "UNKNOWN_FIELD", "qty")
    status, large = chunked(served, trader, "POST /order", *[b" " * 500_001] * 2)
    assert (status, large["code"]) == (413, "PAYLOAD_TOO_LARGE")
    status, _ = chunked(served, trader, "POST /order", order, coding="gzip, chunked")
    assert status == 411
    assert Order.objects.get().status == "pending"
    assert chunked(served, trader, f"DELETE {path}")[0] == 202  # in no chunks: there is no body
