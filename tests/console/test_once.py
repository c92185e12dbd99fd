"""A form that is sent twice does what it says once; one that is opened anew does it again."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import LazySettings
from django.contrib import admin
from django.db import connection, connections
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Invitation, User
from announcements.models import Announcement
from approvals.models import Proposal
from common.admin.acts import Verb
from console.alerts.models import AlertRecipient, AlertRule
from console.audit.models import AuditRow
from console.exports.models import ExportRun
from console.jobs.models import JobState
from console.jobs.tasks import run_job
from console.once import guard
from console.once.models import SentForm
from console.stop.models import MarketStop
from console.stress.models import StressRun
from console.tasks import forget_sent_forms
from ledger.models import Wallet
from markets.models import Market, MarketStatus
from matching.messages.vocabulary import MarketState
from tests.admin.factories import make_user
from tests.builders.factors import make_app
from tests.console.launching import filled
from tests.console.rendered import forms_of, opened

ClientOf = Callable[[str], Client]
pytestmark = pytest.mark.django_db(transaction=True)

ANNOUNCE = "/admin/announcements/announcement/add/"
SENDERS = 4


@pytest.fixture
def boss(client_of: ClientOf, monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setattr(run_job, "delay", lambda *_: None)
    make_user("second", is_staff=True, is_superuser=True)
    return client_of("superuser")


def announcement(client: Client, text: str = "We are back.") -> dict[str, Any]:
    return opened(client, ANNOUNCE, "shown_from_0").said(text=text)


def at_once(client: Client, url: str, said: dict[str, Any]) -> list[Any]:
    """Sent by several, each with a connection of its own."""
    ready, answers = threading.Barrier(SENDERS), []

    def send() -> None:
        other = Client()
        other.cookies.load({name: morsel.value for name, morsel in client.cookies.items()})
        try:
            ready.wait()
            answers.append(other.post(url, said))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send) for _ in range(SENDERS)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return answers


def test_sent_at_once_it_is_done_once_and_all_are_told(boss: Client) -> None:
    said = announcement(boss)
    answers = at_once(boss, ANNOUNCE, said)
    assert Announcement.objects.filter(text="We are back.").count() == 1
    assert {(answer.status_code, answer["Location"]) for answer in answers} == {
        (302, "/admin/announcements/announcement/")
    }
    again = boss.post(ANNOUNCE, said, follow=True).content.decode()
    assert "was done that once" in again
    assert "was added successfully" in again
    assert Announcement.objects.filter(text="We are back.").count() == 1


def test_over_processes(boss: Client, tmp_path: Any) -> None:
    url = urlsplit(os.environ["DATABASE_URL"])
    name = connection.settings_dict["NAME"]
    environment = {**os.environ, "DATABASE_URL": url._replace(path=f"/{name}").geturl()}
    environment["DJANGO_SETTINGS_MODULE"] = "exchange_site.settings"
    cookies = {key: morsel.value for key, morsel in boss.cookies.items()}
    asked = json.dumps({"url": ANNOUNCE, "said": announcement(boss), "cookies": cookies})
    command = [sys.executable, "-m", "tests.console.sending"]
    senders = [
        subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    pipes = [(one.stdin, one.stdout) for one in senders]
    for stdin, stdout in pipes:
        assert stdin is not None
        assert stdout is not None
        stdin.write(asked + "\n")
        stdin.flush()
        assert stdout.readline() == "ready\n"
    for stdin, _ in pipes:
        assert stdin is not None
        stdin.write("go\n")
        stdin.flush()
    answers = [one.communicate()[0] for one in senders]
    assert answers == ["302 /admin/announcements/announcement/\n"] * 2
    assert Announcement.objects.count() == 1


def test_opened_anew_it_is_done_again(boss: Client) -> None:
    for count in (1, 2):
        boss.post(ANNOUNCE, announcement(boss))
        assert Announcement.objects.count() == count


def test_another_content_is_another_form(boss: Client) -> None:
    said = announcement(boss)
    boss.post(ANNOUNCE, said)
    boss.post(ANNOUNCE, said | {"text": "Something else."})
    assert Announcement.objects.count() == 2


def test_of_somebody_else_it_is_another_form(boss: Client, client_of: ClientOf) -> None:
    said = announcement(boss)
    boss.post(ANNOUNCE, said)
    second = Client()
    second.force_login(User.objects.get(username="second"))
    second.post(ANNOUNCE, said)
    assert Announcement.objects.count() == 2


def test_one_with_mistakes_counts_when_it_is_sent_again(boss: Client) -> None:
    said = announcement(boss, text="")
    for _ in range(2):
        answer = boss.post(ANNOUNCE, said)
        assert answer.status_code == 200
        assert "This field is required" in answer.content.decode()
    assert not SentForm.objects.exists()
    (form,) = (f for f in forms_of(answer.content.decode()) if "shown_from_0" in f.names)
    assert boss.post(ANNOUNCE, form.said(text="Better.")).status_code == 302


# --- each kind of form ----------------------------------------------------------------------------


def _day(ahead: timedelta) -> tuple[str, str]:
    at = timezone.now() + ahead
    return f"{at:%Y-%m-%d}", f"{at:%H:%M:%S}"


def _maintenance(_: Market) -> dict[str, str]:
    (day, start), (end_day, end) = _day(timedelta(hours=1)), _day(timedelta(hours=2))
    return {
        "text": "An upgrade.", "level": "maintenance", "work_from_0": day, "work_from_1": start,
        "work_until_0": end_day, "work_until_1": end,
    }  # fmt: skip


def _stop(market: Market) -> dict[str, str]:
    return {"market": market.pk, "state": "HALTED", "reason": "a look"}


def _rule(market: Market) -> dict[str, str]:
    marks = {"threshold": "40", "holds_s": "5", "clears_after_s": "5"}
    return {"measure": "index_age", "market": market.pk, "severity": "warning", **marks}


KINDS: dict[str, tuple[str, str, type[Any], Callable[[Market], dict[str, str]]]] = {
    "announcement": (ANNOUNCE, "text", Announcement, lambda _: {"text": "Hello."}),
    "maintenance": (ANNOUNCE, "text", Announcement, _maintenance),
    "invitation": (
        "/admin/operators/invite/", "username", Proposal,
        lambda _: {"username": "dora", "mail": "d@e.com", "reason": "x", "is_superuser": "on"},
    ),
    "policy": (
        "/admin/policy/", "needed", Proposal,
        lambda _: {"kind": "change_powers", "needed": "no", "reason": "x"},
    ),
    "stress": (
        "/admin/stress/", "moves", StressRun,
        lambda _: {"kind": "ladder", "market": "all", "moves": "-6", "reason": "x"},
    ),
    "stop": ("/admin/stop/", "state", MarketStop, _stop),
    "export": ("/admin/exports/", "month", ExportRun, lambda _: {"reason": "books"}),
    "recipient": (
        "/admin/console/alertrecipient/add/", "address", AlertRecipient,
        lambda _: {"name": "Night", "kind": "mail", "address": "n@example.com"},
    ),
    "rule": ("/admin/console/alertrule/add/", "threshold", AlertRule, _rule),
}  # fmt: skip


@pytest.fixture
def open_market(market: Market) -> Market:
    MarketStatus.objects.filter(pk=market.pk).update(state=MarketState.ACTIVE)
    return market


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_once(boss: Client, open_market: Market, kind: str) -> None:
    url, having, model, filled_in = KINDS[kind]
    before = model.objects.count()
    said = opened(boss, url, having).fields | filled_in(open_market)
    answers = at_once(boss, url, said)
    assert {answer.status_code for answer in answers} == {302}, answers[0].content.decode()
    assert len({answer["Location"] for answer in answers}) == 1
    assert model.objects.count() == before + 1
    told = boss.post(url, said, follow=True).content.decode()
    assert "was done that once" in told
    assert model.objects.count() == before + 1


# The others are one at a time, or have names.
@pytest.mark.parametrize("kind", ["announcement", "maintenance", "invitation", "stop"])
def test_each_kind_meant_twice(boss: Client, open_market: Market, kind: str) -> None:
    url, having, model, filled_in = KINDS[kind]
    before = model.objects.count()
    for number in (1, 2):
        said = opened(boss, url, having).fields | filled_in(open_market)
        if kind == "invitation":
            said["username"] = f"dora{number}"
        answer = boss.post(url, said)
        assert answer.status_code == 302, answer.content.decode()
        assert model.objects.count() == before + number


def test_a_job_that_has_ended_is_not_begun_again(boss: Client, market: Market) -> None:
    said = opened(boss, "/admin/stress/", "moves").said(moves="-6", reason="x")
    first = boss.post("/admin/stress/", said)["Location"]
    StressRun.objects.update(state=JobState.DONE)
    assert boss.post("/admin/stress/", said)["Location"] == first
    assert StressRun.objects.count() == 1


def test_a_new_market(boss: Client) -> None:
    said = opened(boss, "/admin/launch/", "id").fields | filled()
    answers = at_once(boss, "/admin/launch/", said)
    assert {answer.status_code for answer in answers} == {302}
    assert len({answer["Location"] for answer in answers}) == 1
    assert AuditRow.objects.filter(verb=Verb.LAUNCHED).count() == 1


def test_a_proposal_of_an_adjustment(boss: Client, market: Market) -> None:
    """By its button on the record, and the page that asks."""
    trader = make_user("alice")
    Wallet.objects.filter(user=trader).update(available_units=10_000_000)
    record = f"/admin/ledger/wallet/{trader.pk}/change/"
    button = opened(boss, record, "_selected_action")
    asked = boss.post(button.action, button.said(action="propose_adjustment"))
    (form,) = (f for f in forms_of(asked.content.decode()) if "confirmed" in f.names)
    said = form.said(amount="5", category="refund", reference="T-1", reason="it was late")
    answers = at_once(boss, button.action, said)
    assert {answer.status_code for answer in answers} == {302}, answers[0].content.decode()
    assert Proposal.objects.count() == 1


def test_freeze(boss: Client, market: Market) -> None:
    trader = make_user("alice")
    url = reverse("admin:freeze", args=[trader.pk])
    said = opened(boss, url, "reason").said(reason="a look")
    assert {answer.status_code for answer in at_once(boss, url, said)} == {302}
    assert trader.freezes.count() == 1
    lift = opened(boss, url, "reason").said(reason="looked")
    assert {answer.status_code for answer in at_once(boss, url, lift)} == {302}
    boss.post(url, said)  # long ago: it doesn't freeze anew
    assert trader.freezes.filter(lifted_at=None).count() == 0


# --- what is shown once, what breaks off, what is asked in between --------------------------------


def test_what_is_shown_once_is_shown_to_one(boss: Client) -> None:
    """Else a second that came first would show what is void."""
    boss_user = User.objects.get(username="superuser-op")
    one = Invitation.objects.create(
        username="dora", mail="d@example.com", reason="x", inviter=boss_user,
        invited_at=timezone.now(), expires_at=timezone.now() + timedelta(days=1),
    )  # fmt: skip
    url = reverse("admin:invitation-link", args=[one.pk])
    form = next(f for f in forms_of(_text(boss.get("/admin/operators/"))) if f.action == url)
    answers = at_once(boss, url, form.fields)
    assert sorted(answer.status_code for answer in answers) == [200, *[302] * (SENDERS - 1)]
    assert AuditRow.objects.filter(verb="invitation_link_made").count() <= 1
    assert all("/password/" not in json.dumps(sent.said) for sent in SentForm.objects.all())


def test_pages_that_ask_for_a_factor_in_between_are_of_one_form(
    boss: Client, settings: LazySettings
) -> None:
    settings.FRESH_FACTOR_S = 0
    app = make_app(User.objects.get(username="superuser-op"))
    url = "/admin/operators/invite/"
    said = opened(boss, url, "username").said(username="dora", mail="d@e.com", reason="x")
    said["is_superuser"] = "on"
    asking = [boss.post(url, said) for _ in range(2)]
    assert [page.status_code for page in asking] == [403, 403]
    assert not Proposal.objects.exists()
    for page in asking:
        (form,) = (f for f in forms_of(_text(page)) if "second_factor_code" in f.names)
        assert boss.post(url, form.said(second_factor_code=app.code())).status_code == 302
    assert Proposal.objects.count() == 1
    settings.FRESH_FACTOR_S = 7200  # sent again, with its code, when none is asked for any more
    assert boss.post(url, form.said(second_factor_code=app.code())).status_code == 302
    assert Proposal.objects.count() == 1


def test_a_secret_is_not_kept(boss: Client) -> None:
    url = "/admin/console/alertrecipient/add/"
    said = opened(boss, url, "address").said(
        name="Hook", kind="webhook", address="https://example.com/hook"
    )
    first = boss.post(url, said, follow=True).content.decode()
    assert "shown this once" in first
    again = boss.post(url, said, follow=True).content.decode()
    assert "was added successfully" in again
    assert "shown this once" not in again
    assert AlertRecipient.objects.count() == 1


def test_one_that_broke_off_is_not_done_again(
    boss: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = announcement(boss)
    boss.raise_request_exception = False

    def break_off(*_: object, **__: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(type(admin.site._registry[Announcement]), "save_model", break_off)
        assert boss.post(ANNOUNCE, said).status_code == 500
    SentForm.objects.update(sent_at=timezone.now() - guard.WAIT - timedelta(seconds=1))
    answer = boss.post(ANNOUNCE, said, headers={"Referer": f"http://testserver{ANNOUNCE}"})
    assert answer["Location"] == ANNOUNCE
    assert "broke off" in boss.get(ANNOUNCE).content.decode()
    assert not Announcement.objects.exists()
    assert boss.post(ANNOUNCE, announcement(boss)).status_code == 302


@pytest.mark.parametrize("referer", ["", "https://elsewhere.example/admin/", "http://testserver/x"])
def test_where_it_leads_is_ours(boss: Client, referer: str) -> None:
    said = announcement(boss)
    boss.post(ANNOUNCE, said)
    SentForm.objects.update(location="", sent_at=timezone.now() - timedelta(minutes=1))
    answer = boss.post(ANNOUNCE, said, headers={"Referer": referer})
    assert answer["Location"] == reverse("admin:index")


def test_who_may_not_leaves_nothing(client_of: ClientOf, market: Market) -> None:
    viewer = client_of("viewer")
    assert viewer.post(ANNOUNCE, {guard.TOKEN: "x"}).status_code == 403
    assert not SentForm.objects.exists()


def test_old_ones_are_forgotten(boss: Client) -> None:
    boss.post(ANNOUNCE, announcement(boss))
    forget_sent_forms()
    assert SentForm.objects.count() == 1
    SentForm.objects.update(sent_at=timezone.now() - timedelta(days=2))
    forget_sent_forms()
    assert not SentForm.objects.exists()


def _text(response: Any) -> str:
    return str(response.content.decode())
