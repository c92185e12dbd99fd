"""What leaves the house: mails and webhooks, once each, tried again, given up where one sees it."""

import hashlib
import hmac
import json
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail as django_mail
from django.core.exceptions import ValidationError
from django.db import connections, transaction
from django.utils import timezone

from common.errors import DomainError
from common.outgoing.due_rows import (
    BACKOFF_S,
    KEPT_FOR,
    LEASE,
    TRIES_MAX,
    OutgoingState,
    forget_old,
)
from console.alerts import webhooks
from console.alerts.evaluation import judge
from console.alerts.measures.look import Reading
from console.alerts.models import AlertRecipient, WebhookDelivery
from console.alerts.telling import tell_test
from console.alerts.vocabulary import Measure
from console.alerts.webhooks import check_address, secret_of, send_due_webhooks
from console.tasks import forget_old_webhooks, send_webhooks
from mails.models import Mail
from mails.services import queue_mail
from mails.tasks import forget_old_mails, send_mails
from tests.admin.alert_rows import make_recipient
from tests.alerts.receiver import Receiver, receiving
from tests.alerts.watching import NOW, rule_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.WEBHOOK_HOSTS = ["127.0.0.1"]
    with receiving() as found:
        yield found


@pytest.fixture
def mailing(settings: Any) -> None:
    """As with an EMAIL_URL; pytest-django keeps what is sent."""
    settings.MAIL_IS_SENT = True
    settings.DEFAULT_FROM_EMAIL = "Exchange <alerts@exchange.example>"


def hook(receiver: Receiver) -> AlertRecipient:
    return make_recipient("webhook", receiver.url)


def delivery(recipient: AlertRecipient, key: str = "test-1") -> WebhookDelivery:
    tell_test(recipient, key)
    return WebhookDelivery.objects.get(key=key)


def due_now(model: Any = WebhookDelivery) -> None:
    model.objects.filter(state=OutgoingState.WAITING).update(due_at=timezone.now())


def is_genuine(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """As docs/operating.md says it."""
    fields = dict(part.split("=", 1) for part in headers["Exchange-Signature"].split(","))
    signed = fields["t"].encode() + b"." + body
    expected = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, fields["v1"])


def test_an_alert_arrives_signed(receiver: Receiver, settings: Any) -> None:
    settings.CONSOLE_URL = "https://exchange.example"
    recipient, rule = hook(receiver), rule_of(Measure.INDEX_AGE, holds_s=0, critical_from=None)
    judge(rule.pk, {"BTC-PERP": Reading(15_500, "so it is", "BTC-PERP")}, set(), NOW)
    send_webhooks()
    ((path, headers, body),) = receiver.got
    assert path == "/hook"
    assert is_genuine(secret_of(recipient), headers, body)
    assert not is_genuine(secret_of(recipient), headers, body + b" ")
    assert not is_genuine("whsec_another", headers, body)
    said = json.loads(body)
    assert said["id"] == headers["Exchange-Delivery"]
    assert said["type"] == "alert.opened"
    about = said["alert"]
    assert (about["measure"], about["value"], about["unit"]) == ("index_age", "15.5", "s")
    assert (about["market"], about["threshold"], about["accounts"]) == ("BTC-PERP", "15", [])
    assert about["url"] == f"https://exchange.example/admin/alerts/{about['id']}/"
    sent = WebhookDelivery.objects.get()
    assert (sent.state, sent.tries) == (OutgoingState.SENT, 1)
    send_webhooks()
    assert len(receiver.got) == 1


def test_what_was_refused_comes_again_with_the_same_id(receiver: Receiver) -> None:
    receiver.statuses = [500, 302]
    receiver.location = receiver.url  # nobody follows it
    waiting = delivery(hook(receiver))
    before = timezone.now()
    send_due_webhooks()
    waiting.refresh_from_db()
    assert (waiting.state, waiting.last_error) == (OutgoingState.WAITING, "answered 500")
    assert waiting.due_at >= before + timedelta(seconds=BACKOFF_S[0])
    send_due_webhooks()
    assert len(receiver.got) == 1  # not due
    for _ in range(2):
        due_now()
        send_due_webhooks()
    waiting.refresh_from_db()
    assert (waiting.state, waiting.tries, waiting.last_error) == (OutgoingState.SENT, 3, "")
    assert {headers["Exchange-Delivery"] for _, headers, _ in receiver.got} == {"test-1"}
    assert len(receiver.got) == 3


def test_it_is_given_up_after_the_last_try_and_sent_again_when_asked(receiver: Receiver) -> None:
    receiver.statuses = [404] * TRIES_MAX
    waiting = delivery(hook(receiver))
    with pytest.raises(DomainError):
        waiting.send_again()
    for _ in range(TRIES_MAX + 2):
        due_now()
        send_due_webhooks()
    waiting.refresh_from_db()
    assert (waiting.state, waiting.last_error) == (OutgoingState.FAILED, "answered 404")
    assert len(receiver.got) == waiting.tries == TRIES_MAX
    waiting.send_again()
    send_due_webhooks()
    waiting.refresh_from_db()
    assert (waiting.state, waiting.tries) == (OutgoingState.SENT, 1)


def test_a_receiver_that_hangs_is_left(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "TIMEOUT_S", 0.2)
    receiver.statuses = [None]
    recipient = hook(receiver)
    first, second = delivery(recipient), delivery(recipient, "test-2")
    send_due_webhooks()
    first.refresh_from_db()
    second.refresh_from_db()
    assert "no answer within" in first.last_error
    assert second.state == OutgoingState.SENT


def test_what_nobody_listens_to(settings: Any) -> None:
    settings.WEBHOOK_HOSTS = ["127.0.0.1"]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    waiting = delivery(make_recipient("webhook", f"http://127.0.0.1:{port}/"))
    send_due_webhooks()
    waiting.refresh_from_db()
    assert waiting.last_error == "ClientConnectorError"


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1/", "https://localhost/x", "https://10.0.0.7/", "https://[::1]/",
        "https://169.254.169.254/latest/meta-data", "http://example.com/", "ftp://example.com/",
        "https://ann:secret@example.com/", "javascript:alert(1)", "https://2130706433/", "x",
    ],
)  # fmt: skip
def test_addresses_that_are_refused(address: str) -> None:
    with pytest.raises(ValidationError):
        check_address(address)


def test_a_name_that_leads_into_the_house_is_refused_at_the_socket(
    receiver: Receiver, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.WEBHOOK_HOSTS = []
    port = int(receiver.url.rpartition(":")[2].partition("/")[0])
    look_up = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda _host, _port, *rest, **more: look_up(
            "127.0.0.1", port, *rest, **more
        ),
    )  # fmt: skip
    waiting = delivery(make_recipient("webhook", f"https://hooks.example.com:{port}/"))
    send_due_webhooks()
    waiting.refresh_from_db()
    assert waiting.last_error == "refused: not a public address"
    assert receiver.got == []


def test_a_recipient_that_was_switched_off_hears_nothing(receiver: Receiver) -> None:
    waiting = delivery(hook(receiver))
    AlertRecipient.objects.update(enabled=False)
    send_due_webhooks()
    waiting.refresh_from_db()
    assert waiting.last_error == "the recipient is not enabled"
    assert receiver.got == []


def test_secrets_are_the_installation_s_and_the_recipient_s(settings: Any) -> None:
    one, other = make_recipient(), make_recipient(address="https://example.com/y")
    before = secret_of(one)
    assert before.startswith("whsec_")
    assert len({before, secret_of(other)}) == 2
    assert before not in json.dumps(list(AlertRecipient.objects.values()), default=str)
    settings.SECRET_KEY = "another installation's, of 32 letters and more"
    assert secret_of(one) != before


# ------------------------------------------------------------------------------------------- mails


def test_a_mail_is_sent_once(mailing: None) -> None:
    for _ in range(2):  # the same key is the same mail
        queue_mail("alert-1", "ann@example.com", "late\r\nBcc: eve@example.com", "It is late.\0")
    send_mails()
    send_mails()
    (sent,) = django_mail.outbox
    assert (sent.to, sent.bcc, sent.body) == (["ann@example.com"], [], "It is late.")
    assert sent.subject == "late Bcc: eve@example.com"
    message = sent.message()
    assert message["Message-ID"] == "<alert-1@exchange.example>"
    assert message["From"] == "Exchange <alerts@exchange.example>"
    assert Mail.objects.get().state == OutgoingState.SENT


def test_without_a_server_mails_are_kept() -> None:
    queue_mail("alert-1", "ann@example.com", "late", "It is late.")
    send_mails()
    assert django_mail.outbox == []
    kept = Mail.objects.get()
    assert (kept.state, kept.body) == (OutgoingState.KEPT, "It is late.")


def test_a_mail_server_that_is_away_is_asked_again(mailing: None, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        settings.EMAIL_PORT = probe.getsockname()[1]
    queue_mail("alert-1", "ann@example.com", "late", "It is late.")
    send_mails()
    waiting = Mail.objects.get()
    assert (waiting.state, waiting.tries) == (OutgoingState.WAITING, 1)
    assert "refused" in waiting.last_error
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    due_now(Mail)
    send_mails()
    assert len(django_mail.outbox) == 1


def test_a_mail_of_a_transaction_that_failed_is_none() -> None:
    with transaction.atomic():
        queue_mail("alert-1", "ann@example.com", "late", "It is late.")
        transaction.set_rollback(True)
    assert not Mail.objects.exists()


def test_two_senders_send_a_mail_once(mailing: None) -> None:
    for number in range(20):
        queue_mail(f"alert-{number}", "ann@example.com", "late", "It is late.")

    def send() -> None:
        send_mails()
        connections.close_all()

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    send_mails()
    assert len(django_mail.outbox) == 20


def test_what_a_dead_sender_had_in_hand_comes_again_later(mailing: None) -> None:
    queue_mail("alert-1", "ann@example.com", "late", "It is late.")
    claimed = Mail.claim()
    assert claimed is not None
    send_mails()
    assert django_mail.outbox == []
    assert claimed.due_at > timezone.now() + LEASE - timedelta(seconds=60)
    due_now(Mail)
    send_mails()
    assert len(django_mail.outbox) == 1
    claimed.put_off("it woke up again")  # too late to say
    assert Mail.objects.get().state == OutgoingState.SENT


def test_what_ended_long_ago_is_forgotten() -> None:
    for number, days in enumerate((0, 1, -1)):
        queue_mail(f"alert-{number}", "ann@example.com", "late", "It is late.")
        ended_at = timezone.now() - KEPT_FOR - timedelta(days=days)
        Mail.objects.filter(key=f"alert-{number}").update(state="sent", ended_at=ended_at)
    queue_mail("alert-9", "ann@example.com", "late", "It waits.")
    forget_old_mails()
    forget_old_webhooks()
    forget_old(Mail)
    assert set(Mail.objects.values_list("key", flat=True)) == {"alert-2", "alert-9"}
