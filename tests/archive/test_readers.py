"""Whoever reads old postings is answered the same, whether they lie in a partition or in a file."""

import pytest
from django.core.management import call_command
from django.db import connection

from common.postgres import keysets
from common.postgres.partitions import Partition
from ledger.archive.models import ArchivedHold, detached_files
from ledger.models import Posting
from persistence.reconciliation import reconcile
from tests.archive.told import all_told
from tests.reconcile.sealed import everything

pytestmark = pytest.mark.django_db(transaction=True)


def names_attached() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits"
            " WHERE inhparent = 'ledger_posting'::regclass"
        )
        return {name for (name,) in cursor.fetchall()}


@pytest.mark.parametrize("looked_back", [keysets.LOOK_BACK_ROWS, 40])
def test_traders_are_told_the_same_bytes(
    parts: list[Partition], looked_back: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keysets, "LOOK_BACK_ROWS", looked_back)
    before = all_told()
    rows = Posting.objects.count()
    call_command("archivepartitions", keep=2)
    assert not {part.name for part in parts[:2]} & names_attached()
    assert Posting.objects.count() == rows - 161
    assert all_told() == before
    call_command("archivepartitions", keep=1)
    assert all_told() == before
    for part in parts[2::-1]:
        call_command("restorepartition", part.name)
    assert Posting.objects.count() == rows
    assert all_told() == before


def test_reconciliation_finds_all_there_is(parts: list[Partition]) -> None:
    assert reconcile().differences == everything().differences == []
    figures = everything().figures
    call_command("archivepartitions", keep=1)
    assert detached_files().count() >= 3
    assert ArchivedHold.objects.exists()  # of orders that rest since then
    assert reconcile().differences == everything().differences == []
    assert everything().figures == figures
