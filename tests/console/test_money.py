"""Is the money right? Every figure against a naive sum of the journal; who may; runs asked for."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from celery.app.task import Task
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.utils import timezone

from common.postgres import keysets
from common.redis_client import request_redis_client
from console.audit.models import AuditRow
from console.money.explained import NAMES, explain_wallet
from console.money.moments import moment_of
from console.money.revenue import revenue_by_tier, revenue_of_tier
from ledger.models import AccountKind, JournalEntry, Posting, Wallet
from ledger.selectors import LEDGER_KINDS
from persistence.models import ReconcileRun
from persistence.reconciliation import asking, reconcile, runs
from persistence.reconciliation.sealer import seal_stretches
from persistence.tasks import reconcile_now
from tests.admin.factories import make_user
from tests.builders.away import redis_away
from tests.console.traded import let_money_move
from tests.ledger.world import World
from trading.models import Fill, TierDay

ClientOf = Callable[[str], Client]
pytestmark = pytest.mark.django_db(transaction=True)

URL = "/admin/money/"
DEPOSIT_UNITS = 1_234_567_890
GROUPS = ["viewer", "support", "risk", "treasury", "superuser"]


@pytest.fixture
def traded(session: World) -> World:
    return let_money_move(session)


def test_fees_by_tier_are_those_of_fills(traded: World, client_of: ClientOf) -> None:
    paid = sum(fill.fee_units for fill in Fill.objects.all())
    rows = revenue_by_tier(0)
    assert ([row.tier_id for row in rows], sum(row.fee_units for row in rows)) == ([0], paid)
    assert [row.market_id for row in revenue_of_tier(0, 0)] == [traded.market_id]
    TierDay.objects.update(day=timezone.now().date())
    client = client_of("viewer")
    page = client.get(f"{URL}?range=30d").content.decode()
    assert "the market&#x27;s own fees" in page
    assert "&amp;tier=0#revenue" in page
    page = client.get(f"{URL}?range=30d&tier=0").content.decode()
    assert "Fees by tier: the market&#x27;s own fees" in page
    for tier in ("x", "-1", "9" * 30, "999"):
        assert client.get(f"{URL}?tier={tier}").status_code == 200


def test_an_adjustment_is_no_difference(traded: World) -> None:
    assert [d for d in reconcile().differences if d.check == "conservation"] == []


def test_a_wallet_is_explained_by_all_its_postings(traded: World) -> None:
    for user in (traded.alice, traded.bob, traded.carol):
        found = explain_wallet(user.pk)
        assert found.is_all
        assert not any(found.before.values())
        assert found.moved == by_why(Posting.objects.filter(account__user=user))
    everything = explain_wallet(traded.alice.pk).moved
    assert everything["adjustment"] == {AccountKind.AVAILABLE: -5_000_000}
    assert {"deposit", "fee", "order_hold", "adjustment"} <= set(everything)
    assert set(NAMES) == set(LEDGER_KINDS)


def by_why(postings: Any) -> dict[str, dict[str, int]]:
    sums: dict[str, dict[str, int]] = {}
    for posting in postings.select_related("account", "entry"):
        of_kind = sums.setdefault(posting.kind or posting.entry.kind, {})
        kind = posting.account.kind
        of_kind[kind] = of_kind.get(kind, 0) + posting.amount_units
    return sums


def test_or_by_the_newest(
    traded: World, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keysets, "LOOK_BACK_ROWS", 4)
    alice = traded.alice
    newest = Posting.objects.filter(account__user=alice).order_by("-pk")[:4]
    found = explain_wallet(alice.pk)
    assert not found.is_all
    assert found.moved == by_why(Posting.objects.filter(pk__in=[p.pk for p in newest]))
    for kind, units in found.now.items():
        assert found.before[kind] + sum(s.get(kind, 0) for s in found.moved.values()) == units
    page = client_of("viewer").get(f"/admin/ledger/wallet/{alice.pk}/change/").content.decode()
    assert "How it came to this" in page
    assert "Sums of the newest 4 postings" in page
    assert "before 20" in page


def test_a_wallet_without_postings(client_of: ClientOf) -> None:
    user = make_user("nobody")
    page = client_of("viewer").get(f"/admin/ledger/wallet/{user.pk}/change/").content.decode()
    assert "How it came to this" in page


@pytest.mark.parametrize("group", GROUPS)
def test_who_may(
    client_of: ClientOf, monkeypatch: pytest.MonkeyPatch, market: object, group: str
) -> None:
    sent = capture(monkeypatch)
    client, may_run = client_of(group), group in ("risk", "treasury", "superuser")
    page = client.get(URL)
    assert page.status_code == 200
    assert ("Run now" in page.content.decode()) == may_run
    assert client.head(URL).status_code == 200
    assert client.post(URL).status_code == (302 if may_run else 403)
    assert bool(sent) == AuditRow.objects.filter(verb="reconcile").exists() == may_run
    for method in ("put", "patch", "delete"):
        assert getattr(client, method)(URL).status_code == 405
    assert f'href="{URL}"' in client.get("/admin/").content.decode()


def test_others_may_not(traded: World) -> None:
    """Staff with something else to do, traders, strangers, and who has no token of the form."""
    clerk = make_user("clerk", is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="view_order"))
    client = Client()
    client.force_login(clerk)
    assert client.get(URL).status_code == client.post(URL).status_code == 403
    assert f'href="{URL}"' not in client.get("/admin/").content.decode()
    trader = Client()
    trader.force_login(traded.alice)
    assert trader.get(URL).status_code == Client().post(URL).status_code == 302
    checked = Client(enforce_csrf_checks=True)
    checked.force_login(make_user("boss", is_staff=True, is_superuser=True))
    assert checked.post(URL).status_code == 403
    assert request_redis_client().get(asking.KEY) is None


def capture(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What is sent to workers, in place of sending it."""
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(Task, "apply_async", lambda _task, *_, **options: sent.append(options))
    return sent


def asked(client: Client) -> str:
    return client.post(URL, follow=True).content.decode()


def test_run_now_runs_and_a_second_at_once_is_refused(
    traded: World, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent, client = capture(monkeypatch), client_of("treasury")
    page = client.get(URL).content.decode()
    assert "Nothing has been compared yet" in page
    assert "A worker was asked" in asked(client)
    page = asked(client)
    assert "waits for a worker" in page
    assert "A run has been asked for" in page
    assert ">Run now<" not in page.replace("\n", "")
    assert "data-settled" not in client.get(URL + "?part=newest").content.decode()
    assert sent == [{"expires": asking.ASKED_S}]
    reconcile_now.run()
    run = ReconcileRun.objects.get()
    part = client.get(URL + "?part=newest").content.decode()
    assert "data-settled" in part
    assert f"/admin/persistence/reconcilerun/{run.pk}/change/" in part
    assert f"{run.figures['postings']:,} postings" in part
    assert (run.difference_count == 0) == ("Nothing differs" in part)
    assert "A worker was asked" in asked(client)  # again, however soon
    reconcile_now.run()
    assert ReconcileRun.objects.count() == 2


def test_while_a_run_is_on_none_is_asked_for(
    traded: World, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another session of the database holds the lock of a run, as another worker would."""
    sent, client = capture(monkeypatch), client_of("risk")
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [runs._LOCK])
        assert "A run is on" in asked(client)
        assert sent == []
        reconcile_now.run()  # asked for a moment before: that run's result answers
        assert not ReconcileRun.objects.exists()
    finally:
        other.close()
    assert "A worker was asked" in asked(client)


def test_differences_are_the_answer(
    traded: World, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    Wallet.objects.filter(user=traded.bob).update(available_units=1)
    reconcile_now.run()
    run, client = ReconcileRun.objects.get(), client_of("viewer")
    assert f"No: {run.difference_count:,} differences" in client.get(URL).content.decode()
    old = timezone.now() - timedelta(hours=3)
    ReconcileRun.objects.update(difference_count=0, started_at=old, finished_at=old)
    assert "nothing has been compared since" in client.get(URL).content.decode()


def test_without_redis_it_is_said(client_of: ClientOf, monkeypatch: pytest.MonkeyPatch) -> None:
    client = client_of("risk")
    away = redis_away()
    monkeypatch.setattr(asking, "request_redis_client", lambda: away)
    assert "Redis does not answer" in asked(client)
    assert not AuditRow.objects.filter(verb="reconcile").exists()


@pytest.mark.parametrize(
    ("at", "message"),
    [
        ("soon", "This is no time"),
        ("2030-13-31T18:00", "This is no time"),
        ("2030-01-31T18:00" * 500, "This is no time"),
        ("2030-01-31\u2028T18:00", "This is no time"),
        ("'; --", "This is no time"),
        ("9999-12-31T23:59:59-14:00", "This is no time"),
        ("0001-01-01T00:00+14:00", "This is no time"),
        ("9999-12-31T23:59", "is ahead"),
        ("1969-01-01T00:00", "too long ago"),
        ("2020-01-31T18:00:59", "2020-01-31 18:00:59"),
        ("2020-01-31T18:00:59.000001", "2020-01-31 18:00:59.000001"),
        ("2020-01-31", "2020-01-31 00:00:00"),
        ("2020-01-31T18:00%2B02:00", "2020-01-31 16:00:00"),
    ],
)
def test_rubbish_for_a_moment_falls_back(client_of: ClientOf, at: str, message: str) -> None:
    response = client_of("viewer").get(f"{URL}?at={at}&range=%27x&part=zz")
    assert response.status_code == 200
    assert message in response.content.decode()


def test_moments_are_in_utc() -> None:
    now = datetime(2030, 2, 1, tzinfo=UTC)
    assert moment_of("", now) == (None, "")
    assert moment_of(" 2030-01-31T18:00 ", now) == (datetime(2030, 1, 31, 18, tzinfo=UTC), "")


def test_how_much_is_sealed(traded: World, client_of: ClientOf) -> None:
    client = client_of("viewer")
    assert "Sealed:" not in client.get(URL).content.decode()
    (seal,) = seal_stretches(JournalEntry.objects.latest("pk").pk)
    page = client.get(f"{URL}?part=newest").content.decode()
    assert f"Sealed: {JournalEntry.objects.count():,} journal entries" in page
    assert seal.sha256 in page
