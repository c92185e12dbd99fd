"""The flush after a test that committed, which is not Django's own (see `tests.cheaper`)."""

import threading

import psycopg
import pytest
import redis
from django.core.management import call_command
from django.db import connection, transaction

from accounts.models import User
from common.postgres.partitions import end_newest, partitions_of
from ledger.models import Account, Posting
from ledger.services import deposit
from tests import cheaper
from tests.flow.demo import empty_database
from trading.partitions import partition_widths

pytestmark = pytest.mark.django_db(transaction=True)


def flush() -> None:
    """As `TransactionTestCase` does; a reset of sequences is left to Django's own."""
    call_command(
        "flush",
        verbosity=0,
        interactive=False,
        reset_sequences=False,
        inhibit_post_migrate=False,
    )


def rows() -> dict[str, int]:
    """How many each table has."""
    counts = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.django_table_names(only_existing=True):
            cursor.execute(f"SELECT count(*) FROM {table}")
            counts[table] = cursor.fetchone()[0]
    return counts


@pytest.mark.parametrize("large_bytes", [cheaper.LARGE_BYTES, -1], ids=["delete", "truncate"])
def test_what_migrate_makes_is_left(monkeypatch: pytest.MonkeyPatch, large_bytes: int) -> None:
    monkeypatch.setattr(cheaper, "LARGE_BYTES", large_bytes)
    flush()
    before = rows()
    assert Account.objects.exists()
    alice = User.objects.create_user("alice", password="a long enough secret")
    deposit(alice.pk, 1_000_000, approved=True)
    assert Posting.objects.exists()  # whose rows nobody may delete
    flush()
    assert rows() == before
    assert User.objects.create_user("bob", password="a long enough secret").pk > alice.pk


def test_rows_not_yet_committed_are_waited_for() -> None:
    parameters = connection.get_connection_params()
    names = ("dbname", "user", "password", "host", "port")
    with psycopg.connect(**{name: parameters[name] for name in names}) as late:
        late.execute("INSERT INTO auth_group (name) VALUES ('late')")
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            (ours,) = cursor.fetchone()
        threading.Thread(target=_commit_once_waited_for, args=(late, ours)).start()
        flush()
    assert rows()["auth_group"] == 0


def _commit_once_waited_for(late: psycopg.Connection, waiting_pid: int) -> None:
    waits = "SELECT cardinality(pg_blocking_pids(%s)) > 0"
    while not late.execute(waits, [waiting_pid]).fetchone()[0]:  # type: ignore[index]
        pass
    late.commit()


def test_an_emptied_database_has_the_partitions_of_a_new_one(redis_db: redis.Redis) -> None:
    """Rows find their place in it, and are where tests take them to be."""
    for table in partition_widths():
        for _ in range(2):
            newest = partitions_of(table)[-1]
            with transaction.atomic(), connection.cursor() as cursor:
                end_newest(cursor, table, newest, newest.first + 1_000)
    empty_database()
    for table in partition_widths():
        *_, newest = there = partitions_of(table)
        assert (len(there), newest.end) == (2, None), table
