"""Files that were changed or are away are noticed, and what is in them stays true."""

import os
import stat
import threading
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, connection, connections, transaction
from django.db.models import Sum
from django.test import Client

from accounts.models import User
from common.postgres.partitions import Partition
from ledger.archive import rows
from ledger.archive.models import (
    ArchivedAccount,
    ArchiveStep,
    ArchiveStepKind,
    detached_files,
)
from ledger.balances.sums import total_of
from ledger.models import Account, AccountKind, JournalEntry, Posting
from ledger.services import deposit
from persistence.reconciliation import reconcile
from tests.archive.commands import archived, attached, refused, run
from tests.reconcile.planting import plant
from tests.reconcile.sealed import everything
from tests.trading.client import token_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def gone(parts: list[Partition], archive_dir: Path) -> Path:
    """The file of the second."""
    run("archivepartitions", keep=2)
    return archive_dir / f"{parts[1].name}.parquet"


def _change(path: Path, place: int) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        byte = file.read(1)
        file.seek(place)
        file.write(bytes([byte[0] ^ 1]))


def test_its_owner_alone_may_read_it(gone: Path) -> None:
    assert stat.S_IMODE(gone.stat().st_mode) == 0o600
    assert stat.S_IMODE(gone.parent.stat().st_mode) == 0o700
    assert sorted(os.listdir(gone.parent)) == sorted(
        file.name for file in detached_files(rows.POSTINGS)
    )


def test_one_byte_is_noticed(gone: Path, parts: list[Partition]) -> None:
    """Wherever it is."""
    whole = gone.read_bytes()
    for share in (0.0, 0.1, 0.5, 0.9, 1.0):
        _change(gone, int(share * (len(whole) - 1)))
        assert "1 of the archive's files" in refused("verifyarchive")
        assert "it was changed" in refused("restorepartition", parts[1].name)
        assert "it was changed" in refused("reconcile", full=True)
        assert parts[1].name in archived() - attached()
        assert reconcile().differences == []
        gone.write_bytes(whole)
    run("verifyarchive")


def test_without_a_file_nobody_is_told_less(gone: Path, parts: list[Partition]) -> None:
    user = User.objects.get(username="trader1")
    accounts = Account.objects.filter(user=user).values_list("pk", flat=True)
    assert ArchivedAccount.objects.filter(account__in=accounts).exists()
    gone.rename(gone.with_suffix(".away"))
    client = Client(HTTP_AUTHORIZATION=f"Bearer {token_of(user.pk)}")
    assert client.get("/user/ledger?limit=3").status_code == 200
    answer = client.get("/user/ledger?limit=500")
    assert answer.status_code == 503
    assert answer.json()["code"] == "DATABASE_UNAVAILABLE"
    said = client.get("/user/statement").getvalue().decode()
    assert '"complete":false' in said
    assert "cut short" in said
    assert "can't be read" in run_failing("verifyarchive")
    assert "can't be read" in refused("restorepartition", parts[1].name)
    assert "can't be read" in refused("reconcile", full=True)
    assert reconcile().differences == []


def run_failing(command: str) -> str:
    out = StringIO()
    with pytest.raises(CommandError):
        call_command(command, stdout=out)
    return out.getvalue()


def test_a_page_is_read_only_from_a_file_that_was_not_changed(gone: Path) -> None:
    """Of pages of a file, each has a checksum; what says where they are has a hash."""
    user = User.objects.get(username="trader1")
    client = Client(HTTP_AUTHORIZATION=f"Bearer {token_of(user.pk)}")
    good = client.get("/user/ledger?limit=500").content
    whole = gone.read_bytes()
    for place in range(4, len(whole), 97):
        _change(gone, place)
        answer = client.get("/user/ledger?limit=500")
        assert answer.status_code == 503 or answer.content == good, place
        gone.write_bytes(whole)
    assert client.get("/user/ledger?limit=500").content == good


def test_a_posting_has_one_place(gone: Path, parts: list[Partition]) -> None:
    assert run("verifyarchive").endswith("Every row has its place.\n")
    file = detached_files(rows.POSTINGS).get(name=gone.name)
    ArchiveStep.objects.create(file=file, kind=ArchiveStepKind.ATTACHED)
    said = run_failing("verifyarchive")
    assert (
        f"postings from {parts[1].first:,} to {(parts[1].end or 0) - 1:,} are in no partition"
        in said
    )
    ArchiveStep.objects.create(file=file, kind=ArchiveStepKind.DETACHED)
    run("restorepartition", gone.name)
    ArchiveStep.objects.create(file=file, kind=ArchiveStepKind.DETACHED)
    assert f"{gone.name} and {parts[1].name} have the same ids" in run_failing("verifyarchive")


def test_the_youngest_comes_back_first(gone: Path, parts: list[Partition]) -> None:
    assert f"restore {gone.name} first" in refused("restorepartition", parts[0].name)
    assert "no file stands for" in refused("restorepartition", parts[3].name)


def test_with_rows_what_accounts_have_is_added_up(gone: Path) -> None:
    run("verifyarchive", rows=True)
    row = ArchivedAccount.objects.filter(file__name=gone.name).earliest("pk")
    plant("UPDATE ledger_archivedaccount SET row_count = row_count + 1 WHERE id = %s", row.pk)
    run("verifyarchive")
    with pytest.raises(CommandError):
        run("verifyarchive", rows=True)
    # Whoever reads that account finds fewer than there should be, and is told nothing.
    user = Account.objects.get(pk=row.account_id).user
    if user is not None:
        client = Client(HTTP_AUTHORIZATION=f"Bearer {token_of(user.pk)}")
        assert client.get("/user/ledger?limit=500").status_code == 503


def test_a_sum_that_is_kept_of_a_file_is_proven_with_all_rows(gone: Path) -> None:
    row = ArchivedAccount.objects.filter(file__name=gone.name).earliest("pk")
    plant("UPDATE ledger_archivedaccount SET total_units = total_units + 1 WHERE id = %s", row.pk)
    assert "balance mark" in {difference.check for difference in everything().differences}


# --- what Postgres still holds --------------------------------------------------------------------


def test_postgres_refuses_to_change_what_is_known_of_files(gone: Path) -> None:
    for table in ("archivefile", "archivestep", "archivedaccount", "archivedhold"):
        for change in (f"DELETE FROM ledger_{table}", f"UPDATE ledger_{table} SET id = id"):
            with (
                pytest.raises(IntegrityError, match="append-only"),
                transaction.atomic(),
                connection.cursor() as cursor,
            ):
                cursor.execute(change)


def test_ids_of_a_file_are_not_given_again(gone: Path, parts: list[Partition]) -> None:
    entry, account = JournalEntry.objects.latest("pk"), Account.objects.earliest("pk")
    with pytest.raises(IntegrityError, match="no partition"), transaction.atomic():
        Posting.objects.create(
            pk=parts[1].first, entry=entry, account=account, amount_units=1, kind=None
        )


def test_what_was_planted_before_it_went_is_found_by_a_full_proof(parts: list[Partition]) -> None:
    row = Posting.objects.order_by("pk")[70]
    plant("UPDATE ledger_posting SET amount_units = amount_units + 1 WHERE id = %s", row.pk)
    run("archivepartitions", keep=2)
    found = {difference.check for difference in everything().differences}
    assert {"seal", "journal entry", "wallet"} & found


def test_orders_go_on_meanwhile(parts: list[Partition]) -> None:
    user = User.objects.get(username="trader0")
    stop, failed = threading.Event(), []

    def write() -> None:
        try:
            while not stop.is_set():
                deposit(user.pk, 1_000_000, approved=True)
        except DatabaseError as error:
            failed.append(error)
        finally:
            connections.close_all()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        before = Posting.objects.latest("pk").pk
        run("archivepartitions", keep=1)
        run("restorepartition", parts[2].name)
    finally:
        stop.set()
        writer.join()
    assert not failed
    assert Posting.objects.latest("pk").pk > before
    assert reconcile().differences == everything().differences == []


def test_an_engine_is_rebuilt_with_all_there_was(gone: Path) -> None:
    for account in Account.objects.filter(kind__in=[AccountKind.INSURANCE, AccountKind.FEES]):
        (told,) = [
            row["total_units"]
            for row in ArchivedAccount.objects.filter(account=account)
            .order_by("-file__end_id")
            .values("total_units")[:1]
        ] or [0]
        since = Posting.objects.filter(account=account).aggregate(units=Sum("amount_units"))
        assert total_of(account.pk) == told + (since["units"] or 0)
