"""Journal entries in partitions: rows, rules and look-ups over their borders. What all partitions
have in common is asked of postings, in `test_partitions`.
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts.models import User
from common.postgres.partitions import Partition, partitions_of, room_of
from ledger.models import Deposit, DepositStatus, EntryKind, JournalEntry, Posting
from ledger.services import deposit
from tests.builders.partitions import ENTRIES, cut_behind, next_id, rows_by_partition
from tests.ledger.test_partitions import are_whole, asked, looked_into
from tests.ledger.test_triggers import an_entry, lines
from tests.ledger.world import make_market, make_user
from trading.partitions import make_partitions

RUN = 4_000  # rows of a partition
ORDERS = 2_000


@pytest.fixture
def cut(db: None) -> Iterator[list[Partition]]:
    """Three more, the first with room for two rows, the second for three."""
    with cut_behind(ENTRIES, 2, 3) as partitions:
        yield partitions


# --- rows, and the rules that they keep -----------------------------------------------------------


@pytest.mark.django_db
def test_all_ids_have_their_partition() -> None:
    partitions = partitions_of(ENTRIES)
    assert len(partitions) > 1
    assert are_whole(partitions)


def test_a_statement_crosses_borders(cut: list[Partition]) -> None:
    entries = JournalEntry.objects.bulk_create(
        JournalEntry(kind=EntryKind.DEPOSIT, created_at=timezone.now()) for _ in range(7)
    )
    assert rows_by_partition(ENTRIES) == {
        partition.name: rows for partition, rows in zip(cut, (2, 3, 2), strict=True)
    }
    Posting.objects.bulk_create(
        line for entry in entries for line in lines(entry, entry.pk, -entry.pk)
    )
    assert Posting.objects.filter(entry__in=entries).count() == 14


@pytest.mark.usefixtures("cut")
def test_postings_of_an_entry_that_is_not_there_are_refused_beside_others_that_are() -> None:
    """Between the first and the last that are there, and behind them."""
    entries = [an_entry() for _ in range(7)]
    next_id(ENTRIES)
    entries.append(an_entry())
    missing = entries[-1].pk - 1
    for gone in (missing, entries[-1].pk + 1):
        with (
            pytest.raises(IntegrityError, match=f"names journal entry {gone}, which is not there"),
            transaction.atomic(),
        ):
            Posting.objects.bulk_create(
                line
                for pk in (entries[0].pk, gone, entries[-1].pk)
                for line in lines(JournalEntry(pk=pk), 1, -1)
            )


@pytest.mark.usefixtures("cut")
def test_markets_of_entries_are_looked_up_in_all_of_them() -> None:
    for _ in range(7):
        an_entry()
        with pytest.raises(IntegrityError, match="names market NO-PERP"), transaction.atomic():
            JournalEntry.objects.create(
                kind=EntryKind.DEPOSIT, market_id="NO-PERP", created_at=timezone.now()
            )


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO {} (id, kind, created_at) SELECT id, 'fill', now() FROM {}",
        "UPDATE {} SET kind = 'fill'",
        "DELETE FROM {}",
    ],
)
def test_a_partition_is_not_written_to(cut: list[Partition], place: int, statement: str) -> None:
    for _ in range(6):
        an_entry()
    name = cut[place].name
    with (
        pytest.raises(IntegrityError, match=f"{name}: its rows are written by way of the table"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement.replace("{}", name))


@pytest.mark.usefixtures("cut")
@pytest.mark.parametrize("statement", ["UPDATE {} SET kind = 'fill'", "DELETE FROM {}"])
def test_the_table_is_append_only_in_all_of_them(statement: str) -> None:
    for _ in range(6):
        an_entry()
    with (
        pytest.raises(IntegrityError, match="the journal is append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement.replace("{}", ENTRIES))


@pytest.mark.usefixtures("cut")
def test_a_deposit_names_an_entry_that_is_there() -> None:
    user = make_user("ann", 0)
    for _ in range(4):
        row = deposit(user.pk, 5, approved=True).deposit
        missing = (row.entry_id or 0) + 100
        refused = f"deposit {row.pk} names journal entry {missing}, which is not there"
        with pytest.raises(IntegrityError, match=refused), transaction.atomic():
            Deposit.objects.filter(pk=row.pk).update(entry_id=missing)
    with pytest.raises(IntegrityError, match="which is not there"), transaction.atomic():
        _approved(user, missing)
    _approved(user, an_entry().pk)


def _approved(user: User, entry_id: int) -> Deposit:
    return Deposit.objects.create(
        user=user, amount_units=5, status=DepositStatus.APPROVED, entry_id=entry_id
    )


@pytest.mark.django_db
def test_rows_that_deposits_name_do_not_hold_up_the_next_one() -> None:
    """Also where they lie in the newest partition, which is detached to be given its end."""
    user = make_user("ann", 0)
    newest = partitions_of(ENTRIES)[-1]
    next_id(ENTRIES, newest.first + 5)
    row = deposit(user.pk, 5, approved=True).deposit
    assert rows_by_partition(ENTRIES) == {newest.name: 1}
    assert room_of(ENTRIES).ids < 0
    assert make_partitions(ENTRIES)
    assert room_of(ENTRIES).ids > 0
    assert are_whole(partitions_of(ENTRIES))
    assert Deposit.objects.get(pk=row.pk).entry == JournalEntry.objects.latest("pk")


# --- look-ups -------------------------------------------------------------------------------------


@pytest.fixture
def filled(db: None) -> Iterator[list[Partition]]:
    """Four partitions of rows of two thousand orders in turns, a second and a sequence apart."""
    make_market()
    with (
        cut_behind(ENTRIES, RUN, RUN, RUN, RUN) as partitions,
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(
            "INSERT INTO ledger_journalentry (kind, market_id, seq, order_id, created_at)"
            " SELECT 'fill', 'BTC-PERP', n, n %% %s, '2030-01-01Z'::timestamptz"
            " + make_interval(secs => n) FROM generate_series(0, %s) n",
            [ORDERS, 4 * RUN - 1],
        )
        cursor.execute("SET LOCAL session_replication_role = origin")
        cursor.execute("ANALYZE ledger_journalentry")
        yield partitions


def indexes_of(nodes: list[dict[str, Any]], partitions: list[Partition]) -> set[str]:
    """Those of these partitions, without their names: another may have rows of other tests."""
    names = [node["Index Name"] for node in nodes if "Index Name" in node and node["Actual Loops"]]
    return {
        name.removeprefix(f"{partition.name}_")
        for partition in partitions
        for name in names
        if name.startswith(f"{partition.name}_")
    }


def test_an_entry_is_looked_for_where_its_id_is(filled: list[Partition]) -> None:
    nodes = asked(lambda: JournalEntry.objects.get(pk=filled[1].first + 7), ENTRIES)
    assert looked_into(nodes) == {filled[1].name: 1}


def test_entries_of_an_order_are_found_by_the_index_of_each(filled: list[Partition]) -> None:
    rows = JournalEntry.objects.filter(order_id=77).order_by("pk")
    nodes = asked(lambda: list(rows), ENTRIES)
    assert indexes_of(nodes, filled) == {"order_id_idx"}
    assert sum(looked_into(nodes).values()) == rows.count() == 4 * RUN // ORDERS


def test_entries_of_a_sequence_are_found_by_the_index_of_each(filled: list[Partition]) -> None:
    rows = JournalEntry.objects.filter(market="BTC-PERP", seq=2 * RUN + 5)
    nodes = asked(lambda: list(rows), ENTRIES)
    assert indexes_of(nodes, filled) == {"market_id_seq_idx"}
    assert sum(looked_into(nodes).values()) == rows.count() == 1


def test_entries_since_a_moment_are_found_by_the_few_pages_of_each(filled: list[Partition]) -> None:
    last = JournalEntry.objects.latest("pk").created_at
    rows = JournalEntry.objects.filter(created_at__gte=last - timedelta(seconds=99))
    nodes = asked(lambda: list(rows.order_by().values_list("pk")), ENTRIES)
    assert indexes_of(nodes, filled) == {"created_at_idx"}
    read = looked_into(nodes)
    assert read[filled[-2].name] == 100
    assert sum(read.values()) == 100


@pytest.mark.django_db(transaction=True)
def test_the_end_of_a_partition_is_known_by_its_time_once_ids_have_left_it(
    settings: LazySettings,
) -> None:
    settings.PARTITION_ENTRIES = 10_000
    with cut_behind(ENTRIES, 6_000, 6_000, 9_000) as partitions:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO ledger_journalentry (kind, created_at)"
                " SELECT 'deposit', now() FROM generate_series(1, 18000)"
            )
        assert make_partitions(ENTRIES)
        found = [_ranges_not_known(partition) > 0 for partition in partitions[:3]]
        # The first was left to when ids had left it; the third is written to.
        assert found == [True, False, True]


def _ranges_not_known(partition: Partition) -> int:
    """They are from now on."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT brin_summarize_new_values(inhrelid) FROM pg_inherits JOIN pg_index"
            " ON indexrelid = inhrelid WHERE inhparent = 'journal_by_time'::regclass"
            " AND indrelid = %s::regclass",
            [partition.name],
        )
        (count,) = cursor.fetchone()
    return int(count)


def test_the_newest_entries_are_found_in_the_newest_partitions(filled: list[Partition]) -> None:
    nodes = asked(lambda: list(JournalEntry.objects.order_by("-pk")[:50]), ENTRIES)
    assert not {"Sort", "Merge Append", "Seq Scan"} & {node["Node Type"] for node in nodes}
    assert looked_into(nodes) == {filled[-1].name: 0, filled[-2].name: 50}


@pytest.mark.django_db(transaction=True)
def test_a_statement_of_postings_opens_the_partitions_of_its_entries_alone() -> None:
    """However many there are: its triggers' plans are kept, and know between which ids to look."""
    with cut_behind(ENTRIES, 10, 10, 10) as partitions:
        next_id(ENTRIES, partitions[2].first)
        _post_one()  # makes the plans
        with suppress(_Undone), transaction.atomic(), connection.cursor() as cursor:
            _post_one()
            cursor.execute(
                "SELECT relation::regclass::text FROM pg_locks"
                " WHERE pid = pg_backend_pid() AND mode = 'AccessShareLock'"
                " AND relation = ANY(SELECT indexrelid FROM pg_index WHERE indrelid ="
                " ANY(SELECT inhrelid FROM pg_inherits WHERE inhparent = %s::regclass))",
                [ENTRIES],
            )
            assert cursor.fetchall() == [(f"{partitions[2].name}_pkey",)]
            raise _Undone


class _Undone(Exception):
    pass


def _post_one() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH entry AS (INSERT INTO ledger_journalentry (kind, created_at)"
            " VALUES ('adjustment', now()) RETURNING id)"
            " INSERT INTO ledger_posting (entry_id, account_id, amount_units)"
            " SELECT entry.id, account.id, units FROM entry, (VALUES (5), (-5)) AS legs(units),"
            " ledger_account account WHERE account.kind = 'fees' AND user_id IS NULL"
        )
