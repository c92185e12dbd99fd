"""Whoever reads old postings is answered the same, whether they lie in a partition or in a file."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from common.postgres import keysets
from common.postgres.partitions import Partition
from common.postgres.prepared import fetch_all
from ledger.archive import rows
from ledger.archive.models import ArchivedHold, detached_files
from ledger.archive.shadow import all_rows_shown
from ledger.balances import sums
from ledger.balances.kinds import add_new_entries
from ledger.balances.models import BalanceMark, JournalMoment, KindFlow, KindFlowEnd
from ledger.models import JournalEntry, Posting
from ledger.selectors import LedgerFilter, newest_postings_of_user
from ledger.services import deposit
from persistence.reconciliation import reconcile
from tests.archive.commands import attached
from tests.archive.conftest import seal_all
from tests.archive.told import all_told, traders
from tests.reconcile.sealed import everything

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("looked_back", "one_in"),
    [(40, 2), pytest.param(keysets.LOOK_BACK_ROWS, 1, marks=pytest.mark.drill)],
)
def test_traders_are_told_the_same_bytes(
    parts: list[Partition], looked_back: int, one_in: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keysets, "LOOK_BACK_ROWS", looked_back)
    before = all_told(one_in)
    rows = Posting.objects.count()
    call_command("archivepartitions", keep=2)
    assert not {part.name for part in parts[:2]} & attached()
    assert Posting.objects.count() == rows - 161
    assert all_told(one_in) == before
    call_command("archivepartitions", keep=1)
    assert all_told(one_in) == before
    for part in parts[2::-1]:
        call_command("restorepartition", part.name)
    assert Posting.objects.count() == rows
    assert all_told(one_in) == before


@pytest.mark.drill
def test_with_hours_and_marks_it_is_the_same(
    parts: list[Partition], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an exchange has them that ran for longer than seconds."""
    monkeypatch.setattr(sums, "MARK_ROWS", 5)
    for name in ("SKEW_MAX", "ENDED_WITHIN"):
        monkeypatch.setattr(sums, name, timedelta(0))
    ids = list(Posting.objects.order_by("pk").values_list("pk", flat=True))
    for share in (0.1, 0.3, 0.5, 0.9):
        last = ids[int(share * len(ids))]
        happened = JournalEntry.objects.filter(postings__pk__lte=last).latest("created_at")
        JournalMoment.objects.create(
            at=happened.created_at + timedelta(microseconds=1), posting_id=last
        )
    all_told()
    assert BalanceMark.objects.filter(posting_id__lt=parts[1].end).count() > 5
    deposit(traders()[0].pk, 1_000_000, approved=True)
    seal_all()
    before = all_told()
    call_command("archivepartitions", keep=1)
    assert all_told() == before
    assert reconcile().differences == everything().differences == []


def test_sums_of_kinds_can_be_made_anew(parts: list[Partition]) -> None:
    columns = "interval_ms", "start_ms", "account_kind", "amount_units"
    kept = list(KindFlow.objects.values_list(*columns))
    call_command("archivepartitions", keep=1)
    KindFlow.objects.all().delete()
    KindFlowEnd.objects.all().delete()
    add_new_entries()
    assert sorted(KindFlow.objects.values_list(*columns)) == sorted(kept)


def test_reconciliation_finds_all_there_is(parts: list[Partition]) -> None:
    assert reconcile().differences == everything().differences == []
    figures = everything().figures
    call_command("archivepartitions", keep=1)
    assert detached_files(rows.POSTINGS).count() >= 3
    assert ArchivedHold.objects.exists()  # of orders that rest since then
    assert reconcile().differences == everything().differences == []
    assert everything().figures == figures


def test_what_was_prepared_before_finds_files_too(parts: list[Partition]) -> None:
    """Postgres looks a name up once for a prepared statement, and not again for a view that comes
    to stand before the table."""
    counted = "SELECT count(*) FROM ledger_posting"
    ((count,),) = fetch_all(counted, [])
    call_command("archivepartitions", keep=1)
    for _ in range(3):
        assert fetch_all(counted, []) == [(count - 258,)]
        with transaction.atomic(), all_rows_shown(rows.POSTINGS):
            assert fetch_all(counted, []) == [(count,)]


@pytest.mark.usefixtures("still")
def test_a_page_of_what_is_young_asks_as_before(parts: list[Partition]) -> None:
    user = User.objects.get(username="trader0")
    asked = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            newest_postings_of_user(user.pk, LedgerFilter(), 5, None)
        asked.append([query["sql"] for query in queries])
        call_command("archivepartitions", keep=1)
    assert asked[0] == asked[1]
    assert not any("archived" in sql for sql in asked[1])
