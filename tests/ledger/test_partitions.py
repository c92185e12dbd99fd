"""Postings in partitions: rows, rules and plans over their borders, and the next one made ahead."""

import itertools
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.conf import LazySettings
from django.db import IntegrityError, OperationalError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from common.postgres.partitions import Partition, analyze_if_grown, partitions_of, room_of
from ledger.models import Account, AccountFlow, AccountKind, Posting
from ledger.selectors import LedgerFilter, newest_postings_of_user
from persistence.tasks import make_partitions as make_partitions_task
from tests.builders.partitions import POSTINGS, cut_behind, next_id, rows_by_partition
from tests.ledger.test_listener import wait_until
from tests.ledger.test_triggers import account, an_entry, lines
from tests.ledger.world import make_user
from trading.partitions import make_partitions

WIDTH = 10_000


def are_whole(partitions: list[Partition]) -> bool:
    """From the first id on, without a gap, to the last there may be."""
    ends = [partition.end for partition in partitions]
    return [0, *ends] == [*(partition.first for partition in partitions), None]


@pytest.fixture
def cut(db: None) -> Iterator[list[Partition]]:
    """Three more, the first with room for two rows, the second for three."""
    with cut_behind(POSTINGS, 2, 3) as partitions:
        yield partitions


# --- rows, and the rules that they keep -----------------------------------------------------------


@pytest.mark.django_db
def test_all_ids_have_their_partition() -> None:
    partitions = partitions_of(POSTINGS)
    assert len(partitions) > 1
    assert are_whole(partitions)


def test_a_statement_crosses_borders(cut: list[Partition]) -> None:
    flows = AccountFlow.objects.filter(account_kind="fees")
    Posting.objects.bulk_create(lines(an_entry(), 5, -5, 2, -2) + lines(an_entry(), 7, -3, -4))
    assert rows_by_partition(POSTINGS) == {
        partition.name: rows for partition, rows in zip(cut, (2, 3, 2), strict=True)
    }
    ids = list(Posting.objects.order_by("pk").values_list("pk", flat=True))
    assert ids == list(range(ids[0], ids[0] + 7))
    # Both sum to nothing: a row of flows is there, made of all of the statement's rows.
    assert {flow.amount_units for flow in flows} == {0}
    assert flows.exists()


def test_an_entry_that_lies_across_a_border_is_judged_whole(cut: list[Partition]) -> None:
    with pytest.raises(IntegrityError, match="sum to 1 units"), transaction.atomic():
        Posting.objects.bulk_create(lines(an_entry(), 5, -2, -2))
    assert not Posting.objects.exists()


def test_the_statements_of_the_release_before_go_on(cut: list[Partition]) -> None:
    """As they were before there were partitions."""
    entry, fees = an_entry(), account(AccountKind.FEES)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ledger_posting (entry_id, account_id, amount_units, kind) SELECT v.*"
            " FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::text[]) AS v RETURNING id",
            [[entry.pk] * 4, [fees.pk] * 4, [5, -5, 1, -1], [None, "fee", None, "fee"]],
        )
        assert len(cursor.fetchall()) == 4
    raw = psycopg.Cursor(connection.connection)
    with raw.copy("COPY ledger_posting (entry_id, account_id, amount_units) FROM STDIN") as copy:
        copy.write("".join(f"{entry.pk}\t{fees.pk}\t{units}\n" for units in (3, -3)))
    assert [rows_by_partition(POSTINGS)[partition.name] for partition in cut] == [2, 3, 1]


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO {} (id, entry_id, account_id, amount_units) SELECT id, 1, 1, 1 FROM {}",
        "UPDATE {} SET amount_units = 1",
        "DELETE FROM {}",
    ],
)
def test_a_partition_is_not_written_to(cut: list[Partition], place: int, statement: str) -> None:
    Posting.objects.bulk_create(lines(an_entry(), 1, 2, 3, 4, 5, -15))
    name = cut[place].name
    with (
        pytest.raises(IntegrityError, match=f"{name}: its rows are written by way of the table"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement.replace("{}", name))


@pytest.mark.parametrize("statement", ["UPDATE {} SET kind = 'fee'", "DELETE FROM {}"])
def test_the_table_is_append_only_in_all_of_them(cut: list[Partition], statement: str) -> None:
    Posting.objects.bulk_create(lines(an_entry(), 1, 2, 3, 4, 5, -15))
    with (
        pytest.raises(IntegrityError, match="the journal is append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement.replace("{}", POSTINGS))


@pytest.mark.usefixtures("cut")
def test_no_id_is_there_twice() -> None:
    Posting.objects.bulk_create(lines(an_entry(), 1, 2, -3))
    again = lines(an_entry(), 1, -1)
    again[0].pk, again[1].pk = Posting.objects.order_by("pk").values_list("pk", flat=True)[1:3]
    with pytest.raises(IntegrityError, match="duplicate key"), transaction.atomic():
        Posting.objects.bulk_create(again)


# --- the next one, made ahead ---------------------------------------------------------------------


@pytest.fixture
def narrow(settings: LazySettings) -> None:
    settings.PARTITION_POSTINGS = WIDTH


def make_next() -> list[str]:
    return make_partitions(POSTINGS)


@pytest.mark.django_db
def test_there_is_a_partition_free_before_the_newest(narrow: None) -> None:
    with cut_behind(POSTINGS, 3):
        before = partitions_of(POSTINGS)
        assert room_of(POSTINGS).ids == 3
        made = make_next()
        assert room_of(POSTINGS).ids >= WIDTH
        after = partitions_of(POSTINGS)
        assert [one.name for one in after] == [*(one.name for one in before), *made]
        assert are_whole(after)
        assert make_next() == []
        assert partitions_of(POSTINGS) == after


@pytest.mark.django_db
@pytest.mark.parametrize("rows", [1, 25])
def test_what_nobody_made_a_place_for_has_one(narrow: None, rows: int) -> None:
    """Rows in the newest partition: that gets its end behind them, and nothing of how it did."""
    newest = partitions_of(POSTINGS)[-1]
    next_id(POSTINGS, newest.first + 5 * WIDTH)
    for _ in range(rows):
        Posting.objects.bulk_create(lines(an_entry(), 1, -1))
    found = list(Posting.objects.order_by("pk").values())
    assert rows_by_partition(POSTINGS) == {newest.name: 2 * rows}
    assert room_of(POSTINGS).ids < 0
    (made,) = make_next()
    assert room_of(POSTINGS).ids >= WIDTH
    assert are_whole(partitions_of(POSTINGS))
    assert list(Posting.objects.order_by("pk").values()) == found
    assert _checks_of(newest.name) == _checks_of(made) == ["posting_moves_something"]
    next_id(POSTINGS, room_of(POSTINGS).partition.first - 1)
    Posting.objects.bulk_create(lines(an_entry(), 1, 1, -2))
    assert rows_by_partition(POSTINGS) == {newest.name: 2 * rows + 1, made: 2}


def _checks_of(table: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'c'",
            [table],
        )
        return [name for (name,) in cursor.fetchall()]


@pytest.fixture
def committed(transactional_db: None, narrow: None) -> Iterator[Partition]:
    """The newest, before which there is room for three."""
    with cut_behind(POSTINGS, 3) as partitions:
        yield partitions[-1]


def in_a_thread(call: Callable[[], Any], found: list[Any]) -> threading.Thread:
    def run() -> None:
        try:
            found.append(call())
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_of_two_at_once_one_makes_it(committed: Partition) -> None:
    before = len(partitions_of(POSTINGS))
    found: list[list[str]] = []
    for thread in [in_a_thread(make_next, found) for _ in range(4)]:
        thread.join()
    after = partitions_of(POSTINGS)
    assert [*itertools.chain(*found)] == [partition.name for partition in after[before:]]
    assert len(after) > before
    assert are_whole(after)


@pytest.mark.parametrize("has_rows", [False, True])
def test_whoever_reads_for_long_is_waited_for_shortly(
    committed: Partition, has_rows: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """And nobody who writes comes to harm."""
    if has_rows:
        next_id(POSTINGS, committed.first + WIDTH)
        Posting.objects.bulk_create(lines(an_entry(), 1, -1))
    before = partitions_of(POSTINGS)
    ended, reads = threading.Event(), threading.Event()

    def read() -> None:
        with transaction.atomic():
            Posting.objects.count()
            reads.set()
            ended.wait()

    reader = in_a_thread(read, [])
    try:
        assert reads.wait(30)
        with pytest.raises(OperationalError, match="lock timeout"):
            make_next()
        make_partitions_task()
        assert partitions_of(POSTINGS) == before
        Posting.objects.bulk_create(lines(an_entry(), 1, 2, -3))
    finally:
        ended.set()
        reader.join()
    assert make_next()
    assert _checks_of(committed.name) == ["posting_moves_something"]
    assert are_whole(partitions_of(POSTINGS))


def test_who_writes_meanwhile_gets_on(committed: Partition) -> None:
    stop, written = threading.Event(), []

    def write() -> None:
        while not stop.is_set():
            with transaction.atomic():
                Posting.objects.bulk_create(lines(an_entry(), 1, 2, -3))
            written.append(3)

    writer = in_a_thread(write, [])
    try:
        for count in (5, 50, 100):
            wait_until(lambda count=count: len(written) >= count, "more rows")
            next_id(POSTINGS, room_of(POSTINGS).partition.first - 20)
            wait_until(make_next, "another partition")
    finally:
        stop.set()
        writer.join()
    assert Posting.objects.count() == sum(written)
    assert len(rows_by_partition(POSTINGS)) > 2


# --- plans ----------------------------------------------------------------------------------------

RUN = 4_000  # rows of a partition
TRADERS = 10


@pytest.fixture
def filled(db: None) -> Iterator[list[Partition]]:
    """Four partitions of rows of ten accounts, in turns, and of as many entries as rows."""
    trader = make_user("trader", 0)
    with (
        cut_behind(POSTINGS, RUN, RUN, RUN, RUN) as partitions,
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(
            "INSERT INTO ledger_posting (entry_id, account_id, amount_units)"
            " SELECT n, CASE WHEN n %% %s = 0 THEN"
            " (SELECT id FROM ledger_account WHERE user_id = %s AND kind = 'available')"
            " ELSE n %% %s END, 1 FROM generate_series(0, %s) n",
            [TRADERS, trader.pk, TRADERS, 4 * RUN - 1],
        )
        cursor.execute("SET LOCAL session_replication_role = origin")
        cursor.execute("ANALYZE ledger_posting")
        yield partitions


def nodes_of(sql: str, *values: Any) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {sql}", values)
        (found,) = cursor.fetchone()
    todo = [(json.loads(found) if isinstance(found, str) else found)[0]["Plan"]]
    nodes = []
    while todo:
        nodes.append(todo.pop())
        todo += nodes[-1].get("Plans", [])
    return nodes


def looked_into(nodes: list[dict[str, Any]]) -> dict[str, float]:
    """Rows that were read of each partition which was looked into at all."""
    return {
        node["Relation Name"]: node["Actual Rows"]
        for node in nodes
        if "Relation Name" in node and node["Actual Loops"]
    }


def asked(call: Callable[[], Any], table: str = POSTINGS) -> list[dict[str, Any]]:
    """The nodes of all that it asks of a table."""
    with CaptureQueriesContext(connection) as captured:
        call()
    found = [query["sql"] for query in captured.captured_queries if table in query["sql"]]
    assert found
    return [node for sql in found for node in nodes_of(sql)]


def test_the_newest_of_an_account_are_found_in_the_newest_partitions(
    filled: list[Partition],
) -> None:
    trader = Account.objects.filter(user__isnull=False).get(kind=AccountKind.AVAILABLE)
    rows = Posting.objects.filter(account=trader).order_by("-pk")
    nodes = asked(lambda: list(rows.values_list("pk")[:50]))
    assert not {"Sort", "Merge Append", "Seq Scan"} & {node["Node Type"] for node in nodes}
    # The newest is empty, which one look tells; it has no end.
    assert looked_into(nodes) == {filled[-1].name: 0, filled[-2].name: 50}
    within = rows.filter(pk__lt=filled[-3].first + 1_000)
    nodes = asked(lambda: list(within.values_list("pk")[:50]))
    assert looked_into(nodes) == {filled[-3].name: 50}


def test_a_page_of_a_ledger_reads_what_it_shows(filled: list[Partition]) -> None:
    user = User.objects.get(username="trader")
    nodes = asked(lambda: newest_postings_of_user(user.pk, LedgerFilter(), 20, None))
    read = looked_into(nodes)
    assert sum(rows for name, rows in read.items() if name.startswith(POSTINGS)) <= 2 * 20 + 3
    newest = Posting.objects.filter(account__user=user).latest("pk").pk
    before = newest - 2 * RUN
    nodes = asked(lambda: newest_postings_of_user(user.pk, LedgerFilter(), 20, before))
    assert filled[-2].name not in looked_into(nodes)


def test_a_row_is_looked_for_where_its_id_is(filled: list[Partition]) -> None:
    nodes = asked(lambda: Posting.objects.get(pk=filled[1].first + 7))
    assert looked_into(nodes) == {filled[1].name: 1}


def test_lines_of_an_entry_are_found_by_the_index_of_each(filled: list[Partition]) -> None:
    nodes = asked(lambda: list(Posting.objects.filter(entry=RUN + 5).order_by("pk")))
    assert {node["Node Type"] for node in nodes} <= {
        "Sort", "Append", "Index Scan", "Bitmap Heap Scan", "Bitmap Index Scan", "Seq Scan",
    }  # fmt: skip
    assert sum(looked_into(nodes).values()) == 1
    whole = [node for node in nodes if node["Node Type"] == "Seq Scan"]
    assert [node["Actual Rows"] for node in whole] == [0] * len(whole)  # of empty ones


def test_what_the_table_is_like_is_looked_up_as_it_grows(filled: list[Partition]) -> None:
    assert not analyze_if_grown(POSTINGS)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE pg_class SET reltuples = -1 WHERE relname = 'ledger_posting'")
        assert analyze_if_grown(POSTINGS)
        cursor.execute("SELECT reltuples FROM pg_class WHERE relname = 'ledger_posting'")
        assert cursor.fetchone() == (4 * RUN,)
    assert not analyze_if_grown(POSTINGS)
