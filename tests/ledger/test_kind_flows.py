"""What all accounts of a kind gained together: every entry once, and none before it is there."""

import threading

import psycopg
import pytest
from django.db import connection, connections
from django.db.models import Sum

from common.postgres import horizon
from ledger import services
from ledger.balances import kinds
from ledger.balances.models import KindFlow, KindFlowEnd
from ledger.models import AccountKind, JournalEntry, Posting
from persistence.tasks import sum_up_journal
from tests.ledger.world import make_user

pytestmark = pytest.mark.django_db(transaction=True)


def flows() -> dict[int, int]:
    """What traders have available, by interval."""
    rows = KindFlow.objects.filter(account_kind=AccountKind.AVAILABLE)
    sums = rows.values_list("interval_ms").annotate(units=Sum("amount_units"))
    return {interval_ms: int(units) for interval_ms, units in sums}


def available() -> int:
    postings = Posting.objects.filter(account__kind=AccountKind.AVAILABLE)
    return int(postings.aggregate(units=Sum("amount_units"))["units"])


def are_whole() -> bool:
    return flows() == dict.fromkeys((kinds.MINUTE_MS, kinds.HOUR_MS, kinds.DAY_MS), available())


def test_every_entry_once_however_often_it_is_asked() -> None:
    alice = make_user("alice")
    sum_up_journal()
    assert are_whole()
    for units in (5, 7):
        services.deposit(alice.pk, units, approved=True)
    assert not are_whole()
    for _ in range(2):
        sum_up_journal()
        assert are_whole()


def test_by_several_workers_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "STRETCH_ENTRIES", 2)
    alice = make_user("alice")
    KindFlowEnd.objects.create(pk=1, last_entry_id=JournalEntry.objects.earliest("pk").pk - 1)
    for _ in range(30):
        services.deposit(alice.pk, 3, approved=True)
    added: list[int] = []

    def work() -> None:
        try:
            added.append(kinds.add_new_entries())
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    assert sum(added) == JournalEntry.objects.count()
    assert are_whole()


def test_one_that_is_killed_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    make_user("alice")

    def die(*_: object, **__: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(KindFlowEnd, "save", die)
        KindFlowEnd.objects.bulk_create([KindFlowEnd(pk=1, last_entry_id=0)])
        with pytest.raises(SystemExit):
            kinds.add_new_entries()
    assert not KindFlow.objects.exists()
    kinds.add_new_entries()
    assert are_whole()


def test_a_lower_id_that_commits_late_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(horizon, "PATIENCE_S", 0.2)
    alice = make_user("alice")
    kinds.add_new_entries()
    postings = Posting.objects.order_by("-pk")[:2]
    database = connection.get_connection_params()
    names = ("host", "port", "user", "password", "dbname")
    with psycopg.connect(**{name: database[name] for name in names if name in database}) as late:
        row = late.execute(
            "INSERT INTO ledger_journalentry (kind, created_at) VALUES ('deposit', now())"
            " RETURNING id"
        ).fetchone()
        assert row is not None
        services.deposit(alice.pk, 5, approved=True)
        assert kinds.add_new_entries() == 0
        late.execute(
            "INSERT INTO ledger_posting (entry_id, account_id, amount_units)"
            " VALUES (%(entry)s, %(one)s, 11), (%(entry)s, %(other)s, -11)",
            {
                "entry": row[0],
                "one": next(p.account_id for p in postings if p.amount_units > 0),
                "other": next(p.account_id for p in postings if p.amount_units < 0),
            },
        )
        assert kinds.add_new_entries() == 0
    assert kinds.add_new_entries() == 2
    assert are_whole()
