"""Statements against sums made by hand, of a session that was really traded."""

import csv
import io
import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
from django.db import OperationalError, connection, connections
from django.test import Client
from django.utils import timezone

from accounts.models import User
from common.postgres.windows import Window
from ledger.balances import sums
from ledger.balances.models import BalanceMark, JournalMoment
from ledger.balances.sums import balances_at, keep_moment, make_marks
from ledger.models import Account, JournalEntry, Posting, Wallet
from markets.conversions import units_text
from persistence.reconciliation import reconcile
from tests.families.family import acting, open_account, send
from tests.reconcile.conftest import session
from tests.trading.client import Api, Trader, make_trader, token_of
from trading.models import Position
from trading.statements import reading, services
from trading.statements.api import COST
from trading.statements.models import FaultyStatement
from trading.statements.writing import CsvWriter, JsonWriter

__all__ = ["session"]
pytestmark = pytest.mark.django_db(transaction=True)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BALANCES = """
SELECT a.kind, COALESCE(sum(p.amount_units), 0)::bigint FROM ledger_account a
  LEFT JOIN (ledger_posting p JOIN ledger_journalentry e ON e.id = p.entry_id
             AND e.created_at < %s) ON p.account_id = a.id
 WHERE a.user_id = %s GROUP BY a.kind
"""
_MOVEMENTS = """
SELECT p.id, a.kind, p.amount_units, COALESCE(p.kind, e.kind), e.market_id
  FROM ledger_posting p JOIN ledger_journalentry e ON e.id = p.entry_id
  JOIN ledger_account a ON a.id = p.account_id
 WHERE a.user_id = %s AND e.created_at >= %s AND e.created_at < %s ORDER BY p.id
"""


def by_hand(statement: str, *values: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()


def ask(user_id: int, query: str = "", **headers: str) -> Any:
    """The answer as it streams, whole."""
    client = Client(HTTP_AUTHORIZATION=f"Bearer {token_of(user_id)}")
    answer = client.get(f"/user/statement{query}", headers=headers)
    body = answer.getvalue()
    if answer["Content-Type"].startswith("application/json"):
        return json.loads(body)
    return list(csv.DictReader(io.StringIO(body.decode())))


def us(at: datetime) -> int:
    return (at - EPOCH) // timedelta(microseconds=1)


@pytest.fixture
def traders(session: redis.Redis) -> list[User]:
    return list(User.objects.filter(wallet__isnull=False, parent=None).order_by("pk"))


@pytest.fixture
def moments(traders: list[User]) -> list[datetime]:
    """Of entries, a few: some at the very time of one, some between."""
    times = sorted({at for (at,) in JournalEntry.objects.values_list("created_at")})
    return [times[0], times[len(times) // 3], times[2 * len(times) // 3], times[-1]]


def check(user: User, said: Any, start: datetime, end: datetime) -> None:
    expected = dict(by_hand(_BALANCES, start, user.pk))
    assert said["opening"] == _texts(expected)
    movements = by_hand(_MOVEMENTS, user.pk, start, end)
    assert [(one["id"], one["account"], one["amount"]) for one in said["movements"]] == [
        (pk, account, units_text(units)) for pk, account, units, _, _ in movements
    ]
    for _, account, units, _, _ in movements:
        expected[account] += units
    assert said["closing"] == _texts(expected)
    assert said["complete"] is True
    fees: dict[str, int] = {}
    for _, _, units, kind, market_id in movements:
        if kind == "fee":
            fees[market_id] = fees.get(market_id, 0) + units
    named = {m: s["fee"] for m, s in said["markets"].items() if s["fee"] != "0"}
    assert named == {m: units_text(units) for m, units in fees.items() if units}


def _texts(balances: dict[str, int]) -> dict[str, str]:
    total = sum(balances.values())
    return {kind: units_text(units) for kind, units in balances.items()} | {
        "total": units_text(total)
    }


def test_any_stretch_of_a_session_is_as_summed_by_hand(
    traders: list[User], moments: list[datetime], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PAGE_ROWS", 7)
    now = timezone.now() + timedelta(days=1)
    for user, (start, end) in zip(
        itertools.cycle(traders), itertools.combinations(moments, 2), strict=False
    ):
        # Milliseconds are asked for; what is asked is what is compared.
        first, beyond = (EPOCH + timedelta(milliseconds=us(at) // 1000) for at in (start, end))
        said = ask(user.pk, f"?from={us(first) // 1000}&to={us(beyond) // 1000}")
        check(user, said, first, beyond)
    for user in traders:
        check(user, ask(user.pk), EPOCH, now)


def test_one_ends_where_the_next_begins(traders: list[User], moments: list[datetime]) -> None:
    user = traders[0]
    bounds = [us(at) // 1000 for at in moments]
    statements = [ask(user.pk, f"?from={a}&to={b}") for a, b in itertools.pairwise(bounds)]
    for before, after in itertools.pairwise(statements):
        assert before["closing"] == after["opening"]


def test_with_hours_and_marks_it_is_the_same(
    traders: list[User], moments: list[datetime], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sums, "MARK_ROWS", 5)
    user = traders[0]
    accounts = list(Account.objects.filter(user=user).values_list("pk", flat=True))
    ids = list(Posting.objects.order_by("pk").values_list("pk", flat=True))
    later = timezone.now() + timedelta(hours=3)
    # Hours as they would have been kept had the session lasted days.
    for number, share in enumerate((0.3, 0.6, 1.0)):
        JournalMoment.objects.create(
            at=later - timedelta(hours=2 - number), posting_id=ids[int(share * (len(ids) - 1))]
        )
    monkeypatch.setattr(timezone, "now", lambda: later + timedelta(hours=3))
    for at in (*moments, later - timedelta(minutes=90), later + timedelta(minutes=5)):
        expected = dict(by_hand(_BALANCES, at, user.pk))
        plain = balances_at(accounts, at)
        make_marks(accounts, at)
        kinds = [Account.objects.get(pk=pk).kind for pk in accounts]
        assert balances_at(accounts, at) == plain == [expected[kind] for kind in kinds]
    assert BalanceMark.objects.filter(account__in=accounts).count() > 3
    for mark in BalanceMark.objects.all():
        total = sum(
            Posting.objects.filter(account=mark.account_id, pk__lte=mark.posting_id).values_list(
                "amount_units", flat=True
            )
        )
        assert mark.total_units == total
    assert reconcile().differences == []
    BalanceMark.objects.filter(pk=BalanceMark.objects.latest("pk").pk).update(total_units=-1)
    assert "balance mark" in str(reconcile().differences)


def test_an_hour_is_kept_of_what_is_there(traders: list[User]) -> None:
    keep_moment()
    assert JournalMoment.objects.get().posting_id == Posting.objects.latest("pk").pk


def test_what_was_posted_late_counts_by_its_own_time(traders: list[User]) -> None:
    """The newest posting is of what happened before the others, as where a worker was behind."""
    user = traders[0]
    send_time = JournalEntry.objects.order_by("created_at").first()
    assert send_time is not None
    early = send_time.created_at - timedelta(hours=1)
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            "UPDATE ledger_journalentry SET created_at = %s WHERE id = (SELECT max(entry_id)"
            " FROM ledger_posting p JOIN ledger_account a ON a.id = p.account_id"
            " WHERE a.user_id = %s)",
            [early, user.pk],
        )
        cursor.execute("SET session_replication_role = DEFAULT")
    bound = EPOCH + timedelta(milliseconds=us(early) // 1000 + 1)
    check(user, ask(user.pk, f"?from={us(bound) // 1000}"), bound, timezone.now() + timedelta(1))
    check(user, ask(user.pk, f"?from=0&to={us(bound) // 1000}"), EPOCH, bound)


def test_csv_says_the_same(traders: list[User]) -> None:
    user = traders[1]
    said = ask(user.pk)
    for rows in (ask(user.pk, "?format=csv"), ask(user.pk, accept="text/csv")):
        moved = [row for row in rows if row["record"] == "movement"]
        assert [row["id"] for row in moved] == [str(one["id"]) for one in said["movements"]]
        closing = {row["account"]: row["balance"] for row in rows if row["record"] == "closing"}
        assert closing | {"total": said["closing"]["total"]} == said["closing"]
        sums_said = [row for row in rows if row["record"] == "sum"]
        assert {row["marketId"] for row in sums_said} == set(said["markets"])
        assert rows[-1]["record"] == "complete"
        assert rows[-1]["amount"] == str(len(moved))
    assert ask(user.pk, "?format=json", accept="text/csv") == ask(user.pk)


@pytest.mark.parametrize(
    "query",
    ["?format=xml", "?from=x", "?from=5&to=5", "?to=-1", "?limit=5", "?format=csv&format=csv"],
)
@pytest.mark.parametrize("accept", ["*/*", "text/csv"])
def test_rubbish(traders: list[User], query: str, accept: str) -> None:
    client = Client(HTTP_AUTHORIZATION=f"Bearer {token_of(traders[0].pk)}")
    answer = client.get(f"/user/statement{query}", headers={"accept": accept})
    assert answer.status_code == 400
    assert answer.json()["code"]


def test_a_wallet_that_isnt_as_posted_is_told_and_kept(traders: list[User]) -> None:
    user = traders[0]
    Wallet.objects.filter(user=user).update(available_units=5)
    said = ask(user.pk)
    assert said["complete"] is False
    assert said["error"]["code"] == "STATEMENT_FAULTY"
    assert set(said["error"]["missing"]) == {"available"}
    rows = ask(user.pk, "?format=csv")
    assert rows[-1]["record"] == "error"
    assert rows[-1]["account"] == "available"
    faulty = FaultyStatement.objects.first()
    assert faulty is not None
    assert faulty.user == user
    assert set(faulty.difference) == {"available"}
    assert FaultyStatement.objects.count() == 2
    # Of what is over, the journal alone tells.
    newest = JournalEntry.objects.latest("created_at").created_at
    assert ask(user.pk, f"?to={us(newest) // 1000}")["complete"] is True
    position = Position.objects.filter(user=traders[2]).exclude(margin_units=0).first()
    assert position is not None
    Position.objects.filter(pk=position.pk).update(margin_units=position.margin_units + 1)
    assert set(ask(traders[2].pk)["error"]["missing"]) == {"margin"}


def test_postgres_gone_on_the_way_is_said(
    traders: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: Any) -> Iterator[Any]:
        raise OperationalError("gone")

    monkeypatch.setattr(reading, "_read", failing)
    said = ask(traders[0].pk)
    assert said["complete"] is False
    assert said["error"]["code"] == "DATABASE_UNAVAILABLE"
    assert ask(traders[0].pk, "?format=csv")[-1]["record"] == "error"
    assert FaultyStatement.objects.count() == 0


def test_it_is_one_moment_however_much_moves_meanwhile(
    traders: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another connection posts between the pages."""
    monkeypatch.setattr(reading, "PAGE_ROWS", 3)
    user = traders[0]
    statement = services.statement_of(user.pk, Window(None, None))
    text = ""
    other = connections.create_connection("default")
    try:
        for number, part in enumerate(services.written(statement, JsonWriter())):
            text += part
            if number == 0:
                with other.cursor() as cursor:
                    cursor.execute(
                        "UPDATE ledger_wallet SET available_units = available_units + 1"
                        " WHERE user_id = %s",
                        [user.pk],
                    )
    finally:
        other.close()
    assert json.loads(text)["complete"] is True


def test_memory_doesnt_grow_with_it(traders: list[User], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PAGE_ROWS", 2)
    asked: list[int] = []
    read = reading._read
    monkeypatch.setattr(reading, "_read", lambda *a: _counted(asked, read(*a)))
    list(services.written(services.statement_of(traders[0].pk, Window(None, None)), CsvWriter()))
    assert max(asked) == 2
    assert len(asked) > 10


def _counted(asked: list[int], rows: list[Any]) -> list[Any]:
    asked.append(len(rows))
    return rows


def test_of_an_account_and_what_it_costs(market: object, redis_db: redis.Redis) -> None:
    anna: Trader = make_trader()
    hedge = open_account(anna, "hedge")
    send(anna, toAccount="hedge")
    said = acting(anna, "hedge").api.get("/user/statement").body
    assert said["accountId"] == hedge.pk
    assert said["closing"]["total"] == "100"
    for _ in range(20):
        answer = Client().get(
            "/user/statement", headers={"authorization": f"Bearer {anna.api.token}"}
        )
        if answer.status_code == 429:
            break
        answer.getvalue()
    assert answer.status_code == 429
    assert COST > 1
    assert Api().get("/user/statement").status == 401
