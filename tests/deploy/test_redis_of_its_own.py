"""A second Redis for tasks, cache and limits: each goes there alone, and is missed there."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import redis
from django.conf import settings
from pytest_django.plugin import DjangoDbBlocker

from accounts.keys.replays import Replays, Spent
from accounts.models import ServedRequest
from common.redis_client import redis_client
from tests.flow.demo import demo_on
from tests.flow.exchange import Exchange, Trader, wait_for
from tests.trading.servers import Redis

pytestmark = [pytest.mark.django_db, pytest.mark.drill]


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    server = Redis(tmp_path_factory.mktemp("beside"))
    yield server
    server.kill()


def store_of(server: Redis, database: int) -> redis.Redis:
    return redis.Redis.from_url(server.server.url(database))


BROKER, CACHE, LIMITS = 1, 2, 3


@pytest.fixture(scope="module")
def exchange(
    beside: Redis,
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Exchange]:
    urls = {
        "BROKER_URL": beside.server.url(BROKER),
        "CACHE_URL": beside.server.url(CACHE),
        "LIMITS_URL": beside.server.url(LIMITS),
    }
    running = Exchange(tmp_path_factory.mktemp("logs"), **urls)
    with demo_on(running, django_db_blocker):
        yield running


def names(store: redis.Redis) -> set[str]:
    """Of all keys there, up to what differs between two of a kind."""
    found: Any = store.keys()
    return {":".join(key.decode().split(":")[:2]).partition(".")[0] for key in found}


def fill(exchange: Exchange) -> None:
    maker, taker = exchange.trader(), exchange.trader()
    maker.place("SHORT", "0.01", "50010")
    taking = taker.place("LONG", "0.01", "50010")
    taker.wait_until(taking, "filled")


KEEP = "from django.core.cache import cache; cache.set('a', 1)"
ASK = """
from datetime import UTC, datetime
from accounts.models import ServedRequest
from accounts.tasks import forget_old_sessions
ServedRequest.objects.create(digest="b" * 64, good_until=datetime(2020, 1, 1, tzinfo=UTC))
forget_old_sessions.delay()
"""


def do_a_task(exchange: Exchange) -> None:
    """One that a worker does, and that leaves something to see."""
    run(exchange, ASK)
    wait_for(lambda: not ServedRequest.objects.exists(), "a task to be done")


def run(exchange: Exchange, script: str) -> None:
    ran = subprocess.run(
        [sys.executable, "manage.py", "shell", "-c", script],
        cwd=settings.BASE_DIR,
        env=exchange.environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr


def counts(trader: Trader, server: Redis) -> bool:
    """A budget is gone once it is full again: look right after it was spent of."""
    trader.get("/user/orders")
    return "limits:budget" in names(store_of(server, LIMITS))


def health(exchange: Exchange) -> tuple[int, list[str]]:
    monitor = {"Authorization": f"Bearer {os.environ['MONITOR_TOKEN']}"}
    answer = exchange.http.get("/health", headers=monitor)
    problems = answer.json()["problems"]
    return answer.status_code, [one for one in problems if "does not answer" in one]


def test_each_goes_to_its_own(exchange: Exchange, beside: Redis) -> None:
    fill(exchange)
    do_a_task(exchange)
    run(exchange, KEEP)
    assert "_kombu" in names(store_of(beside, BROKER))
    assert names(store_of(beside, CACHE)) == {"cache:1"}
    wait_for(partial(counts, exchange.trader(), beside), "budgets counted there")
    ours = names(redis_client())
    assert "orders:input" in ours
    assert not ours & {"_kombu", "cache:1", "limits:budget"}


def test_served_requests_are_remembered_beside_the_limits(
    beside: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "LIMITS_URL", beside.server.url(LIMITS))
    spent = Spent("a" * 64, 1, time.time_ns() // 1_000_000 + 60_000)
    assert [bool(why) for why in Replays().refuse([spent, spent])] == [False, True]
    assert "accounts:keys" in names(store_of(beside, LIMITS))
    assert "accounts:keys" not in names(redis_client())


def test_trading_goes_on_without_it(exchange: Exchange, beside: Redis) -> None:
    assert health(exchange) == (200, [])
    beside.kill()
    try:
        fill(exchange)
        missed = ["Broker", "Cache", "Limits"]
        wait_for(
            lambda: health(exchange) == (200, [f"{one}: does not answer" for one in missed]),
            "a warning",
        )
    finally:
        beside.start()
    wait_for(lambda: health(exchange) == (200, []), "no warning")
    fill(exchange)
    wait_for(partial(counts, exchange.trader(), beside), "budgets counted there again")
    do_a_task(exchange)
