"""Rules, recipients and what was sent, as operators set and see them."""

from collections.abc import Callable

import pytest
from django.contrib import admin
from django.test import Client
from django.utils import timezone

from common.admin.record_urls import list_url, url_of
from console.alerts.models import AlertRecipient, AlertRule, WebhookDelivery
from console.alerts.vocabulary import Measure
from console.alerts.webhooks import secret_of
from console.audit.models import AuditRow
from mails.models import Mail
from markets.models import Market
from tests.admin.alert_rows import make_alert, make_recipient
from tests.admin.test_actions import act
from tests.alerts.rule_forms import rule_form
from tests.alerts.watching import rule_of

ClientOf = Callable[[str], Client]
pytestmark = pytest.mark.django_db


def text_of(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200, url
    return response.content.decode()


def test_a_rule_is_changed_in_its_unit_and_the_audit_says_from_what_to_what(
    client_of: ClientOf,
) -> None:
    client, rule = client_of("risk"), rule_of(Measure.MARK_OFF_INDEX)
    url = url_of(AlertRule, rule.pk)
    page = text_of(client, url)
    assert "In %. An alert opens at it or above it." in page
    assert 'value="2"' in page
    assert client.post(url, rule_form(rule)).status_code == 302
    assert not AuditRow.objects.filter(verb="changed").exists()
    to = make_recipient("mail", "night@example.com", name="night")
    said = rule_form(rule, threshold="2.5", critical_from="", holds_s="60", recipients=str(to.pk))
    assert client.post(url, said).status_code == 302
    rule.refresh_from_db()
    assert (rule.threshold, rule.critical_from, rule.clears_at) == (25_000, None, 15_000)
    words = AuditRow.objects.get(verb="changed").words.splitlines()
    assert set(words) == {
        "alarms from 2 % → 2.5 %",
        "critical from 4 % → –",
        "must hold for 30 s → 60 s",
        "recipients – → night",
    }


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"threshold": ""}, "required"),
        ({"threshold": "x"}, "Enter a number"),
        ({"threshold": "NaN"}, "Enter a number"),
        ({"threshold": "1e30"}, "no more than"),
        ({"threshold": "9" * 16}, "Too large"),
        ({"threshold": "2.00001"}, "Too many decimals"),
        ({"critical_from": "1"}, "Critical begins at the threshold or beyond"),
        ({"clears_at": "3"}, "on the good side"),
        ({"holds_s": "-1"}, "not negative"),
        ({"holds_s": "99999999"}, "less than or equal"),
        ({"severity": "what"}, "valid choice"),
        ({"recipients": "999"}, "valid choice"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(
    client_of: ClientOf, changed: dict[str, str], words: str
) -> None:
    rule = rule_of(Measure.MARK_OFF_INDEX)
    response = client_of("risk").post(url_of(AlertRule, rule.pk), rule_form(rule, **changed))
    assert response.status_code == 200
    assert words in response.content.decode()
    before = rule.threshold
    rule.refresh_from_db()
    assert rule.threshold == before


def test_a_rule_of_a_market_is_added_once(client_of: ClientOf, market: Market) -> None:
    client, url = client_of("risk"), list_url(AlertRule, "")[:-1] + "add/"
    said = rule_form(rule_of(Measure.INDEX_AGE), measure="index_age", market=market.pk)
    assert client.post(url, said).status_code == 302
    assert AlertRule.objects.get(market=market).threshold == 15_000
    assert "change it" in client.post(url, said).content.decode()
    said |= {"measure": "profit"}
    assert "all markets together" in client.post(url, said).content.decode()
    assert client.post(url, said | {"measure": "what"}).status_code == 200


# -------------------------------------------------------------------------------------- recipients


def add_recipient(client: Client, **said: str) -> str:
    url = list_url(AlertRecipient, "")[:-1] + "add/"
    usual = {"name": "night", "least_severity": "warning", "enabled": "on"}
    return client.post(url, usual | said, follow=True).content.decode()


def test_a_secret_is_shown_once(client_of: ClientOf) -> None:
    client = client_of("risk")
    page = add_recipient(client, kind="webhook", address="https://hooks.example.com/T0/s3cr3t")
    made = AlertRecipient.objects.get()
    before = secret_of(made)
    assert before in page
    for url in (list_url(AlertRecipient, ""), url_of(AlertRecipient, made.pk)):
        page = text_of(client, url)
        assert before not in page
        assert "s3cr3t" not in page
        assert "hooks.example.com" in page
    page = act(client, AlertRecipient, "renew_secret", [made])
    made.refresh_from_db()
    assert secret_of(made) != before
    rows = " ".join(AuditRow.objects.values_list("words", flat=True))
    assert "s3cr3t" not in rows
    assert "whsec_" not in rows


@pytest.mark.parametrize(
    ("kind", "address"),
    [("mail", "x"), ("mail", "https://example.com/"), ("webhook", "ann@example.com"),
     ("webhook", "https://10.0.0.1/"), ("what", "ann@example.com"), ("mail", "")],
)  # fmt: skip
def test_an_address_that_makes_no_sense_is_refused(
    client_of: ClientOf, kind: str, address: str
) -> None:
    add_recipient(client_of("risk"), kind=kind, address=address)
    assert not AlertRecipient.objects.exists()


def test_a_test_is_sent(client_of: ClientOf) -> None:
    client = client_of("risk")
    add_recipient(client, kind="mail", address="night@example.com")
    act(client, AlertRecipient, "send_test", [AlertRecipient.objects.get()])
    assert Mail.objects.get().to == "night@example.com"


def test_what_was_given_up_is_sent_again(client_of: ClientOf, market: Market) -> None:
    make_alert(market)
    WebhookDelivery.objects.update(state="failed", tries=8, ended_at=timezone.now())
    act(client_of("risk"), WebhookDelivery, "send_again", [WebhookDelivery.objects.get()])
    again = WebhookDelivery.objects.get()
    assert (again.state, again.tries, again.ended_at) == ("waiting", 0, None)
    assert AuditRow.objects.filter(verb="send_again").exists()


def test_lists_are_registered() -> None:
    assert {AlertRule, AlertRecipient, WebhookDelivery, Mail} <= set(admin.site._registry)
