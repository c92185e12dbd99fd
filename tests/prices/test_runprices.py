"""`manage.py runprices`: a real process, a real Redis, a real Postgres."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from prices.demo_markets import DEMO_MARKETS
from tests.patience import PATIENCE_S
from tests.prices.pumping import make_market, sent, wait_for

ROOT = Path(settings.BASE_DIR)


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
    make_market(bitcoin)
    process = runprices("--seed", "3", "--start", "ETH-PERP=2345.67")
    wait_for(lambda: len(sent(redis_db, "BTC-PERP")) >= 2)
    assert sent(redis_db, "BTC-PERP")[0] == 500_000
    make_market(ether)
    wait_for(lambda: len(sent(redis_db, "ETH-PERP")) >= 1)
    assert sent(redis_db, "ETH-PERP")[0] == 2345.67 / float(ether.tick_size)
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_S) == 0


@pytest.mark.parametrize("word", ["SOL-PERP", "SOL-PERP=", "SOL-PERP=-1", "=5", "SOL-PERP=NaN"])
def test_bad_start_price_is_one_clear_line(word: str) -> None:
    with pytest.raises(CommandError, match="MARKET=PRICE"):
        call_command("runprices", "--start", word)


@pytest.mark.django_db(transaction=True)
def test_another_process_takes_over_from_one_that_was_killed(
    redis_db: redis.Redis, runprices: Callable[..., subprocess.Popen[bytes]]
) -> None:
    make_market(DEMO_MARKETS[0])
    first = runprices()
    wait_for(lambda: len(sent(redis_db, "BTC-PERP")) >= 2)
    second = runprices()
    first.kill()
    first.wait(PATIENCE_S)
    before = len(sent(redis_db, "BTC-PERP"))
    wait_for(lambda: len(sent(redis_db, "BTC-PERP")) > before + 1)
    assert 0 not in sent(redis_db, "BTC-PERP")
    second.send_signal(signal.SIGTERM)
    assert second.wait(PATIENCE_S) == 0
