"""The design's import rules, the purity of the core, and who writes what, held by the sources
themselves; and proof that each rule finds what it is for.
"""

import re
import sys
from pathlib import Path

import pytest

from tests.architecture_rules import (
    OURS,
    Module,
    check_imports,
    check_size,
    load,
    rule_for,
)
from tests.purity_rules import check_purity, names_of_sets
from tests.writer_rules import check_one_writer, check_streams, check_tables

ROOT = Path(__file__).resolve().parent.parent
STDLIB = frozenset(sys.stdlib_module_names)
MODULES = [module for package in OURS for module in load(ROOT, package)]
CORE = [module for module in MODULES if module.within("matching.core")]
SIDE_MODULES = load(ROOT, "tests") + load(ROOT, "benchmarks")


def test_the_rules_see_the_project() -> None:
    names = {module.name for module in MODULES}
    assert {"matching.messages.commands", "trading.models", "ledger.models"} <= names
    assert all(rule_for(module) is not None for module in MODULES)


def test_imports() -> None:
    assert [finding for module in MODULES for finding in check_imports(module, STDLIB)] == []


def test_sql_names_tables_of_floors_below() -> None:
    assert [finding for module in MODULES for finding in check_tables(module)] == []


def test_core_is_pure() -> None:
    sets = names_of_sets(CORE)
    assert [finding for module in CORE for finding in check_purity(module, sets)] == []


def test_rows_of_the_engines_making_have_one_writer() -> None:
    assert [finding for module in MODULES for finding in check_one_writer(module)] == []


def test_streams_have_one_writer() -> None:
    assert [finding for module in MODULES for finding in check_streams(module)] == []


def test_sizes() -> None:
    assert [f for module in [*MODULES, *SIDE_MODULES] for f in check_size(module)] == []


# ------------------------------------------------- nothing of one developer's machine in the tree

_SKIPPED = {"var", "build", "node_modules", "staticfiles"}
_TEXT = {".py", ".md", ".toml", ".txt", ".cfg", ".ini", ".html", ".css", ".js", ".sh", ".yml"}
_MACHINE = re.compile(
    r"(?<![\w.}-])/(?:root|work|home/\w+|Users/\w+)/|\.\./[s]hared\b|-index-url\b|PIP_[A-Z_]*INDEX"
)


def files_of_the_tree() -> list[Path]:
    """Whatever a clone would have: text files outside hidden and generated folders."""
    return [
        path
        for path in sorted(ROOT.rglob("*"))
        if path.is_file()
        and (path.suffix in _TEXT or path.name in {"Makefile", "run"})
        and not any(
            part in _SKIPPED or (part.startswith(".") and part != ".ci")
            for part in path.relative_to(ROOT).parts[:-1]
        )
    ]


def test_no_path_or_host_of_one_machine() -> None:
    files = files_of_the_tree()
    assert ROOT / "pyproject.toml" in files
    assert [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in files
        if path != Path(__file__).resolve()
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if _MACHINE.search(line)
    ] == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("DATA = '/root/exchange'", True),
        ("see /home/ann/notes.txt", True),
        ("pip install --index-url http://x", True),
        ("docs/work/flow.md", False),
        ("GET /user/orders", False),
    ],
)
def test_machine_pattern(line: str, found: bool) -> None:
    assert bool(_MACHINE.search(line)) is found


# ---------------------------------------------------------------------- the rules find what they
# are for: planted breaches, and neighbours of theirs that are in order


def planted_imports(path: str, source: str) -> list[str]:
    return list(check_imports(Module(path, source), STDLIB))


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("matching/core/engine.py", "import time"),
        ("matching/core/engine.py", "from datetime import datetime"),
        ("matching/core/engine.py", "import os.path"),
        ("matching/core/engine.py", "import logging"),
        ("matching/core/engine.py", "import random"),
        ("matching/core/engine.py", "import redis"),
        ("matching/core/engine.py", "from django.conf import settings"),
        ("matching/core/engine.py", "import structlog"),
        ("matching/core/engine.py", "from matching.runtime import loop"),
        ("matching/core/engine.py", "from ..runtime import loop"),
        ("matching/core/engine.py", "from matching import runtime"),
        ("matching/core/engine.py", "from trading.models import Order"),
        ("matching/core/deep/book.py", "def f():\n    import threading"),
        ("matching/messages/codec.py", "from matching.core import engine"),
        ("matching/messages/__init__.py", "from ..core import engine"),
        ("matching/messages/codec.py", "import sortedcontainers"),
        ("matching/runtime/loop.py", "from django.conf import settings"),
        ("matching/runtime/loop.py", "from common.redis_client import redis_client"),
        ("matching/runtime/loop.py", "import ledger"),
        ("matching/helpers.py", "from django.db import models"),
        ("matching/management/commands/runengine.py", "from trading.models import Market"),
        ("matching/management/commands/runengine.py", "from exchange_site import settings"),
        ("common/http/errors.py", "from accounts.models import User"),
        ("common/admin/base.py", "from markets.models import Market"),
        ("markets/rules.py", "from trading.models import Order"),
        ("ledger/models.py", "from trading.models import Order"),
        ("ledger/admin.py", "from persistence.models import MarketCursor"),
        ("trading/services.py", "from persistence.models import MarketCursor"),
        ("trading/services.py", "from persistence import models"),
        ("trading/services.py", "import persistence.models as progress"),
        ("trading/admin/markets.py", "from prices.models import PriceSource"),
        ("trading/http/orders.py", "from exchange_site.settings import DEMO"),
        ("feeds/hub.py", "from persistence.models import MarketCursor"),
        ("persistence/listener.py", "from console.health.report import exchange_status"),
        ("console/seen_as/page.py", "from terminal.cookies import keep"),
        ("simulator/client.py", "from matching.messages.commands import PlaceOrder"),
        ("trading/services.py", "from matching.core.engine import Engine"),
        ("trading/services.py", "from matching import core"),
        ("trading/services.py", "from matching.runtime.streams import x"),
        ("trading/services.py", "apps.get_model('persistence', 'MarketCursor')"),
        ("trading/services.py", "import_module('persistence.faults')"),
        (
            "trading/services.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from prices import models",
        ),
        ("persistence/projection/orders.py", "from feeds.hub import Hub"),
        ("persistence/projection/orders.py", "from matching.core.market.state import State"),
        ("accounts/services.py", "from trading.models import Order"),
        ("accounts/services.py", "from ledger.models import Wallet"),
        ("accounts/services.py", "from matching.core.engine import Engine"),
    ],
)
def test_planted_import_is_found(path: str, source: str) -> None:
    assert planted_imports(path, source) != []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("matching/core/engine.py", "from collections import deque\nimport hashlib, msgspec"),
        ("matching/core/engine.py", "from sortedcontainers import SortedDict"),
        ("matching/core/engine.py", "from matching.core.book.book import Book\nfrom . import book"),
        ("matching/core/engine.py", "from ..messages.events import Event"),
        ("matching/runtime/loop.py", "import time, redis, structlog\nimport matching.core.engine"),
        ("matching/management/commands/runengine.py", "from django.core import management"),
        ("matching/management/commands/runengine.py", "from matching.runtime.loop import run"),
        ("trading/services.py", "from matching.messages.commands import PlaceOrder"),
        ("trading/services.py", "from matching.messages import streams"),
        ("trading/http/orders.py", "from common.redis_client import redis_client"),
        ("ledger/models.py", "from markets.models import Market\nfrom markets import conversions"),
        ("console/health/report.py", "from prices.reports import x\nfrom ledger import models"),
        ("persistence/reconciliation/engine.py", "from matching.runtime.replay import replay"),
        ("console/seen_as/page.py", "from terminal.views import shell_page"),
        ("exchange_site/urls.py", "from console.health.answer import HealthView"),
    ],
)
def test_import_in_order_passes(path: str, source: str) -> None:
    assert planted_imports(path, source) == []


@pytest.mark.parametrize(
    ("path", "source", "found"),
    [
        ("ledger/selectors.py", "SQL = 'SELECT 1 FROM trading_order WHERE id = 1'", True),
        ("markets/rules.py", "SQL = 'SELECT 1 FROM markets_market JOIN ledger_account a'", True),
        ("trading/orders/insert.py", "SQL = 'UPDATE persistence_marketcursor SET seq = 1'", True),
        ("simulator/client.py", "SQL = 'SELECT 1 FROM trading_order'", True),
        ("trading/selectors.py", "SQL = 'SELECT 1 FROM ledger_wallet'", False),
        ("persistence/reading.py", "SQL = 'SELECT 1 FROM trading_order'", False),
        ("ledger/selectors.py", '"Orders are FROM trading_order, says this docstring."', False),
    ],
)
def test_planted_table_of_another_floor_is_found(path: str, source: str, found: bool) -> None:
    assert bool(list(check_tables(Module(path, source)))) is found


def planted_impurity(source: str) -> list[str]:
    module = Module("matching/core/planted.py", source)
    return list(check_purity(module, names_of_sets([module])))


@pytest.mark.parametrize(
    "source",
    [
        "fee = 0.5",
        "def f(a, b):\n    return a / b",
        "def f(a):\n    a /= 2",
        "x = float('1')",
        "def f(x: float) -> int: ...",
        "def f():\n    print('hello')",
        "def f(path):\n    return open(path).read()",
        "def f(x):\n    return hash(x)",
        "def f(x):\n    return id(x)",
        "def f():\n    global seq\n    seq = 1",
        "async def f(): ...",
        "seen = set()",
        "orders = {}",
        "orders: dict[int, int] = {}",
        "levels = SortedDict()",
        "totals = collections.defaultdict(int)",
        "def f():\n    for x in {1, 2}:\n        yield x",
        "def f():\n    touched = set()\n    for account in touched:\n        pass",
        "def f(touched: set[int]):\n    return [x for x in touched]",
        "class C:\n    a: set[int]\n    def f(self):\n        return list(self.a)",
        "class C:\n    a: frozenset[int]\n    def f(self):\n        return next(iter(self.a))",
        "def f(touched: set[int]):\n    return touched.pop()",
    ],
)
def test_planted_impurity_is_found(source: str) -> None:
    assert planted_impurity(source) != []


@pytest.mark.parametrize(
    "source",
    [
        "LIMIT = 10**6\nNAMES = ('a', 'b')\nSTATES = frozenset({'A'})",
        "HANDLERS: Mapping[str, int] = {'a': 1}",
        "__all__ = ['Engine']",
        "def f(a, b):\n    return a // b, -(-a // b), divmod(a, b)",
        "def f():\n    seen = set()\n    return 1 in seen",
        "def f(touched: set[int]):\n    return sorted(touched), len(touched), sum(touched)",
        "def f(touched: set[int]):\n    return sum(x for x in touched)",
        "def f(orders: dict[int, int]):\n    return [x for x in orders.values()]",
        "def f(orders: list[int]):\n    return orders.pop()",
        '"""Prices / sizes, 0.5 and hash()."""',
    ],
)
def test_purity_in_order_passes(source: str) -> None:
    assert planted_impurity(source) == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("trading/services.py", "Order.objects.filter(pk=1).update(status='open')"),
        ("trading/services.py", "models.Order.objects.all().delete()"),
        ("trading/services.py", "def f(order: Order):\n    order.save()"),
        ("trading/services.py", "def f(row: 'Order | None'):\n    row.save()"),
        ("trading/services.py", "row = Order.objects.get(pk=1)\nrow.save(update_fields=['x'])"),
        ("trading/services.py", "if (row := Order.objects.first()):\n    row.delete()"),
        ("trading/services.py", "q = Order.objects.all()\nfor o in q:\n    o.save()"),
        ("trading/services.py", "from trading.models import Order as O\nO.objects.update(x=1)"),
        ("trading/services.py", "user.orders.filter(status='open').update(status='x')"),
        ("trading/services.py", "Order.objects.bulk_update(rows, ['status'])"),
        ("trading/services.py", "Order.objects.update_or_create(pk=1)"),
        ("trading/services.py", "async def f():\n    await Order.objects.aupdate(x=1)"),
        ("trading/services.py", "Fill.objects.create(size_lots=1)"),
        ("trading/services.py", "Position.objects.bulk_create(rows)"),
        ("trading/services.py", "cursor.execute('UPDATE trading_order SET status = %s')"),
        ("trading/services.py", "SQL = '''\nupdate only \"trading_position\" set x = 1'''"),
        ("trading/services.py", "SQL = f'DELETE FROM {Order._meta.db_table} WHERE true'"),
        ("trading/services.py", "SQL = 'INSERT INTO trading_fill (id) VALUES (1)'"),
        (
            "trading/services.py",
            "SQL = 'INSERT INTO trading_order (id) VALUES (1) '\\\n"
            "    'ON CONFLICT (id) DO UPDATE SET x = 1'",
        ),
        ("trading/services.py", "b'COPY trading_position FROM STDIN'"),
        ("exchange_site/admin.py", "Order.objects.create(x=1)"),
        ("accounts/services.py", "SQL = 'INSERT INTO trading_order (id) VALUES (1)'"),
        ("matching/runtime/loop.py", "SQL = 'UPDATE markets_marketstatus SET state = 1'"),
    ],
)
def test_planted_second_writer_is_found(path: str, source: str) -> None:
    assert list(check_one_writer(Module(path, source))) != []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("persistence/projection/orders.py", "SQL = 'UPDATE trading_order SET status = 1'"),
        (
            "persistence/projection/orders.py",
            "Order.objects.filter(pk=1).update(status='open')",
        ),
        ("trading/intake.py", "SQL = 'INSERT INTO trading_order (id) VALUES (1)'"),
        ("trading/intake.py", "SQL = 'UPDATE ledger_wallet SET x = 1'"),
        ("trading/services.py", "Order.objects.create(size_lots=1)"),
        ("trading/services.py", "Market.objects.filter(pk=1).update(tick_size=1)"),
        ("trading/services.py", "orders = Order.objects.filter(x=1)\nn = orders.count()"),
        ("trading/services.py", "def f(outbox: OutboxCommand):\n    outbox.save()"),
        ("trading/services.py", "def f(word: OrderType, q: dict):\n    q.update(a=word)"),
        ("trading/models.py", '"""UPDATE trading_order is what persistence does."""'),
    ],
)
def test_writing_in_order_passes(path: str, source: str) -> None:
    assert list(check_one_writer(Module(path, source))) == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("trading/services.py", "redis_client().xadd(input_stream(m), {b'command': data})"),
        ("console/health/report.py", "pipe.xadd(name, fields)"),
        ("persistence/tasks.py", "client.execute_command('XADD', name, '*')"),
        ("trading/services.py", "SCRIPT = \"redis.call('xadd', KEYS[1], '*')\""),
        ("matching/runtime/loop.py", "pipe.xadd(input_stream(market), {b'command': data})"),
        ("prices/pump.py", "NAME = 'orders:input:{BTC-PERP}'"),
        ("prices/pump.py", "NAME = f'orders:output:{{{market_id}}}'"),
    ],
)
def test_planted_writer_of_streams_is_found(path: str, source: str) -> None:
    assert list(check_streams(Module(path, source))) != []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("trading/commands/publisher.py", "pipe.xadd(input_stream(m), {b'command': data})"),
        ("trading/commands/publisher.py", "SCRIPT = \"redis.pcall('XADD', stream, '*')\""),
        ("matching/runtime/loop.py", "pipe.xadd(output_stream(m), {b'entry': data}, id='1-0')"),
        ("persistence/tasks.py", "client.xrange(output_stream(m))"),
    ],
)
def test_streams_in_order_pass(path: str, source: str) -> None:
    assert list(check_streams(Module(path, source))) == []


@pytest.mark.parametrize(
    "source",
    [
        "x = 1\n" * 401,
        "def f():\n" + "    x = 1\n" * 70,
        "class C:\n    async def f(self):\n" + "        x = 1\n" * 70,
        "x = '" + "a" * 96 + "'",
    ],
)
def test_planted_size_is_found(source: str) -> None:
    assert list(check_size(Module("trading/planted.py", source))) != []


def test_size_in_order_passes() -> None:
    source = "def f():\n" + "    x = 1\n" * 69 + "\n\n" + "y = 2\n" * 328
    assert list(check_size(Module("trading/planted.py", source))) == []
