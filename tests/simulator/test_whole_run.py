"""The simulator against the exchange itself: API, engine, worker and prices as real processes."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from django.conf import settings
from django.core.management import call_command

from accounts.models import User
from exchange_site.embedded.ports import free_port
from simulator.identity import identities
from simulator.runner import Plan, Simulation
from simulator.stats import Stats
from tests.feeds.conftest import database_url
from tests.patience import PATIENCE_S
from trading.models import Fill, Order, OutboxCommand, Position

TRADERS = 10
SECRET = "the same on every start"
# The market moved between a look and the act.
RACES = {
    "ORDER_NOT_OPEN", "NOT_AMENDABLE", "NOTHING_TO_AMEND", "TRIGGER_ALREADY_TRUE", "NO_POSITION",
    "INSUFFICIENT_MARGIN", "INSUFFICIENT_BALANCE", "LEVERAGE_IN_USE", "MAX_POSITION",
}  # fmt: skip


@pytest.fixture
def exchange(transactional_db: None, redis_db: redis.Redis, tmp_path: Path) -> Iterator[str]:
    """The API's address."""
    call_command("createdemo", verbosity=0)
    port = free_port()
    granian = str(Path(sys.executable).with_name("granian"))
    commands = {
        "engine": [sys.executable, "manage.py", "runengine"],
        "prices": [sys.executable, "manage.py", "runprices"],
        "worker": [sys.executable, "-m", "celery", "-A", "exchange_site", "worker", "-c", "1"],
        "api": [
            granian,
            "--interface",
            "wsgi",
            "--port",
            str(port),
            "--workers-kill-timeout",  # as in production: it may wait for a client for ever
            "2",
            "exchange_site.wsgi:application",
        ],
    }
    environment = {
        **os.environ,
        "DATABASE_URL": database_url(),
        "REDIS_URL": settings.REDIS_URL,
        "DEMO": "1",
    }
    with ExitStack() as stack:
        for name, command in commands.items():
            log = stack.enter_context((tmp_path / f"{name}.log").open("w"))
            process = subprocess.Popen(
                command, cwd=settings.BASE_DIR, env=environment, stdout=log, stderr=log
            )
            stack.callback(_end, process)
        yield f"http://127.0.0.1:{port}"


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        raise


def simulate_until_alive(url: str, trades: int) -> Stats:
    """Runs the simulator until both markets live and have had so many trades: what it counted."""
    plan = Plan(url=url, traders=identities(7, TRADERS, SECRET), rate_per_s=40.0, seed=7)
    totals: list[Stats] = []

    async def run() -> None:
        simulation = Simulation(plan)
        stop_when_alive = asyncio.create_task(asyncio.to_thread(_wait_until_alive, url, trades))
        stop_when_alive.add_done_callback(lambda _: simulation.stop())
        totals.append(await simulation.run())
        await stop_when_alive

    asyncio.run(run())
    return totals[0]


def _wait_until_alive(url: str, trades: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    with httpx.Client(base_url=url, timeout=PATIENCE_S) as http:
        while not all(_is_alive(http, market, trades) for market in ("BTC-PERP", "ETH-PERP")):
            assert time.monotonic() < deadline, "no living market"
            time.sleep(0.2)


def _is_alive(http: httpx.Client, market_id: str, trade_count: int) -> bool:
    try:
        depth: Any = http.get(f"/markets/{market_id}/depth").json()
        trades: Any = http.get(f"/markets/{market_id}/trades").json()
        ticker: Any = http.get(f"/markets/{market_id}/ticker").json()
    except (httpx.HTTPError, ValueError):
        return False
    if "bids" not in depth or "trades" not in trades or "openInterest" not in ticker:
        return False
    has_depth = len(depth["bids"]) >= 3 and len(depth["asks"]) >= 3
    # Trade ids are gapless from 1: the newest is their number.
    has_traded = bool(trades["trades"]) and trades["trades"][0]["id"] >= trade_count
    return has_depth and has_traded and float(ticker["openInterest"]) > 0


@pytest.mark.drill  # an exchange of its own, until its markets live twice
def test_a_new_installation_comes_to_life_and_a_second_start_finds_its_traders(
    exchange: str,
) -> None:
    first = simulate_until_alive(exchange, trades=3)
    # While the API was starting; a sign-up that took too long on a busy machine is taken then.
    assert set(first.errors) <= {"ConnectError", "ReadTimeout"}
    assert set(first.rejected) <= RACES | {"USERNAME_TAKEN"}
    assert Position.objects.filter(position_lots__gt=0).exists()
    assert Position.objects.filter(position_lots__lt=0).exists()
    newest = max(Fill.objects.values_list("trade_id", flat=True))
    second = simulate_until_alive(exchange, trades=newest + 3)
    assert set(second.rejected) <= RACES | {"USERNAME_TAKEN"}
    assert second.rejected["USERNAME_TAKEN"] == 1
    assert second.errors == {}
    assert User.objects.filter(username__startswith="sim7-").count() == TRADERS
    assert Order.objects.filter(expires_at__isnull=False).exists()
    assert len(set(Order.objects.filter(reduce_only=False).values_list("leverage"))) > 3
    asked = set(OutboxCommand.objects.values_list("command_type", flat=True))
    assert {"SetCountdown", "CancelOrder", "AmendOrder"} & asked
