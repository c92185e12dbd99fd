"""Keys at real servers: two processes, the feeds, paths as they are sent, counts at the end."""

import socket
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from django.conf import settings
from django.db import connection
from pytest_django.plugin import DjangoDbBlocker

from accounts.keys.services import delete_key
from accounts.models import ApiKey
from accounts.services import suspend_user
from common.redis_client import redis_client
from exchange_site.embedded.parts import api_command
from feeds.identity import AUTH_METHOD, AUTH_PATH
from tests.builders.keys import LET_IN, WRONG_ORDER, Key, make_ed25519_key, make_key
from tests.feeds.conftest import Ear, Feeds, serving
from tests.patience import PATIENCE_S
from tests.security import heard_soon
from tests.trading.client import Trader, order_body

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def served(
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Feeds]:
    """The API, with its feeds, of other processes than the one that revokes."""
    log = tmp_path_factory.mktemp("served") / "api.log"
    with (
        django_db_blocker.unblock(),
        serving(settings.REDIS_URL, redis_client(), log, _heard_soon) as api,
    ):
        yield api


def _heard_soon(port: int) -> list[str]:
    return [sys.executable, "-m", heard_soon.__name__, "api", "--port", str(port), "--workers", "2"]


@pytest.fixture
def served_alone(trader: Trader, redis_db: redis.Redis, folder: Path) -> Iterator[Feeds]:
    """For a test that ends it."""
    with serving(settings.REDIS_URL, redis_db, folder / "api.log", api_command) as api:
        yield api


def ask(
    api: Feeds, key: Key, method: str, target: str, body: bytes = b"", **headers: str
) -> httpx.Response:
    # A process that has yet to load Django lets requests wait, and their signatures grow old.
    signed = {
        name.removeprefix("HTTP_").replace("_", "-"): value
        for name, value in key.headers(method, target, body, window="60000").items()
    }
    site = api.url.replace("ws://", "http://").removesuffix("/ws")
    about = {"Content-Type": "application/json"} if body else {}
    return httpx.request(
        method,
        site + target,
        content=body or None,
        headers=signed | about | headers,
        timeout=PATIENCE_S,
    )


def sign_in(ear: Ear, key: Key, **said: Any) -> dict[str, Any]:
    signed = key.headers(AUTH_METHOD, AUTH_PATH, **said)
    return ear.ask(
        op="auth",
        key=key.public_id,
        timestamp=int(signed["HTTP_X_API_TIMESTAMP"]),
        signature=signed["HTTP_X_API_SIGNATURE"],
    )


def test_a_key_at_every_door_until_it_is_revoked(served: Feeds, trader: Trader) -> None:
    key, ed = make_key(trader), make_ed25519_key(trader, name="ed")
    for one in (key, ed):
        assert ask(served, one, "POST", "/order", WRONG_ORDER).status_code == LET_IN
        assert ask(served, one, "GET", "/user/orders?limit=1&status=open").status_code == 200
        # In its path as it was sent, though it means the same decoded.
        assert ask(served, one, "DELETE", "/ord%65r/17").json()["code"] == "ORDER_NOT_FOUND"
        assert ask(served, one, "GET", "/us%65r/orders").status_code == 200
        # Not in its plain form: Django's.
        plain = ask(served, one, "POST", "/order", WRONG_ORDER, Accept="application/json, */*")
        assert plain.status_code == LET_IN
    ear = served.connect()
    assert sign_in(ear, key)["op"] == "authenticated"
    assert ear.ask(op="subscribe", channels=["account"])["op"] == "subscribed"
    other = served.connect()
    assert sign_in(other, ed)["op"] == "authenticated"

    delete_key(trader.user.pk, key.key_id)
    deadline = time.monotonic() + PATIENCE_S
    assert ear.hear()["code"] == "INVALID_KEY"
    assert ear.ask(op="place", id=1, order=order_body())["code"] == "NOT_AUTHENTICATED"
    while ask(served, key, "POST", "/order", WRONG_ORDER).json()["code"] != "INVALID_KEY":
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert ask(served, ed, "POST", "/order", WRONG_ORDER).status_code == LET_IN
    suspend_user(trader.user)
    assert other.hear()["code"] == "ACCOUNT_SUSPENDED"


def test_feeds_take_what_is_signed_for_them_once(served: Feeds, trader: Trader) -> None:
    key = make_key(trader)
    blind = make_key(trader, name="blind", permissions=["trade"])
    stranger = Key(0, key.public_id, lambda message: key.sign(message + b"!"))
    ear = served.connect()
    assert sign_in(ear, stranger)["code"] == "INVALID_SIGNATURE"
    assert sign_in(ear, blind)["op"] == "authenticated"  # to trade; what is its own it may not hear
    assert ear.ask(op="subscribe", channels=["account"])["code"] == "SCOPE_MISSING"
    assert ear.ask(op="place", id=1, order=order_body())["op"] == "ack"
    reader = served.connect()
    assert sign_in(reader, make_key(trader, name="reader", permissions=["read"]))["op"]
    for request in (
        {"op": "place", "order": order_body()},
        {"op": "cancel", "orderId": 1},
        {"op": "cancelAll"},
        {"op": "amend", "order": {"orderId": 1, "qty": "1"}},
        {"op": "batch", "orders": [order_body()]},
        {"op": "countdown", "marketId": "BTC-PERP", "countdownMs": 1_000},
    ):
        assert reader.ask(id="no", **request)["code"] == "SCOPE_MISSING", request
    late = time.time_ns() // 1_000_000 - 6_000
    assert sign_in(ear, key, timestamp=late)["code"] == "TIMESTAMP_OUTSIDE_WINDOW"
    now = time.time_ns() // 1_000_000
    assert sign_in(ear, key, timestamp=now)["op"] == "authenticated"
    assert sign_in(served.connect(), key, timestamp=now)["code"] == "REPLAYED"
    rubbish: list[dict[str, Any]] = [
        {},
        {"token": "x", "key": key.public_id},
        {"key": "x"},
        {"key": key.public_id, "timestamp": -(2**63)},
        {"key": key.public_id, "timestamp": now, "window": 60_001, "signature": "0" * 64},
        {"key": "\u0000", "timestamp": now, "signature": "\u00e9" * 64},
        {"key": 5},
    ]
    for said in rubbish:
        assert ear.ask(op="auth", **said)["op"] == "error", said


def test_raw_rubbish_is_never_a_fault(served: Feeds, trader: Trader) -> None:
    key = make_key(trader)
    head = key.headers("POST", "/order", WRONG_ORDER)
    lines = [
        b"X-API-Key: %s\r\nX-API-Key: %s" % ((key.public_id.encode(),) * 2),
        b"X-API-Key: " + b"a" * 60_000,
        b"X-API-Key: \xff\xfe",
        b"X-API-Key:",
        b"X-API-Timestamp: " + b"9" * 5_000,
        b"X_API_Key: " + key.public_id.encode(),
    ]
    host, port = served.url.removeprefix("ws://").removesuffix("/ws").split(":")
    for line in lines:
        request = (
            b"POST /order HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            b"Content-Type: application/json\r\n%s\r\nX-API-Signature: %s\r\n"
            b"Content-Length: %d\r\n\r\n%s"
            % (line, head["HTTP_X_API_SIGNATURE"].encode(), len(WRONG_ORDER), WRONG_ORDER)
        )
        with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as client:
            client.sendall(request)
            status = client.recv(65_536).split(b" ", 2)[1]
        assert status in (b"400", b"401", b"431"), line[:40]


def test_what_was_counted_is_written_at_the_end(served_alone: Feeds, trader: Trader) -> None:
    served = served_alone
    key = make_key(trader)
    for _ in range(3):
        assert ask(served, key, "POST", "/order", WRONG_ORDER).status_code == LET_IN
    for _ in range(2):
        assert ask(served, key, "GET", "/user/orders").status_code == 200
    served.process.terminate()
    served.process.wait(PATIENCE_S)
    row = ApiKey.objects.get()
    assert (row.use_count, row.last_address) == (5, "127.0.0.1")


def test_the_table_of_keys_is_not_asked_per_request(served_alone: Feeds, trader: Trader) -> None:
    served = served_alone
    key = make_key(trader)
    asked = 200
    # Signed in the same millisecond, the same body would be the same request once more.
    bodies = (b'{"orders": []}' + b" " * at for at in range(asked))
    before = _scans()
    # Side by side: keys are read again every few seconds, and uses written, however few ask.
    with ThreadPoolExecutor(8) as askers:
        answers = askers.map(
            lambda body: ask(served, key, "POST", "/orders/batch", body).status_code, bodies
        )
        assert set(answers) == {LET_IN}
    served.process.terminate()  # what it did is counted by then
    served.process.wait(PATIENCE_S)
    assert _scans() - before < asked / 2


def _scans() -> int:
    """How often anybody has looked into the table, as far as Postgres has heard."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(seq_scan, 0) + coalesce(idx_scan, 0) FROM pg_stat_user_tables"
            " WHERE relname = 'accounts_apikey'"
        )
        (scans,) = cursor.fetchone()
    return int(scans)
