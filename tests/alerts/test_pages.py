"""What operators see and do: the pages, who may, rubbish, and what stays of it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from common.admin.record_urls import list_url, url_of
from console.alerts.models import (
    Alert,
    AlertRecipient,
    AlertRule,
    AlertSnooze,
    MeasureLook,
)
from console.alerts.places import places_of
from console.alerts.selectors import HISTORY_MAX
from console.alerts.vocabulary import Measure
from console.audit.models import AuditRow
from mails.models import Mail
from markets.models import Market
from tests.admin.alert_rows import make_alert
from tests.admin.factories import make_user
from tests.alerts.rule_forms import rule_form
from tests.alerts.watching import rule_of

ClientOf = Callable[[str], Client]
GROUPS = ("viewer", "support", "risk", "treasury", "superuser")
HANDLING, SETTING = ("support", "risk", "treasury", "superuser"), ("risk", "superuser")
URL = "/admin/alerts/"
pytestmark = pytest.mark.django_db


@pytest.fixture
def alert(market: Market) -> Alert:
    return make_alert(market, opened_at=timezone.now())


def text_of(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200, url
    return response.content.decode()


def url_of_alert(alert: Alert) -> str:
    return f"{URL}{alert.pk}/"


@pytest.mark.parametrize("group", GROUPS)
def test_who_may(client_of: ClientOf, alert: Alert, group: str) -> None:
    client, handles, sets = client_of(group), group in HANDLING, group in SETTING
    page = text_of(client, URL)
    assert ("Acknowledge</button>" in page) == handles
    assert ('value="acknowledge"' in text_of(client, url_of_alert(alert))) == handles
    wanted = 302 if handles else 403
    said = {"act": "snooze", "hours": "4", "reason": "an upgrade"}
    assert client.post(url_of_alert(alert), said).status_code == wanted
    snooze = AlertSnooze.objects.first()
    assert (snooze is not None) == handles
    assert client.post(URL, {"end_snooze": snooze.pk if snooze else 1}).status_code == wanted
    assert client.post(URL, {"acknowledge": alert.pk}).status_code == wanted
    alert.refresh_from_db()
    assert (alert.acknowledged_by is not None) == handles
    for model in (AlertRule, AlertRecipient):
        assert client.get(f"{list_url(model, '')[:-1]}add/").status_code == (200 if sets else 403)
        assert client.get(url_of(model, model.objects.all()[0].pk)).status_code == 200
    rule = url_of(AlertRule, alert.rule_id)
    assert client.post(rule, rule_form(alert.rule)).status_code == (302 if sets else 403)


def test_strangers_and_traders_see_nothing(alert: Alert) -> None:
    trader = Client()
    trader.force_login(make_user("ann"))
    for client in (Client(), trader):
        for path in (URL, url_of_alert(alert), list_url(Mail, ""), list_url(AlertRule, "")):
            assert client.get(path).status_code == client.post(path).status_code == 302


def test_staff_without_the_permission_get_403(alert: Alert) -> None:
    """And no count in the header."""
    from django.contrib.auth.models import Permission

    user = make_user("bob", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_market"))
    client = Client()
    client.force_login(user)
    for path in (URL, URL + "?part=body", url_of_alert(alert)):
        assert client.get(path).status_code == 403
    page = text_of(client, "/admin/")
    assert "alerts-waiting" not in page
    assert f'href="{URL}"' not in page


def test_every_page_counts_what_nobody_has_in_hand(client_of: ClientOf, alert: Alert) -> None:
    client = client_of("support")
    for path in ("/admin/", "/admin/status/", list_url(Market, "")):
        assert ">1 alert</a>" in text_of(client, path)
    client.post(URL, {"acknowledge": alert.pk})
    assert "alerts-waiting" not in text_of(client, "/admin/")
    Alert.objects.update(acknowledged_by=None)
    client.post(url_of_alert(alert), {"act": "snooze", "hours": "1", "reason": "known"})
    page = text_of(client, "/admin/")
    assert "alerts-waiting" not in page
    assert "Snoozed" in text_of(client, URL)


def test_what_is_done_is_in_the_audit(client_of: ClientOf, alert: Alert) -> None:
    client = client_of("support")
    client.post(url_of_alert(alert), {"act": "acknowledge", "note": "a venue is down"})
    client.post(url_of_alert(alert), {"act": "snooze", "hours": "1", "reason": "until it is up"})
    client.post(url_of_alert(alert), {"act": "snooze", "hours": "4", "reason": "it takes longer"})
    (snooze,) = AlertSnooze.objects.filter(ended_at=None)
    client.post(URL, {"end_snooze": snooze.pk})
    rows = AuditRow.objects.exclude(verb="signed_in").order_by("pk")
    assert [(row.verb, row.reason) for row in rows] == [
        ("acknowledge_alert", "a venue is down"),
        ("snooze_alert", "until it is up"),
        ("snooze_alert", "it takes longer"),
        ("end_snooze", ""),
    ]
    assert rows[0].market == "BTC-PERP"
    assert "was until" in rows[2].words
    assert AlertSnooze.objects.count() == 2
    page = text_of(client, url_of_alert(alert))
    assert "a venue is down" in page


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"act": "acknowledge"}, "acknowledged alert"),
        ({"act": "snooze", "hours": "1", "reason": " "}, "required"),
        ({"act": "snooze", "hours": "9999", "reason": "x"}, "valid choice"),
        ({"act": "snooze", "hours": "1", "reason": "x" * 501}, "at most 500"),
        ({"act": "what"}, "Snooze"),
        ({}, "Snooze"),
    ],
)
def test_what_cannot_be_done_is_said(
    client_of: ClientOf, alert: Alert, said: dict[str, str], words: str
) -> None:
    client = client_of("support")
    client.post(URL, {"acknowledge": alert.pk})
    response = client.post(url_of_alert(alert), said)
    assert response.status_code == 200
    assert words in response.content.decode()
    assert not AlertSnooze.objects.exists()


@pytest.mark.parametrize("text", ["", "0", "-1", "9" * 30, "x", "\u0663"])
def test_rubbish_of_buttons_is_refused(client_of: ClientOf, alert: Alert, text: str) -> None:
    client = client_of("support")
    for said in ({"acknowledge": text}, {"end_snooze": text}, {"what": text}):
        page = client.post(URL, said, follow=True).content.decode()
        assert any(one in page for one in ("no such alert", "ended already", "Say what to do"))
    assert client.get(f"{URL}{'9' * 25}/").status_code == 404


def test_a_closed_alert_is_not_acknowledged(client_of: ClientOf, alert: Alert) -> None:
    Alert.objects.update(closed_at=timezone.now())
    page = client_of("support").post(URL, {"acknowledge": alert.pk}, follow=True).content.decode()
    assert "is closed already" in page


@pytest.mark.parametrize(
    "query",
    [
        "range=%27--", "before=x", "before=2030-01-01T00:00:00.000000_", "severity=what",
        "before=2030-01-01T00:00:00.000000_999999999999999999999", "market_id=NO-PERP", "measure=1",
        "part=what", "severity=%00",
    ],
)  # fmt: skip
def test_rubbish_in_the_address_is_passed_over(
    client_of: ClientOf, alert: Alert, query: str
) -> None:
    assert client_of("viewer").get(f"{URL}?{query}").status_code in (200, 400)


def test_the_history_is_filtered_and_read_page_by_page(client_of: ClientOf, market: Market) -> None:
    now = timezone.now()
    rule = rule_of(Measure.INDEX_AGE)
    values: dict[str, Any] = {
        "rule": rule, "measure": rule.measure, "market_id": market.pk, "words": "", "threshold": 1,
        "value": 1, "worst_value": 1, "last_value": 1, "breached_at": now, "measured_at": now,
        "severity": "warning",
    }  # fmt: skip
    for number in range(HISTORY_MAX + 10):
        opened_at = now - timedelta(minutes=number // 2)  # two at a time
        Alert.objects.create(
            **values, subject=str(number), opened_at=opened_at, closed_at=now, closed_why="x"
        )
    Alert.objects.create(
        **values | {"severity": "critical"}, subject="old", opened_at=now - timedelta(days=3)
    )
    Alert.objects.create(**values, subject="pending")
    client = client_of("viewer")
    first: Any = client.get(URL)
    shown = first.context_data["history"]
    response: Any = client.get(f"{URL}?{first.context_data['older']}")
    further = response.context_data["history"]
    subjects = [line.alert.subject for line in (*shown, *further)]
    assert sorted(subjects, key=int) == [str(n) for n in range(HISTORY_MAX + 10)]
    assert len(set(subjects)) == len(subjects)

    def found(query: str) -> set[str]:
        answer: Any = client.get(f"{URL}?{query}")
        return {line.alert.subject for line in answer.context_data["history"]}

    assert found("range=7d&severity=critical") == {"old"}
    assert found("range=1d&severity=critical") == set()
    assert found("range=1h&measure=profit") == set()
    assert "old" not in found(f"range=7d&market_id={market.pk}")  # on the next page


def test_the_gravest_comes_first(client_of: ClientOf, market: Market) -> None:
    make_alert(market, Measure.INDEX_AGE)
    make_alert(market, Measure.MARKET_HALTED)
    make_alert(market, Measure.SELF_TRADES, subject=f"{market.pk}/{make_user('ann').pk}")
    answer: Any = client_of("viewer").get(URL)
    found = answer.context_data["open"]
    assert [line.alert.severity for line in found] == ["critical", "warning", "info"]
    assert found[2].subject == "BTC-PERP, ann"


@pytest.mark.parametrize("measure", Measure)
def test_every_alert_leads_to_its_rows(
    client_of: ClientOf, market: Market, measure: Measure
) -> None:
    one, other, scope = make_user("ann-of-all").pk, make_user("bob").pk, measure.about.scope
    subjects = {
        "EXCHANGE": "", "MARKET": market.pk, "TRADER": str(one),
        "TRADER_IN_MARKET": f"{market.pk}/{one}", "PAIR_IN_MARKET": f"{market.pk}/{one}+{other}",
    }  # fmt: skip
    alert = make_alert(
        market,
        measure,
        subject=subjects[scope.name],
        market_id=market.pk if scope.has_markets else "",
    )
    client, places = client_of("superuser"), places_of(alert)
    assert places
    for _, url in places:
        assert client.get(url).status_code == 200, url
    page = text_of(client, url_of_alert(alert))
    assert ("ann-of-all" in page) == scope.has_traders


def test_it_says_that_nobody_measures(client_of: ClientOf, market: Market) -> None:
    client = client_of("viewer")
    assert "Nothing has been measured yet" in text_of(client, URL)
    now = timezone.now()
    for measure in Measure:
        MeasureLook.objects.create(measure=measure, looked_at=now)
    assert "measured" not in text_of(client, URL + "?part=body").lower().replace("unmeasured", "")
    MeasureLook.objects.filter(pk=Measure.PROFIT).update(failed="OperationalError: too slow")
    assert "Unusual profit: OperationalError: too slow" in text_of(client, URL)
    MeasureLook.objects.update(looked_at=now - timedelta(hours=1))
    assert "Nothing has been measured since" in text_of(client, URL)


@pytest.mark.usefixtures("still")
def test_a_page_takes_as_many_queries_whatever_is_open(client_of: ClientOf, market: Market) -> None:
    client = client_of("viewer")

    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            text_of(client, URL)
        return len(captured)

    make_alert(market, Measure.SELF_TRADES, subject=f"{market.pk}/{make_user().pk}")
    queries()
    few = queries()
    for measure in (Measure.INDEX_AGE, Measure.MARKET_HALTED, Measure.DEAD_LETTERS):
        make_alert(market, measure)
    assert queries() == few
