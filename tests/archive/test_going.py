"""A partition goes whole or not at all, whatever happens on the way."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection

from accounts.models import User
from common.postgres.partitions import Partition, partitions_of
from ledger.archive import parquet, rows
from ledger.archive.models import ArchiveFile, detached_files
from ledger.balances.models import BalanceMark, KindFlowEnd
from ledger.models import Posting
from ledger.services import deposit
from persistence.archiving import coming, going, locking
from persistence.archiving.postings import ArchivedPostings
from persistence.reconciliation import reconcile
from persistence.sealing.models import JournalSeal
from tests.archive.commands import (
    archived,
    attached,
    die,
    die_behind,
    refused,
    run,
    statements,
)
from tests.archive.conftest import seal_all
from tests.builders.partitions import POSTINGS
from tests.reconcile.sealed import everything

pytestmark = pytest.mark.django_db(transaction=True)


# --- killed on the way ----------------------------------------------------------------------------


STEPS = [
    (parquet, "write", die),
    (parquet, "write", die_behind),
    (going, "_compared", die_behind),
    (Path, "rename", die_behind),
    (parquet, "keep_name", die_behind),
    (ArchivedPostings, "tell", die_behind),
    (going, "_told", die_behind),
    (going, "detach_and_drop", die_behind),
    (going, "_replace", die_behind),
    (going, "with_table_locked", die_behind),
]


@pytest.mark.parametrize("step", range(len(STEPS)))
def test_killed_behind_any_step_it_is_taken_up_again(
    parts: list[Partition], monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """What dies by an exception is in a transaction that is rolled back, as by a signal."""
    before = statements()
    where, name, make = STEPS[step]
    with monkeypatch.context() as patch:
        patch.setattr(where, name, _dying(make, getattr(where, name)))
        with pytest.raises(SystemExit):
            run("archivepartitions", keep=2)
    assert archived() | attached() >= {part.name for part in parts}
    assert not archived() & attached()
    assert statements() == before
    assert reconcile().differences == []
    run("archivepartitions", keep=2)
    assert archived() >= {part.name for part in parts[:2]}
    assert not archived() & attached()
    assert statements() == before
    assert reconcile().differences == everything().differences == []
    assert run("verifyarchive", rows=True).endswith("Every row has its place.\n")


def _dying(make: Callable[..., Any], real: Callable[..., Any]) -> Callable[..., Any]:
    return make if make is die else make(real)


@pytest.mark.parametrize("where", ["_load", "_return"])
def test_killed_on_its_way_back_it_is_taken_up_again(
    parts: list[Partition], monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    before = statements()
    run("archivepartitions", keep=2)
    with monkeypatch.context() as patch:
        patch.setattr(coming, where, die_behind(getattr(coming, where)))
        with pytest.raises(SystemExit):
            run("restorepartition", parts[1].name)
    assert parts[1].name in archived()
    assert statements() == before
    run("restorepartition", f"{parts[1].name}.parquet")
    assert parts[1].name in attached()
    assert partitions_of(POSTINGS)[0] == parts[1]
    assert statements() == before
    # It goes again, to the file that is there.
    files = ArchiveFile.objects.count()
    run("archivepartitions", keep=2)
    assert ArchiveFile.objects.count() == files
    assert statements() == before


# --- why not --------------------------------------------------------------------------------------


def test_what_no_seal_covers_stays(parts: list[Partition]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE persistence_journalseal CASCADE")
    assert "no seal yet" in refused("archivepartitions", keep=2)
    assert detached_files(rows.POSTINGS).count() == 0
    assert not JournalSeal.objects.exists()


def test_what_is_yet_to_be_summed_up_stays(parts: list[Partition]) -> None:
    KindFlowEnd.objects.update(last_entry_id=1)
    assert "sums of kinds go up to entry 1" in refused("archivepartitions", keep=2)


def test_a_kept_balance_that_no_seal_proved_keeps_its_partition(parts: list[Partition]) -> None:
    posting = Posting.objects.order_by("pk")[70]
    total = sum(
        Posting.objects.filter(account=posting.account_id, pk__lte=posting.pk).values_list(
            "amount_units", flat=True
        )
    )
    BalanceMark.objects.create(
        account_id=posting.account_id, posting_id=posting.pk, total_units=total
    )
    assert "not proven yet" in refused("archivepartitions", keep=2)
    deposit(User.objects.earliest("pk").pk, 1_000_000, approved=True)
    seal_all()
    run("archivepartitions", keep=2)
    assert reconcile().differences == everything().differences == []


def test_behind_one_that_stays_none_goes(parts: list[Partition]) -> None:
    listed = run("archivepartitions", keep=2, list=True)
    assert f"{parts[0].name}: may go" in listed
    assert f"{parts[1].name}: may go" in listed
    assert parts[2].name not in listed
    assert detached_files(rows.POSTINGS).count() == 0


def test_whoever_reads_the_table_for_long_is_not_cut_short(
    parts: list[Partition], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locking, "TRIES", 2)
    monkeypatch.setattr(locking, "BETWEEN_TRIES_S", 0)
    names = ("host", "port", "user", "password", "dbname")
    address = connection.get_connection_params()
    with psycopg.connect(**{name: address[name] for name in names if name in address}) as reader:
        reader.execute("SELECT count(*) FROM ledger_posting")
        assert "held by a transaction" in refused("archivepartitions", keep=2)
        assert not archived() & {part.name for part in parts}
    run("archivepartitions", keep=2)
    assert archived() >= {part.name for part in parts[:2]}


def test_another_file_of_that_name_is_left_alone(parts: list[Partition], archive_dir: Path) -> None:
    archive_dir.mkdir()
    there = archive_dir / f"{parts[0].name}.parquet"
    there.write_bytes(b"somebody else's")
    assert "move it away" in refused("archivepartitions", keep=2)
    assert there.read_bytes() == b"somebody else's"
    assert parts[0].name in attached()


def test_a_file_that_the_disk_has_no_room_for_leaves_it(
    parts: list[Partition], archive_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert "can't be written: [Errno 28]" in refused("archivepartitions", keep=2)
    assert list(archive_dir.iterdir()) == []
    assert parts[0].name in attached() - archived()
    run("archivepartitions", keep=2)
    assert parts[0].name in archived() - attached()
