"""The README of `clients/python`: its first order as it stands, and each of its other orders and
algos as the exchange takes them."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import exchange_client
import pytest
from django.conf import settings
from exchange_client import Client, NewOrder, Tokens

from tests.flow.exchange import Exchange, Trader
from tests.patience import PATIENCE_S

NewTrader = Callable[..., Trader]
DOCUMENT = Path(settings.BASE_DIR, "clients/python/README.md")
FIRST, ORDERS, ALGOS, _MONEY, _FEEDS = re.findall(
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
