"""Risk → Stress ladder: who may, what is asked, how it is watched and cancelled."""

import html
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from kombu.exceptions import OperationalError as BrokerError

from accounts.models import User
from console.audit.models import AuditRow
from console.jobs import lives
from console.jobs.models import JobState
from console.jobs.tasks import run_job
from console.stress.climb import climb
from console.stress.ladder import DEFAULT_MOVES_PPM
from console.stress.models import StressKind, StressRun
from markets.models import Market
from tests.console.stress_runs import URL, ask, climbed, keep_snapshot, text_of, url_of

ClientOf = Callable[[str], Client]
pytestmark = pytest.mark.django_db

ASKED = {"kind": "ladder", "market": "all", "moves": "-6 +1", "reason": "weekly"}


@pytest.fixture(autouse=True)
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The runs that workers were asked for."""
    asked: list[int] = []
    monkeypatch.setattr(run_job, "delay", lambda _, run_id: asked.append(run_id))
    return asked


def post(client: Client, **said: str) -> str:
    response = client.post(URL, {**ASKED, **said})
    assert response.status_code in (200, 302)
    return html.unescape(response.content.decode())


# --- who may --------------------------------------------------------------------------------------


@pytest.mark.parametrize("group", ["viewer", "support", "risk", "treasury", "superuser"])
def test_who_may(client_of: ClientOf, market: Market, sent: list[int], group: str) -> None:
    run = ask(-60_000, state=JobState.DONE)
    client, may = client_of(group), group in ("risk", "superuser")
    for url in (URL, url_of(run), f"{URL}?part=body", url_of(run, "?part=body")):
        for method in ("get", "head"):
            assert getattr(client, method)(url).status_code == (200 if may else 403)
        for method in ("put", "patch", "delete", "options"):
            assert getattr(client, method)(url).status_code == (405 if may else 403)
    assert client.post(URL, ASKED).status_code == (302 if may else 403)
    assert (len(sent), StressRun.objects.count()) == ((1, 2) if may else (0, 1))
    last = StressRun.objects.latest("pk")
    assert client.post(url_of(last), {"cancel": "yes"}).status_code == (302 if may else 403)
    last.refresh_from_db()
    assert last.state == (JobState.CANCELLED if may else JobState.DONE)
    assert (f'href="{URL}"' in client.get("/admin/").content.decode()) == may


def test_strangers_are_sent_to_sign_in(market: Market) -> None:
    run = ask(-60_000)
    for url in (URL, url_of(run)):
        for method in ("get", "post"):
            assert getattr(Client(), method)(url).status_code == 302
    run.refresh_from_db()
    assert run.state == JobState.WAITING


def test_posts_need_their_token(operator: Callable[[str], User], market: Market) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(operator("risk"))
    run = ask(-60_000)
    assert client.post(URL, ASKED).status_code == 403
    assert client.post(url_of(run), {"cancel": "yes"}).status_code == 403
    run.refresh_from_db()
    assert run.state == JobState.WAITING


# --- asking and cancelling ------------------------------------------------------------------------


def test_what_is_asked_is_kept_sent_and_audited(
    risk: Client, market: Market, sent: list[int]
) -> None:
    response = risk.post(
        URL, {**ASKED, "kind": "outage", "market": "BTC-PERP", "moves": "−6%, 2.5"}
    )
    run = StressRun.objects.get()
    assert response["Location"] == url_of(run)
    assert sent == [run.pk]
    assert (run.kind, run.market_id, run.moves_ppm) == ("outage", "BTC-PERP", [-60_000, 25_000])
    assert (run.state, run.reason, run.asked_by.username) == ("waiting", "weekly", "risk-op")
    risk.post(url_of(run), {"cancel": "yes"})
    started, cancelled = AuditRow.objects.filter(object_kind="console.StressRun").order_by("pk")
    words = "asked for a ladder of all markets, the price of BTC-PERP away: -6 %, +2.5 %"
    assert (started.verb, started.words, started.reason) == ("stress", words, "weekly")
    assert (cancelled.verb, cancelled.words) == ("cancel_stress", "cancelled")
    assert {started.operator_name, cancelled.operator_name} == {"risk-op"}


def test_what_the_form_proposes_is_the_whole_ladder(
    risk: Client, market: Market, sent: list[int]
) -> None:
    page: Any = risk.get(URL)
    form = page.context_data["form"]
    proposed = {name: str(form[name].value()) for name in form.fields} | {"reason": "weekly"}
    risk.post(URL, proposed)
    assert StressRun.objects.get().moves_ppm == list(DEFAULT_MOVES_PPM)


def test_same_again_is_proposed(risk: Client, market: Market) -> None:
    run = ask(-25_000, 1, kind=StressKind.PATH, market=market, state=JobState.DONE)
    page: Any = risk.get(f"{URL}?like={run.pk}")
    form = page.context_data["form"]
    assert [form[name].value() for name in ("kind", "market", "moves")] == [
        "path",
        "BTC-PERP",
        "-2.5 +0.0001",
    ]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"moves": ""}, "required"),
        ({"moves": " , ;"}, "between 1 and 40"),
        ({"moves": "-5 ten"}, "“ten” is no move"),
        ({"moves": "1e9"}, "is no move"),
        ({"moves": "nan"}, "is no move"),
        ({"moves": "٣"}, "is no move"),
        ({"moves": "0.00001"}, "is no move"),
        ({"moves": "-5 0"}, "and not 0"),
        ({"moves": "-100"}, "above −100 %"),
        ({"moves": "500.0001"}, "at most +500 %"),
        ({"moves": "-5 -5"}, "same move twice"),
        ({"moves": " ".join(str(n) for n in range(1, 42))}, "between 1 and 40"),
        ({"moves": "1 " * 600}, "at most 1000 characters"),
        ({"kind": "crash"}, "Select a valid choice"),
        ({"market": "DOGE-PERP"}, "Select a valid choice"),
        ({"kind": "outage"}, "Name the market"),
        ({"reason": "   "}, "required"),
        ({"reason": "x" * 501}, "at most 500 characters"),
    ],
)
def test_rubbish_is_said_in_the_form_and_nothing_starts(
    risk: Client, market: Market, sent: list[int], said: dict[str, str], told: str
) -> None:
    assert told in post(risk, **said)
    assert (sent, StressRun.objects.count()) == ([], 0)
    assert not AuditRow.objects.filter(verb="stress").exists()


def test_path_may_make_the_same_move_twice(risk: Client, market: Market) -> None:
    post(risk, kind="path", moves="-5 -5")
    assert StressRun.objects.get().moves_ppm == [-50_000, -50_000]


def test_one_at_a_time(risk: Client, market: Market, sent: list[int]) -> None:
    post(risk)
    assert "Another run is under way: wait for it, or cancel it." in post(risk)
    assert (len(sent), StressRun.objects.count()) == (1, 1)
    assert AuditRow.objects.filter(verb="stress").count() == 1


def test_lost_run_makes_room(risk: Client, market: Market) -> None:
    lost = ask(-60_000, state=JobState.RUNNING, beat_at=timezone.now() - lives.UNTAKEN_AFTER)
    post(risk)
    lost.refresh_from_db()
    assert (lost.state, lost.why) == ("failed", "Its worker was lost. Start it again.")
    assert "Its worker was lost" in text_of(risk, url_of(lost))


def test_broker_away_is_said_and_keeps_no_place(
    risk: Client, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(word: str, run_id: int) -> None:
        raise BrokerError("refused")

    monkeypatch.setattr(run_job, "delay", away)
    assert "Redis doesn't answer" in post(risk)
    assert StressRun.objects.get().state == JobState.FAILED


def test_ended_run_is_not_cancelled_again(risk: Client, market: Market) -> None:
    run = ask(-60_000, state=JobState.DONE)
    response = risk.post(url_of(run), {"cancel": "yes"}, follow=True)
    assert "This run has ended already." in response.content.decode()
    run.refresh_from_db()
    assert run.state == JobState.DONE
    assert not AuditRow.objects.filter(verb="cancel_stress").exists()


def test_progress_can_be_watched_and_cancelled(risk: Client, market: Market) -> None:
    run = ask(-60_000, state=JobState.RUNNING, steps_done=3, steps_total=14)
    for url in (url_of(run, "?part=body"), f"{URL}?part=body"):
        part = risk.get(url)
        body = part.content.decode()
        assert "<html" not in body
        assert "data-settled" not in body
        assert 'max="14" value="3"' in body
        assert "no-store" in part["Cache-Control"]
    assert 'name="cancel"' in risk.get(url_of(run)).content.decode()
    lives.fail(StressRun, run.pk, "as may be")
    body = risk.get(url_of(run, "?part=body")).content.decode()
    assert "data-settled" in body
    assert 'name="cancel"' not in body


@pytest.mark.parametrize(
    "query",
    [
        "?with=x",
        "?with=0",
        "?with=99999999999999999999999",
        "?with=-1",
        "?market=&step=1",
        "?market=BTC-PERP&step=0",
        "?market=BTC-PERP&step=3",
        "?market=BTC-PERP&step=²",
        "?part=x",
        "?before=x&like=-",
        "?before=99999999999999999999&like=7777777777777777777777",
    ],
)
def test_rubbish_in_a_query_is_no_fault(risk: Client, market: Market, query: str) -> None:
    keep_snapshot()
    run = climbed(-60_000, 10_000)
    assert "BTC-PERP" in text_of(risk, url_of(run, query))
    text_of(risk, URL + query)


def test_nul_is_refused(risk: Client, market: Market) -> None:
    run = ask(-60_000, state=JobState.DONE)
    for url in (f"{URL}?like=%00", url_of(run, "?with=%00"), url_of(run, "?market=%00&step=1")):
        assert risk.get(url).status_code == 400
    assert risk.post(URL, {**ASKED, "moves": "-5\0"}).status_code == 400


def test_run_that_is_not_there_is_404(risk: Client, market: Market) -> None:
    for number in (0, 7, 10**30):
        assert risk.get(f"{URL}{number}/").status_code == 404
        assert risk.post(f"{URL}{number}/", {"cancel": "yes"}).status_code == 404


def test_runs_are_listed_newest_first_a_page_at_a_time(risk: Client, market: Market) -> None:
    made = [ask(-60_000, state=JobState.DONE).pk for _ in range(30)]
    pages: list[list[int]] = []
    for url in (URL, f"{URL}?before={made[5]}"):
        page: Any = risk.get(url)
        pages.append([run.pk for run, _ in page.context_data["runs"]])
    assert pages == [made[:4:-1], made[4::-1]]
    assert f'href="{URL}?before={made[5]}"' in risk.get(URL).content.decode()


def test_run_page_is_the_run_s_own_answer(risk: Client, market: Market) -> None:
    """From the form to the result, as its user sees it."""
    keep_snapshot()
    post(risk)
    run = StressRun.objects.get()
    assert "waiting" in text_of(risk, url_of(run))
    lives.claim(StressRun, run.pk)
    climb(run.pk)
    assert "Whom -6 % hurts" in text_of(risk, url_of(run))
