"""GET /health: to strangers, to monitors, and when a server is away."""

from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

import pytest
import redis
from django.db import connections
from django.test import Client

from common import redis_client as clients
from console.health.answer import latest
from exchange_site.embedded.health import monitor_headers
from markets.models import Market
from matching.messages.streams import (
    heartbeat_key,
)
from tests.admin.factories import make_market, make_user
from tests.admin.running_market import MARKET, health, run_market


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    latest.forget()
    clients.probe_redis_client.cache_clear()
    yield
    clients.probe_redis_client.cache_clear()


@pytest.fixture
def running(market: Market, redis_db: redis.Redis) -> redis.Redis:
    return run_market(market, redis_db)


def test_health_says_yes_and_how(running: redis.Redis) -> None:
    code, body = health()
    assert (code, body["status"], body["problems"]) == (HTTPStatus.OK, "ok", [])
    market = body["markets"][MARKET]
    assert market["state"] == "ACTIVE"
    assert market["engineLagEntries"] == 0
    assert market["persistenceLagEntries"] == 0
    assert market["engineHeartbeatAgeMs"] >= 0


def test_health_tells_strangers_whether_and_no_more(
    running: redis.Redis, client_of: Callable[[str], Client]
) -> None:
    forger = Client(headers={"Authorization": "Bearer of another token"})
    latest.forget()
    for stranger in (Client(), forger):
        assert stranger.get("/health").json() == {"status": "ok"}
    nobody = make_user("groupless", is_staff=True)
    groupless = Client()
    groupless.force_login(nobody)
    assert groupless.get("/health").json() == {"status": "ok"}
    assert MARKET in client_of("viewer").get("/health").json()["markets"]


def test_health_says_no_without_an_engine(running: redis.Redis) -> None:
    running.delete(heartbeat_key(MARKET))
    code, body = health()
    assert code == HTTPStatus.SERVICE_UNAVAILABLE
    assert body["problems"] == [f"{MARKET}: engine: no engine has been seen"]


def test_health_without_redis(market: Market, settings: Any, free_closed_port: int) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{free_closed_port}/0"
    code, body = health()
    assert code == HTTPStatus.SERVICE_UNAVAILABLE
    assert body["services"]["redis"]["status"] == "bad"
    assert body["services"]["postgres"]["status"] == "ok"
    assert body["markets"][MARKET]["persistenceLagMs"] is None


@pytest.mark.django_db(transaction=True)
def test_health_without_postgres(monkeypatch: pytest.MonkeyPatch, free_closed_port: int) -> None:
    make_market()
    connection = connections["default"]
    connection.close()
    with monkeypatch.context() as patch:
        patch.setitem(connection.settings_dict, "PORT", free_closed_port)
        code, body = health()
    assert code == HTTPStatus.SERVICE_UNAVAILABLE
    assert body["services"]["postgres"]["status"] == "bad"
    assert body["services"]["redis"]["status"] == "ok"
    assert "Traceback" not in str(body)
    assert health()[1]["services"]["postgres"]["status"] == "ok"


def test_health_is_worked_out_once_however_often_it_is_asked(
    running: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.health.answer.FRESH_FOR_S", 3_600)
    taken = {Client(headers=monitor_headers()).get("/health").json()["takenMs"] for _ in range(5)}
    assert len(taken) == 1


def test_health_refuses_other_methods_in_json(market: Market) -> None:
    response = Client().post("/health")
    assert response.status_code == HTTPStatus.METHOD_NOT_ALLOWED
    assert response.json()["code"] == "METHOD_NOT_ALLOWED"
