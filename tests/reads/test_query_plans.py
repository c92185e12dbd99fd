"""What a page costs doesn't depend on how long the exchange has run.

On tens of thousands of orders every SQL statement of every admin page and every read of the API is
explained as it ran: none may read a long table whole, or more rows than a page looks back along.
The risk board alone passes over all open positions, and is held to that.
"""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import redis
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django.plugin import DjangoDbBlocker

from accounts.models import User
from benchmarks.history import (
    BUSY_MARKET,
    DORMANT_MARKET,
    SECOND_MARKET,
    WHALE,
    Size,
    make_history,
)
from benchmarks.pages import RISK_BOARD, SMALL_TRADER, Page, Visitor, all_pages
from common.admin import lists
from common.admin.record_urls import url_of
from common.postgres import keysets
from console.alerts.measures import READERS
from console.alerts.measures.look import Look
from console.alerts.vocabulary import Measure
from tests.flow.demo import empty_database
from tests.trading.client import set_ticker
from trading.models import CANDLE_INTERVALS_MS, Fill, Order, Position
from trading.partitions import make_partitions, partition_widths

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

LONG_TABLE_ROWS = 20_000  # of shorter ones Postgres may rightly read all
LOOK_BACK_ROWS = 1_000
ROWS_READ_MAX = 9_000
_SERVER_CURSOR = re.compile(r"DECLARE .*? CURSOR .*?FOR (?=SELECT)")


@pytest.fixture(scope="module")
def history(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Committed, as VACUUM wants it, and gone afterwards. The newest partition of each table is
    empty, as it is while an exchange runs."""
    with django_db_blocker.unblock():
        empty_database()
        make_history(Size(orders=40_000, users=30_000))
        for table in partition_widths():
            make_partitions(table)
        with connection.cursor() as cursor:  # as autovacuum would, which may not have come yet
            cursor.execute("ANALYZE")
        yield
        empty_database()


@pytest.fixture
def visitor(
    history: None, db: None, redis_db: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> Visitor:
    """Pages look back along fewer rows than there are, so that it shows where they don't."""
    monkeypatch.setattr(lists, "LOOK_BACK_ROWS", LOOK_BACK_ROWS)
    monkeypatch.setattr(keysets, "LOOK_BACK_ROWS", LOOK_BACK_ROWS)
    for market_id in (BUSY_MARKET, SECOND_MARKET, DORMANT_MARKET):
        set_ticker(redis_db, market_id)
    return Visitor()


def long_tables() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND reltuples >= %s",
            [LONG_TABLE_ROWS],
        )
        return {name for (name,) in cursor.fetchall()}


def wholes() -> dict[str, str]:
    """Of a partition, and of each of its indexes: what it is a part of."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT part.relname, whole.relname FROM pg_inherits"
            " JOIN pg_class part ON part.oid = inhrelid"
            " JOIN pg_class whole ON whole.oid = inhparent"
        )
        return dict(cursor.fetchall())


def plan_nodes(sql: str) -> Iterator[dict[str, Any]]:
    """Tables and indexes by their own names, not by those of their partitions."""
    whole = wholes()
    for node in nodes_of_partitions(sql):
        named = {key: node[key] for key in ("Relation Name", "Index Name") if key in node}
        yield node | {key: whole.get(name, name) for key, name in named.items()}


def nodes_of_partitions(sql: str) -> Iterator[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {sql}")
        (found,) = cursor.fetchone()
    todo = [(json.loads(found) if isinstance(found, str) else found)[0]["Plan"]]
    while todo:
        node = todo.pop()
        yield node
        todo += node.get("Plans", [])


def rows_read(node: dict[str, Any]) -> int:
    if "Relation Name" not in node:
        return 0
    rows = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
    return int(node["Actual Loops"] * rows)


def complaints(sql: str, long: set[str], rows_max: int = ROWS_READ_MAX) -> Iterator[str]:
    """What is wrong with how Postgres answered it. Of short partitions it may read all."""
    read = 0
    for node in nodes_of_partitions(sql):
        if node["Node Type"] == "Seq Scan" and node["Relation Name"] in long:
            yield f"reads {node['Relation Name']} whole: {sql}"
        read += rows_read(node)
    if read > rows_max:
        yield f"reads {read:,.0f} rows: {sql}"


def statements(visitor: Visitor, page: Page) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        visitor.get(page)
    queries = [_SERVER_CURSOR.sub("", query["sql"]) for query in captured.captured_queries]
    return [sql for sql in queries if sql.lstrip("(\n").startswith(("SELECT", "WITH"))]


@pytest.mark.drill  # a thousand pages
def test_no_page_reads_a_long_table(visitor: Visitor) -> None:
    long = long_tables()
    expected = {"trading_order", "trading_fill", "trading_candle", "ledger_posting"}
    assert expected | {"accounts_user"} <= long
    positions = Position.objects.count()
    asked: dict[tuple[str, int], str] = {}  # what every page asks is explained once
    for page in all_pages(visitor):
        rows_max = positions if page.group == RISK_BOARD else ROWS_READ_MAX
        for sql in statements(visitor, page):
            asked.setdefault((sql, rows_max), page.path)
    wrong = [
        f"{path}: {complaint}"
        for (sql, rows_max), path in asked.items()
        for complaint in complaints(sql, long, rows_max)
    ]
    assert not wrong, "\n".join(line[:600] for line in wrong)


@pytest.mark.parametrize(("query", "passes"), [("", 2), ("?sort=value", 3)])
def test_the_risk_board_passes_over_positions_a_few_times(
    visitor: Visitor, query: str, passes: int
) -> None:
    """To count them, for who is nearest to liquidation, and for another order, where one is asked
    for; the largest of each market are found by an index."""
    nodes = [
        node
        for sql in statements(visitor, Page(RISK_BOARD, f"/admin/risk/{query}"))
        for node in plan_nodes(sql)
        if node.get("Relation Name") == "trading_position"
    ]
    positions = Position.objects.count()
    assert sum(rows_read(node) > positions // 4 for node in nodes) <= passes
    assert sum(map(rows_read, nodes)) < passes * positions + ROWS_READ_MAX // 10


@pytest.mark.parametrize("measure", Measure)
def test_no_measure_reads_a_long_table(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch, measure: Measure
) -> None:
    """At the time of the newest fills; fewer rows than there are, as above."""
    monkeypatch.setattr("console.alerts.measures.conduct.ROWS_MAX", LOOK_BACK_ROWS)
    look = Look(Fill.objects.latest("pk").executed_at)
    with CaptureQueriesContext(connection) as captured:
        READERS[measure](look)
    queries = [query["sql"] for query in captured.captured_queries]
    asked = [sql for sql in queries if sql.lstrip("(\n").startswith(("SELECT", "WITH"))]
    assert [one for sql in asked for one in complaints(sql, long_tables())] == []


CONDUCT = (Measure.SELF_TRADES, Measure.PAIR_TRADES, Measure.FAMILY_TRADES, Measure.CANCEL_RATIO)


@pytest.mark.parametrize("measure", CONDUCT)
def test_what_was_before_the_hour_costs_a_measure_next_to_nothing(
    visitor: Visitor, measure: Measure
) -> None:
    """However many of a market's newest orders and trades it would look at."""
    look = Look(Fill.objects.latest("pk").executed_at + timedelta(hours=2))
    with CaptureQueriesContext(connection) as captured:
        assert READERS[measure](look) == {}
    asked = [query["sql"] for query in captured.captured_queries]
    read = sum(rows_read(node) for sql in asked for node in plan_nodes(sql))
    assert read < 100


def test_a_statement_that_reads_a_long_table_is_seen(visitor: Visitor) -> None:
    long = long_tables()
    seen, *_ = complaints("SELECT id FROM trading_order WHERE reduce_only LIMIT 1", long)
    assert re.match("reads trading_order_from_[0-9]+ whole", seen)
    (seen,) = complaints("SELECT id FROM trading_order WHERE id > 30000 AND reduce_only", long)
    assert "rows:" in seen


def test_statements_in_parts_and_through_cursors_are_seen(visitor: Visitor) -> None:
    (union,) = (
        sql
        for sql in statements(visitor, Page("", "/admin/trading/fundingpayment/?q=30000"))
        if sql.startswith("(")
    )
    assert '"settlement_id" = 30000' in union
    choices = statements(visitor, Page("", url_of(User, WHALE)))
    assert any('FROM "auth_permission"' in sql for sql in choices)


@pytest.mark.parametrize("query", [f"marketId={DORMANT_MARKET}", "kind=deposit", "from=1&to=2"])
def test_a_filtered_ledger_reads_only_the_traders_own(visitor: Visitor, query: str) -> None:
    page = Page("", f"/user/ledger?{query}", WHALE)
    nodes = [node for sql in statements(visitor, page) for node in plan_nodes(sql)]
    own = [node for node in nodes if node.get("Relation Name") == "ledger_posting"]
    assert "posting_by_account" in {node.get("Index Name") for node in own}
    assert [node for node in own if node.get("Rows Removed by Filter")] == []


@pytest.mark.parametrize(
    "path", ["/user/orders", "/user/fills", "/user/ledger", "/user/positions/history"]
)
@pytest.mark.usefixtures("still")
def test_reads_take_no_more_queries_with_more_rows(visitor: Visitor, path: str) -> None:
    few, many = (Page("", f"{path}?limit={limit}", WHALE) for limit in (1, 50))
    visitor.get(few)  # rules of the markets are remembered from here on
    assert len(statements(visitor, few)) == len(statements(visitor, many))


@pytest.mark.parametrize("interval", CANDLE_INTERVALS_MS)
@pytest.mark.usefixtures("still")
def test_a_page_of_candles_reads_as_many_rows_as_it_shows(visitor: Visitor, interval: str) -> None:
    """And one more, which tells whether there is a next page."""
    page = Page("", f"/markets/{BUSY_MARKET}/candles?interval={interval}&limit=100")
    visitor.get(page)  # rules of the markets are remembered from here on
    (sql,) = statements(visitor, page)
    assert [node["Actual Rows"] for node in plan_nodes(sql) if "Relation Name" in node] == [101]


def test_orders_that_are_far_back_are_reached_page_by_page(visitor: Visitor) -> None:
    mine = Order.objects.filter(user=WHALE, market=DORMANT_MARKET).order_by("-pk")
    expected = list(mine.values_list("pk", flat=True))
    assert expected
    found: list[int] = []
    cursor, pages = "", 0
    while pages == 0 or cursor:
        after = f"&cursor={cursor}" if cursor else ""
        page = Page("", f"/user/orders?marketId={DORMANT_MARKET}&limit=10{after}", WHALE)
        answer = visitor.get(page).json()
        found += [order["id"] for order in answer["orders"]]
        cursor, pages = answer["nextCursor"], pages + 1
    assert found == expected
    assert pages > 10  # most of them empty, none of them slow


def test_the_admin_looks_further_back_until_it_has_found_all(visitor: Visitor) -> None:
    expected = list(Order.objects.filter(reduce_only=True).order_by("-pk").values_list("pk"))
    found: list[tuple[int]] = []
    query = "?reduce_only__exact=1"
    while query:
        shown = visitor.get(Page("", f"/admin/trading/order/{query}")).context_data["cl"]
        found += [(row.pk,) for row in shown.result_list]
        query = shown.older_query
    assert found == expected


def test_a_search_finds_the_newest_of_all_it_may_mean(visitor: Visitor) -> None:
    shown = visitor.get(Page("", "/admin/trading/order/?q=trader0000500")).context_data["cl"]
    expected = Order.objects.filter(user=SMALL_TRADER).order_by("-pk")[:50]
    assert [row.pk for row in shown.result_list] == [row.pk for row in expected]
