"""A run, kept and shown: the command, the periodic task, the admin, the status page and /health."""

import os
import subprocess
import sys
from datetime import timedelta
from http import HTTPStatus

import pytest
from celery import current_app
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import User
from console.health.answer import latest
from console.health.report import Grade, exchange_status
from exchange_site.embedded.health import monitor_headers
from exchange_site.schedule import BEAT_SCHEDULE
from ledger.models import Wallet
from matching.messages.streams import snapshots_key
from persistence.models import ReconcileRun
from persistence.reconciliation import RESTS, runs
from persistence.tasks import reconcile_all
from tests.ledger.world import in_threads
from tests.patience import PATIENCE_S


@pytest.fixture(autouse=True)
def runs_follow_at_once(monkeypatch):
    monkeypatch.setattr(runs, "RESTS", 0)


def add_a_unit() -> int:
    """To some wallet, behind the ledger's back; whose it is."""
    wallet = Wallet.objects.order_by("pk").first()
    assert wallet is not None
    Wallet.objects.filter(pk=wallet.pk).update(available_units=wallet.available_units + 1)
    return wallet.pk


def make_run(**fields) -> ReconcileRun:
    finished_at = fields.pop("finished_at", timezone.now())
    values = {"started_at": finished_at, "finished_at": finished_at, "difference_count": 0}
    return ReconcileRun.objects.create(**(values | fields))


def reconciliation_check():
    found = [check for check in exchange_status().services if check.name == "Reconciliation"]
    return (found[0].level, found[0].text) if found else None


def health():
    latest.forget()
    answer = Client(headers=monitor_headers()).get("/health")
    return answer.status_code, answer.json()


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own, on the test's database and Redis."""
    database = connection.settings_dict
    url = settings.DATABASES["default"]
    host, port = database["HOST"], database["PORT"]
    address = f"postgres://{database['USER']}:{database['PASSWORD']}@/{database['NAME']}"
    address += f"?host={host}&port={port}" if port else f"?host={host}"
    assert url["NAME"] == database["NAME"]
    return subprocess.run(
        [sys.executable, "manage.py", "reconcile", *arguments],
        cwd=settings.BASE_DIR,
        env=os.environ | {"DATABASE_URL": address, "REDIS_URL": settings.REDIS_URL},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )


def test_the_command_on_a_clean_exchange(session):
    done = command()
    assert (done.returncode, done.stderr) == (0, "")
    assert "BTC-PERP: compared with its engine at sequence" in done.stdout
    assert "ETH-PERP: compared with its engine at sequence" in done.stdout
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["net", "deposits", "5000000"] in lines
    assert "No differences" in done.stdout
    run = ReconcileRun.objects.get()
    assert (run.market_id, run.difference_count, run.differences) == ("", 0, [])


def test_the_command_shows_a_table_of_differences(session):
    user_id = add_a_unit()
    done = command("--market", "ETH-PERP")
    assert done.returncode == 1
    lines = [line.split("  ") for line in done.stdout.splitlines()]
    table = [[cell.strip() for cell in line if cell.strip()] for line in lines]
    assert ["check", "market", "subject", "expected", "found"] in table
    wallet = next(row for row in table if row[0] == "wallet")
    assert wallet[1] == f"available of user {user_id}"
    assert int(wallet[3]) == int(wallet[2]) + 1
    assert "2 differences" in done.stderr
    assert "Traceback" not in done.stderr
    assert ReconcileRun.objects.get().market_id == "ETH-PERP"


def test_the_command_says_what_was_not_compared(session, capsys: pytest.CaptureFixture[str]):
    session.delete(snapshots_key("BTC-PERP"))
    call_command("reconcile")
    out = capsys.readouterr().out
    assert "BTC-PERP: NOT compared with its engine: Redis has no usable snapshot" in out
    assert out.endswith("; 1 of 2 markets NOT compared.\n")


def test_an_unknown_market(transactional_db, redis_db):
    with pytest.raises(CommandError, match="there is no market NO-SUCH"):
        call_command("reconcile", market="NO-SUCH")
    assert not ReconcileRun.objects.exists()


def test_the_periodic_task_keeps_what_it_found(session, caplog):
    reconcile_all()
    user_id = add_a_unit()
    reconcile_all()
    found, clean = ReconcileRun.objects.all()
    assert (clean.difference_count, found.difference_count) == (0, 2)
    assert [difference[0] for difference in found.differences] == ["wallet", "conservation"]
    assert found.differences[0][2] == f"available of user {user_id}"
    assert {market["market"] for market in found.compared} == {"BTC-PERP", "ETH-PERP"}
    logged = [r.msg for r in caplog.records if isinstance(r.msg, dict)]
    assert [fact["check"] for fact in logged if fact["event"] == "reconcile_difference"] == [
        "wallet",
        "conservation",
    ]


def test_the_task_is_in_the_schedule():
    entry = BEAT_SCHEDULE["reconcile-all"]
    assert entry["schedule"] == 60.0
    assert entry["task"] == reconcile_all.name
    assert entry["task"] in current_app.tasks


def test_a_run_still_on_is_not_joined_by_another(transactional_db, redis_db, monkeypatch):
    started = []
    run_reconciliation = runs.run_reconciliation

    def run_and_be_asked_meanwhile():
        started.append(1)
        assert in_threads(2, runs.run_if_due) == [None, None]
        return run_reconciliation()

    monkeypatch.setattr(runs, "run_reconciliation", run_and_be_asked_meanwhile)
    assert runs.run_if_due() is not None
    assert runs.run_if_due() is not None  # and the lock was given back
    assert len(started) == 2


def test_long_runs_take_their_share_of_a_core_and_no_more(transactional_db, redis_db, monkeypatch):
    """A minute of work is followed by four of rest, whose end the status waits for too."""
    monkeypatch.setattr(runs, "RESTS", RESTS)

    def ended(ago: timedelta, took: timedelta) -> None:
        finished_at = timezone.now() - ago
        make_run(started_at=finished_at - took, finished_at=finished_at)

    minute = timedelta(minutes=1)
    ended(ago=3.9 * minute, took=minute)
    assert runs.run_if_due() is None
    ended(ago=9 * minute - timedelta(seconds=1), took=minute)
    assert reconciliation_check()[0] is Grade.OK
    ended(ago=9 * minute, took=minute)
    assert reconciliation_check()[0] is Grade.WARN
    ended(ago=4.1 * minute, took=minute)
    assert runs.run_if_due() is not None
    ended(ago=-60 * minute, took=minute)
    assert runs.run_if_due() is not None


def test_a_run_that_fails_gives_the_lock_back(transactional_db, redis_db, monkeypatch):
    def fail():
        raise LookupError("as planned")

    with monkeypatch.context() as patch:
        patch.setattr(runs, "run_reconciliation", fail)
        with pytest.raises(LookupError):
            runs.run_if_due()
    assert [isinstance(run, ReconcileRun) for run in in_threads(1, runs.run_if_due)] == [True]


def test_history_is_bounded(transactional_db, redis_db, monkeypatch):
    monkeypatch.setattr(runs, "CLEAN_RUNS_KEPT", 3)
    monkeypatch.setattr(runs, "OTHER_RUNS_KEPT", 2)
    different = [make_run(difference_count=1).pk for _ in range(4)]
    for _ in range(5):
        runs.run_reconciliation()
    kept = set(ReconcileRun.objects.values_list("pk", flat=True))
    assert kept == {*different[-2:], *range(different[-1] + 3, different[-1] + 6)}


def test_the_status_before_the_first_run(transactional_db, redis_db):
    assert reconciliation_check() is None


def test_the_status_after_a_clean_run(session):
    reconcile_all()
    check = reconciliation_check()
    assert check is not None
    level, text = check
    assert level is Grade.OK
    assert text.startswith("clean ")


def test_a_difference_alarms(session):
    user_id = add_a_unit()
    reconcile_all()
    make_run(market_id="ETH-PERP")  # of one market: takes nothing back
    status, body = health()
    assert status == HTTPStatus.SERVICE_UNAVAILABLE
    assert body["services"]["reconciliation"]["status"] == "bad"
    problem = next(text for text in body["problems"] if text.startswith("Reconciliation: "))
    assert "2 differences" in problem
    assert "(conservation, wallet)" in problem
    assert f"user {user_id}" not in problem
    Wallet.objects.filter(pk=user_id).update(
        available_units=Wallet.objects.get(pk=user_id).available_units - 1
    )
    reconcile_all()
    assert health()[1]["services"]["reconciliation"]["status"] == "ok"


def test_the_status_warns_of_what_was_not_compared_and_of_silence(transactional_db, redis_db):
    make_run(compared=[{"market": "BTC-PERP", "seq": 7, "notCompared": "why"}])
    check = reconciliation_check()
    assert check is not None
    assert check[0] is Grade.WARN
    assert "not compared with the engine of BTC-PERP" in check[1]
    make_run(finished_at=timezone.now() - timedelta(minutes=6))
    check = reconciliation_check()
    assert check is not None
    assert check[0] is Grade.WARN
    assert "has not run since" in check[1]


def test_the_admin_shows_the_history_and_a_run(transactional_db, redis_db):
    operator = User.objects.create_superuser("operator", password="correct horse battery")
    client = Client()
    client.force_login(operator)
    clean = make_run(
        compared=[{"market": "BTC-PERP", "seq": 1_234, "notCompared": ""}],
        figures={"orders": 5_000, "held_units": 1_500_000},
    )
    bad = make_run(
        difference_count=300,
        differences=[["wallet", "", "available of user 7", "1", "<b>2</b>"]],
        compared=[{"market": "BTC-PERP", "seq": 9, "notCompared": "no replay"}],
    )
    page = "/admin/persistence/reconcilerun/"
    listed = client.get(page).content.decode()
    assert "300 differences" in listed
    assert "clean" in listed
    only_bad = client.get(f"{page}?result=differences").content.decode()
    assert f"{page}{bad.pk}/change" in only_bad
    assert f"{page}{clean.pk}/change" not in only_bad
    shown = client.get(f"{page}{bad.pk}/change/").content.decode()
    for text in ("available of user 7", "&lt;b&gt;2&lt;/b&gt;", "And 299 more", "no: no replay"):
        assert text in shown
    shown = client.get(f"{page}{clean.pk}/change/").content.decode()
    for text in ("1,234", "5,000", "1.50 USD"):
        assert text in shown
    assert client.get(f"{page}add/").status_code == HTTPStatus.FORBIDDEN
    assert client.post(f"{page}{clean.pk}/change/", {}).status_code == HTTPStatus.FORBIDDEN
    assert client.post(f"{page}{clean.pk}/delete/", {}).status_code == HTTPStatus.FORBIDDEN
