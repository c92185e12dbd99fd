import psycopg
import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from ledger.models import (
    GLOBAL_ACCOUNT_KINDS,
    Account,
    AccountKind,
    EntryKind,
    JournalEntry,
    Posting,
)
from tests.ledger.world import make_user

pytestmark = pytest.mark.django_db


def an_entry() -> JournalEntry:
    return JournalEntry.objects.create(kind=EntryKind.DEPOSIT, created_at=timezone.now())


def account(kind: AccountKind) -> Account:
    return Account.objects.get(kind=kind, user=None, market=None)


def lines(entry: JournalEntry, *amounts: int) -> list[Posting]:
    fees = account(AccountKind.FEES)
    return [Posting(entry=entry, account=fees, amount_units=amount) for amount in amounts]


def test_global_accounts_come_with_the_tables():
    found = Account.objects.filter(user=None, market=None).values_list("kind", flat=True)
    assert sorted(found) == sorted(GLOBAL_ACCOUNT_KINDS)


def test_balanced_entries_of_one_statement_pass():
    Posting.objects.bulk_create(lines(an_entry(), 5, -5) + lines(an_entry(), 7, -3, -4))
    assert Posting.objects.count() == 5


def test_unbalanced_entry_is_refused_and_named():
    good, bad = an_entry(), an_entry()
    with (
        pytest.raises(IntegrityError, match=f"entry {bad.pk} sum to 1 units instead of zero"),
        transaction.atomic(),
    ):
        Posting.objects.bulk_create(lines(good, 5, -5) + lines(bad, 7, -6))
    assert not Posting.objects.exists()


def test_entries_don_t_balance_each_other():
    with pytest.raises(IntegrityError, match="sum to 5"), transaction.atomic():
        Posting.objects.bulk_create(lines(an_entry(), 5) + lines(an_entry(), -5))


def test_postings_one_by_one_are_refused():
    with pytest.raises(IntegrityError, match="sum to 5"), transaction.atomic():
        lines(an_entry(), 5)[0].save()


@pytest.mark.parametrize("second", ["-5", "-4"])
def test_copy_is_checked_too(second):
    entry, fees = an_entry(), account(AccountKind.FEES)

    def copy() -> None:
        cursor = psycopg.Cursor(connection.connection)
        with cursor.copy(
            "COPY ledger_posting (entry_id, account_id, amount_units) FROM STDIN"
        ) as c:
            c.write(f"{entry.pk}\t{fees.pk}\t5\n{entry.pk}\t{fees.pk}\t{second}\n")

    if second == "-5":
        copy()
        assert Posting.objects.count() == 2
    else:
        with pytest.raises(psycopg.errors.CheckViolation, match="sum to 1"), transaction.atomic():
            copy()


@pytest.mark.parametrize(
    "change",
    [
        lambda: Posting.objects.update(amount_units=1),
        lambda: Posting.objects.all()._raw_delete("default"),
        lambda: JournalEntry.objects.update(kind=EntryKind.FILL),
        lambda: JournalEntry.objects.all()._raw_delete("default"),
    ],
    ids=["update posting", "delete posting", "update entry", "delete entry"],
)
def test_the_journal_is_append_only(change):
    make_user("alice", 1_000)
    before = list(Posting.objects.values()), list(JournalEntry.objects.values())
    assert before[0]
    with pytest.raises(IntegrityError, match="the journal is append-only"), transaction.atomic():
        change()
    assert (list(Posting.objects.values()), list(JournalEntry.objects.values())) == before
