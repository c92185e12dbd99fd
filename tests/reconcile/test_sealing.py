"""Seals are made once, whole, of what can't change any more, whoever else is at it."""

import threading

import psycopg
import pytest
from django.db import connection, transaction
from django.db.utils import IntegrityError

from common.postgres import horizon
from common.postgres.partitions import partitions_of
from ledger.balances.kinds import add_new_entries
from ledger.models import JournalEntry, Posting
from matching.messages.vocabulary import RejectCode
from persistence.reconciliation import due_seal, reconcile, runs, seal_if_due, sealer
from persistence.reconciliation.sealer import seal_stretches
from persistence.sealing.models import JournalSeal
from tests.builders.partitions import FILLS, POSTINGS, next_id
from tests.reconcile.planting import first_of, plant
from tests.reconcile.sealed import everything, last_entry, seal_half
from tests.reconcile.session import MARKETS, Session, engine_running
from trading.models import Order
from trading.partitions import make_partitions

PARTS = ("sealedmarket", "sealedtotal", "sealedposition", "journalseal")
LONG_TABLES = (
    "ledger_journalentry", "ledger_posting", "trading_fill", "trading_order",
    "trading_positionlife", "trading_fundingpayment",
)  # fmt: skip


@pytest.mark.parametrize("part", PARTS)
def test_postgres_refuses_to_change_a_seal(session, part):
    seal_half()
    for statement in (f"DELETE FROM persistence_{part}", f"UPDATE persistence_{part} SET id = id"):
        with (
            pytest.raises(IntegrityError, match="seals are append-only"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)


def test_what_is_not_right_is_not_sealed(session):
    plant("UPDATE trading_fill SET fee_units = fee_units + 1 WHERE trade_id = 1")
    assert seal_stretches(last_entry()) == []
    assert not JournalSeal.objects.exists()


def test_a_sealer_that_dies_leaves_nothing_behind(session, monkeypatch):
    def die(*_):
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(sealer, "_carry_orders", die)
        with pytest.raises(SystemExit):
            seal_stretches(last_entry())
    assert not JournalSeal.objects.exists()
    assert seal_stretches(last_entry())
    assert everything().differences == []


def _late_writer() -> psycopg.Connection:
    database = connection.get_connection_params()
    names = ("host", "port", "user", "password", "dbname")
    return psycopg.connect(**{name: database[name] for name in names if name in database})


def test_a_lower_id_that_commits_late_is_waited_for(session, monkeypatch, settings):
    """It draws its ids before others that commit at once, and is in the seal, or no seal is."""
    monkeypatch.setattr(horizon, "PATIENCE_S", 0.2)
    first = first_of(Posting.objects.filter(account__kind="available"))
    with _late_writer() as late:
        with late.cursor() as cursor:
            cursor.execute("SELECT nextval('ledger_journalentry_id_seq')")
            row = cursor.fetchone()
        assert row is not None
        for _ in range(20):
            with transaction.atomic():
                _move_and_back(first.account_id)
        assert seal_stretches(last_entry()) == []
        with late.cursor() as cursor:
            cursor.execute(
                "INSERT INTO ledger_journalentry (id, kind, created_at)"
                " VALUES (%s, 'hold_release', now())",
                row,
            )
            cursor.execute(
                "INSERT INTO ledger_posting (entry_id, account_id, amount_units)"
                " SELECT %s, %s, units FROM (VALUES (5), (-5)) AS legs(units)",
                (row[0], first.account_id),
            )
        assert seal_stretches(last_entry()) == []
        settings.SEAL_ENTRIES = last_entry()
        assert due_seal() is not None  # what lets an operator see it
    (seal,) = seal_stretches()
    assert due_seal() is None
    assert seal.last_entry_id > row[0]
    assert seal.entry_count == JournalEntry.objects.count()
    assert everything().differences == []
    assert reconcile().differences == []


def _move_and_back(account_id: int, count: int = 1) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH new AS (INSERT INTO ledger_journalentry (kind, created_at)"
            " SELECT 'hold_release', now() FROM generate_series(1, %s) RETURNING id)"
            " INSERT INTO ledger_posting (entry_id, account_id, amount_units)"
            " SELECT id, %s, units FROM new, (VALUES (5), (-5)) AS legs(units)",
            [count, account_id],
        )


def test_sealed_by_several_while_orders_are_placed_and_persisted(
    transactional_db, redis_db, settings
):
    settings.SEAL_ENTRIES = 25
    world = Session(redis_db, seed=5)
    done = threading.Event()
    behind = []

    def seal_again_and_again() -> None:
        try:
            while not done.is_set():
                seal_if_due()
                behind.append(reconcile())
        finally:
            connection.close()

    with engine_running(snapshot_every=20):
        world.open()
        world.settle()
        sealers = [threading.Thread(target=seal_again_and_again) for _ in range(2)]
        for one in sealers:
            one.start()
        try:
            world.trade(40)
        finally:
            done.set()
            for one in sealers:
                one.join()
    seal_if_due()
    seals = list(JournalSeal.objects.order_by("pk"))
    assert [seal.pk for seal in seals] == list(range(1, len(seals) + 1))
    assert len(seals) > 3
    assert [d for run in behind for d in run.differences] == []
    whole, rest = everything(), reconcile()
    assert (whole.differences, rest.differences) == ([], [])
    assert whole.figures == rest.figures
    assert {market.market_id for market in seals[-1].markets.all()} == set(MARKETS)


def _rows_read() -> dict[str, int]:
    """By a periodic run, of each long table: rows of scans, look-ups and entries of its indexes."""
    before = _statistics()
    assert reconcile().differences == []
    return _since(before)


def _since(before: dict[str, int]) -> dict[str, int]:
    return {table: rows - before[table] for table, rows in _statistics().items()}


def _statistics() -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute(
            "SELECT COALESCE(pg_partition_root(relid), relid)::regclass::text AS name,"
            " sum(COALESCE(seq_tup_read, 0) + COALESCE((SELECT sum(idx_scan + idx_tup_read)"
            " FROM pg_stat_user_indexes i WHERE i.relid = t.relid), 0))"
            " FROM pg_stat_user_tables t"
            " WHERE COALESCE(pg_partition_root(relid), relid)::regclass::text = ANY(%s)"
            " GROUP BY name",
            [list(LONG_TABLES)],
        )
        return {table: int(rows) for table, rows in cursor.fetchall()}


def _vacuum() -> None:
    """Rows of other tests, deleted, have the same keys, and look-ups count what indexes find."""
    with connection.cursor() as cursor:
        cursor.execute(f"VACUUM (INDEX_CLEANUP ON) {', '.join(LONG_TABLES)}")


def _add_rejected_orders(count: int) -> None:
    columns = (field.get_attname() for field in Order._meta.fields)
    names = [name for name in columns if name not in ("id", "client_order_id")]
    ended = {
        "status": "'rejected'",
        "reason": f"'{next(iter(RejectCode)).value}'",
        "cancelled_lots": "size_lots",
        "filled_lots": "0",
        "filled_cost_units": "0",
        "held_units": "0",
    }
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO trading_order ({', '.join(names)})"
            f" SELECT {', '.join(ended.get(name, name) for name in names)}"
            " FROM (SELECT * FROM trading_order WHERE status = 'cancelled' LIMIT 1) AS one,"
            " generate_series(1, %s)",
            [count],
        )


def test_a_run_costs_what_is_new_and_not_what_there_is(session, monkeypatch):
    # The engine is compared with what it remembers: so much of it, and no more.
    monkeypatch.setattr(runs, "_read_markets", lambda _: [])
    account_id = first_of(Posting.objects.filter(account__kind="available")).account_id
    _vacuum()
    unsealed = _rows_read()
    read = []
    # A look-up that names no id is one in each partition, of which the tests before this one may
    # have left many.
    partitions = len(partitions_of(POSTINGS))
    for count in (1_000, 2_000):
        _move_and_back(account_id, count)
        _add_rejected_orders(count)
        new = _rows_read()
        assert new["ledger_journalentry"] > count
        assert new["trading_order"] > count
        before = _statistics()
        seal_stretches(last_entry() - (_sealed_entry() if JournalSeal.objects.exists() else 0))
        assert _sealed_entry() == last_entry()
        # Each few times, whatever Postgres took the number of new ones for.
        proven = _since(before)
        assert 2 * count < proven["ledger_posting"] < 100 * count * partitions
        assert count < proven["trading_order"] < 100 * count
        add_new_entries()
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        read.append(_rows_read())
    assert all(rows <= read[0][table] + 50 * partitions for table, rows in read[1].items()), read
    assert sum(read[0].values()) < sum(unsealed.values()) / 2
    # Of orders not ended, and look-ups; by whichever index, as between its bounds lies nothing old.
    assert read[0]["trading_fill"] < 150 * len(partitions_of(FILLS))


@pytest.fixture
def fills_further_on(transactional_db):
    """In a partition behind the first, as they are after years."""
    next_id(FILLS, partitions_of(FILLS)[-1].first + 5_000)
    make_partitions(FILLS)


def test_that_is_so_in_each_partition(fills_further_on, kept, request, monkeypatch):
    kept.clear()  # the session is played anew there
    session = request.getfixturevalue("session")
    test_a_run_costs_what_is_new_and_not_what_there_is(session, monkeypatch)


def _sealed_entry() -> int:
    return JournalSeal.objects.latest("pk").last_entry_id
