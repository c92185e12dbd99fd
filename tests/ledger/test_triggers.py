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
from matching.messages.vocabulary import Side
from tests.ledger.world import make_market, make_order, make_user

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


NOBODY = 10**9


def fill_of(order_id: int, user_id: int) -> str:
    return (
        "INSERT INTO trading_fill (market_id, trade_id, role, execution, order_id, user_id, side,"
        " price_ticks, size_lots, fee_units, realized_pnl_units, seq, executed_at) VALUES"
        f" ('BTC-PERP', 1, 'taker', 'TRADE', {order_id}, {user_id}, 'LONG', 1, 1, 0, 0, 1, now())"
    )


def order_of(user_id: int, market_id: str) -> str:
    return (
        "INSERT INTO trading_order (user_id, market_id, side, order_type, time_in_force,"
        " price_ticks, size_lots, margin_units, leverage, reduce_only, self_trade_prevention,"
        " hold_units, held_units, created_at, updated_at) VALUES"
        f" ({user_id}, '{market_id}', 'LONG', 'limit', 'GTC', 1, 1, 0, 1, false, 'EXPIRE_MAKER',"
        " 0, 0, now(), now())"
    )


def test_references_are_checked_though_no_foreign_key_does_it():
    alice = make_user("alice", 0)
    order_id = make_order(alice, make_market(), Side.LONG, 1, 100, 0)
    entry, fees = an_entry(), account(AccountKind.FEES)
    posting = "INSERT INTO ledger_posting (entry_id, account_id, amount_units) VALUES"
    broken = {
        f"{posting} ({NOBODY}, {fees.pk}, 5), ({NOBODY}, {fees.pk}, -5)": f"entry {NOBODY}",
        f"{posting} ({entry.pk}, {NOBODY}, 5), ({entry.pk}, {fees.pk}, -5)": f"account {NOBODY}",
        "INSERT INTO ledger_journalentry (kind, market_id, created_at)"
        " VALUES ('fill', 'NO-PERP', now())": "market NO-PERP",
        order_of(NOBODY, "BTC-PERP"): f"user {NOBODY}",
        order_of(alice.pk, "NO-PERP"): "market NO-PERP",
        fill_of(NOBODY, alice.pk): f"order {NOBODY}",
        fill_of(order_id, NOBODY): f"user {NOBODY}",
        fill_of(order_id, alice.pk).replace("BTC-PERP", "NO-PERP"): "market NO-PERP",
    }
    for statement, named in broken.items():
        with (
            pytest.raises(IntegrityError, match=f"names .*{named}, which is not there") as refusal,
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)
        assert isinstance(refusal.value.__cause__, psycopg.errors.ForeignKeyViolation)
    with connection.cursor() as cursor:
        cursor.execute(fill_of(order_id, alice.pk))


def test_what_they_refer_to_stays():
    make_order(make_user("alice", 0), make_market(), Side.LONG, 1, 100, 0)
    for statement in (
        "DELETE FROM ledger_account",
        "UPDATE ledger_account SET id = id + 1",
        "DELETE FROM trading_order",
        "UPDATE trading_order SET id = id + 1",
        f"UPDATE trading_order SET user_id = {NOBODY}",
        "UPDATE trading_order SET market_id = 'NO-PERP'",
        "DELETE FROM accounts_user",
        "DELETE FROM markets_market",
    ):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET CONSTRAINTS ALL IMMEDIATE; {statement}")
