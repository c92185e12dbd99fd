"""`manage.py runprices`: a real process, a real Redis, a real Postgres."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from structlog.testing import capture_logs

from matching.messages.codec import decode_command
from matching.messages.commands import UpdateIndexPrice
from matching.messages.streams import COMMAND_FIELD, input_stream
from matching.messages.vocabulary import MarketState
from trading import publisher
from trading.models import Market, MarketStatus
from trading.prices.demo_markets import DEMO_MARKETS
from trading.prices.pump import PricePump
from trading.prices.source import PriceUnavailable, Quote

DEADLINE_S = 60
ROOT = Path(settings.BASE_DIR)


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not what():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


def sent(client: redis.Redis, market_id: str) -> list[int]:
    prices = []
    rows: Any = client.xrange(input_stream(market_id))
    for _, fields in rows:
        command = decode_command(fields[COMMAND_FIELD])
        assert isinstance(command, UpdateIndexPrice)
        prices.append(command.index_price_ticks)
    return prices


@pytest.fixture
def runprices(redis_db: redis.Redis) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    processes: list[subprocess.Popen[bytes]] = []
    database = connection.settings_dict
    url = (
        f"postgres://{database['USER']}:{database['PASSWORD']}@{database['HOST']}"
        f":{database['PORT']}/{database['NAME']}"
    )

    def start(*arguments: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "runprices", *arguments],
            cwd=ROOT,
            env={**os.environ, "DATABASE_URL": url, "REDIS_URL": settings.REDIS_URL},
            stderr=subprocess.PIPE,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.mark.django_db(transaction=True)
def test_sends_prices_of_all_markets_picks_up_new_ones_and_stops_on_sigterm(
    redis_db: redis.Redis, runprices: Callable[..., subprocess.Popen[bytes]]
) -> None:
    bitcoin, ether = DEMO_MARKETS
    bitcoin.build().save()
    process = runprices("--seed", "3")
    wait_for(lambda: len(sent(redis_db, "BTC-PERP")) >= 2)
    assert sent(redis_db, "BTC-PERP")[0] == 500_000
    ether.build().save()
    wait_for(lambda: len(sent(redis_db, "ETH-PERP")) >= 1)
    process.send_signal(signal.SIGTERM)
    assert process.wait(DEADLINE_S) == 0


class FixedSource:
    """50,000 for every market, or the error it was given; stops the pump after some fetches."""

    name = "fixed"

    def __init__(self, stop: threading.Event, fetches: int, error: Exception | None = None) -> None:
        self._stop = stop
        self._left = fetches
        self._error = error

    def fetch(self, market: Market) -> Quote:
        self._left -= 1
        if self._left <= 0:
            self._stop.set()
        if self._error is not None:
            raise self._error
        return Quote(Decimal("50000.04"), 0)


def pump(fetches: int, error: Exception | None = None) -> PricePump:
    stop = threading.Event()
    return PricePump(FixedSource(stop, fetches, error), stop, interval_s=0.001)


@pytest.mark.django_db
def test_price_is_rounded_to_the_nearest_tick(redis_db: redis.Redis) -> None:
    DEMO_MARKETS[0].build().save()
    pump(fetches=1).run()
    assert sent(redis_db, "BTC-PERP") == [500_000]


@pytest.mark.django_db
def test_settled_markets_get_no_price_and_unopened_ones_do(redis_db: redis.Redis) -> None:
    for demo, state in zip(DEMO_MARKETS, (MarketState.SETTLED, MarketState.PRE_OPEN), strict=True):
        market = demo.build()
        market.save()
        # As ledger would: there is no engine in this test.
        MarketStatus.objects.update_or_create(market=market, defaults={"state": state})
    pump(fetches=2).run()
    assert sent(redis_db, "BTC-PERP") == []
    assert len(sent(redis_db, "ETH-PERP")) == 2


@pytest.mark.django_db
def test_a_source_without_a_price_is_logged_once(redis_db: redis.Redis) -> None:
    DEMO_MARKETS[0].build().save()
    with capture_logs() as lines:
        pump(fetches=4, error=PriceUnavailable("the venue is closed")).run()
    faults = [line for line in lines if line["event"] == "prices_fault"]
    assert [line["what"] for line in faults] == ["price of BTC-PERP"]
    assert faults[0]["detail"] == "the venue is closed"


@pytest.mark.django_db
def test_redis_outage_is_one_line_and_prices_go_on_after_it(
    redis_db: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    DEMO_MARKETS[0].build().save()
    failures = iter(range(2))
    # Nothing listens on port 1: a true connection error.
    away = redis.Redis(host="127.0.0.1", port=1)
    monkeypatch.setattr(
        publisher, "redis_client", lambda: redis_db if next(failures, None) is None else away
    )
    with capture_logs() as lines:
        pump(fetches=4).run()
    words = [line["event"] for line in lines if "fault" in line["event"] or "rec" in line["event"]]
    assert words == ["prices_fault", "prices_recovered"]
    assert len(sent(redis_db, "BTC-PERP")) == 2


@pytest.mark.django_db
def test_postgres_outage_keeps_the_markets_known_last(
    redis_db: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    DEMO_MARKETS[0].build().save()
    calls = iter(range(1, 100))
    real = Market.objects.select_related

    def flaky(*names: str) -> Any:
        if next(calls) == 2:
            raise OperationalError("the server closed the connection")
        return real(*names)

    monkeypatch.setattr(Market.objects, "select_related", flaky)
    monkeypatch.setattr("trading.prices.pump.close_old_connections", lambda: None)
    with capture_logs() as lines:
        pump(fetches=3).run()
    words = [line["event"] for line in lines if "fault" in line["event"] or "rec" in line["event"]]
    assert words == ["prices_fault", "prices_recovered"]
    assert len(sent(redis_db, "BTC-PERP")) == 3


@pytest.mark.parametrize("word", ["SOL-PERP", "SOL-PERP=", "SOL-PERP=-1", "=5", "SOL-PERP=NaN"])
def test_bad_start_price_is_one_clear_line(word: str) -> None:
    with pytest.raises(CommandError, match="MARKET=PRICE"):
        call_command("runprices", "--start", word)
