"""The README of `clients/python`: its first order, its files and its feed as they stand, and each
of its other orders and algos as the exchange takes them."""

import ast
import asyncio
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import exchange_client
import pytest
from django.conf import settings
from exchange_client import AsyncClient, Client, NewOrder, Tokens

from persistence.downloads.files import path_of
from persistence.downloads.models import DailyFile, FileKind
from tests.flow.daily_file import TRADED, file_of_today
from tests.flow.exchange import Exchange, Trader, wait_for
from tests.patience import PATIENCE_S

__all__ = ["file_of_today"]

NewTrader = Callable[..., Trader]
DOCUMENT = Path(settings.BASE_DIR, "clients/python/README.md")
FIRST, ORDERS, ALGOS, MONEY, FEEDS = re.findall(
    r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL
)
# What the blocks take as known; the mark is 50,000.
KNOWN = {"qty": "0.3", "price": "49500", "high": "55000", "low": "45000", "up": "55000"}
pytestmark = pytest.mark.django_db


@pytest.fixture
def client(new_trader: NewTrader) -> Client:
    trader = new_trader("100000")
    return Client(trader.exchange.url, Tokens(trader.token))


def names(client: Client) -> dict[str, Any]:
    known = {name: Decimal(amount) for name, amount in KNOWN.items()}
    return {**vars(exchange_client), **known, "client": client}


def test_the_first_order(exchange: Exchange) -> None:
    told = exchange.trader()
    script = FIRST.replace("http://127.0.0.1:8000", told.exchange.url)
    script = script.replace('Password("ada", "correct horse battery")', f"Tokens({told.token!r})")
    script = script.replace("import Client, NewOrder, Password", "import Client, NewOrder, Tokens")
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(DOCUMENT.parent / "src")},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    required, order_id = done.stdout.split()
    assert Decimal(required) > 0
    assert order_id.isdigit()


def test_its_orders_are_taken(client: Client) -> None:
    known = names(client)
    with client:
        for node in ast.parse(ORDERS).body:
            source = ast.unparse(node)
            if not isinstance(node, ast.Expr):
                exec(source, known)
                continue
            order = eval(source, known)
            if not isinstance(order, NewOrder):
                continue
            assert client.preview_order(order).required.total > 0
            if not source.startswith("NewOrder.matched"):  # that wants somebody in the book
                assert client.place_order(order, wait=True).order_id


def test_its_algo_runs_pauses_and_ends(client: Client) -> None:
    known = names(client)
    with client:
        exec(ALGOS, known)
        assert client.algo(known["algo"].id).state != "running"


def test_money_goes_out_and_files_are_saved(
    new_trader: NewTrader, file_of_today: DailyFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trader = new_trader()
    entry = {"network": "demo", "address": "dm1" + "q" * 40, "label": "mine"}
    assert trader.send("POST", "/user/withdrawal-addresses", json=entry).status_code == 201
    monkeypatch.chdir(tmp_path)
    with Client(trader.exchange.url, Tokens(trader.token)) as client:
        known = names(client) | {
            "Path": Path,
            "Decimal": Decimal,
            "address": entry["address"],
            "january": datetime.now(UTC) - timedelta(days=30),
        }
        assert '"BTC-PERP"' in MONEY
        exec(MONEY.replace("BTC-PERP", TRADED), known)
        (asked,) = client.withdrawals().withdrawals
    assert (asked.amount, asked.address) == (Decimal(250), entry["address"])
    day_file = path_of(TRADED, FileKind.TRADES, file_of_today.day).name
    assert {one.name for one in tmp_path.iterdir()} == {"statement.csv", day_file}
    assert Path(day_file).stat().st_size == file_of_today.size_bytes
    assert ",withdrawal_hold," in Path("statement.csv").read_text()


def test_its_feed_tells_of_book_and_account(new_trader: NewTrader) -> None:
    trader = new_trader("100000")
    told: list[tuple[Any, ...]] = []

    async def listen() -> None:
        async with AsyncClient(trader.exchange.url, Tokens(trader.token)) as client:
            known = names(client) | {"print": lambda *said: told.append(said)}  # type: ignore[arg-type]
            exec(f"async def listen():\n{textwrap.indent(FEEDS, '    ')}", known)
            listening = asyncio.create_task(known["listen"]())
            waiting = asyncio.create_task(asyncio.to_thread(wait_for, is_told, "book and account"))
            await asyncio.wait((listening, waiting), return_when=asyncio.FIRST_COMPLETED)
            listening.cancel()
            await waiting

    def is_told() -> bool:
        """Of one more order: those before the account's snapshot are in it, and no news."""
        order_id = trader.place("LONG", "0.01", "49000")
        trader.wait_until(order_id, "open")
        bids = [bid for bid, ask in told if not isinstance(ask, list)]
        return Decimal(49000) in bids and any(isinstance(many, list) and many for _, many in told)

    asyncio.run(listen())
