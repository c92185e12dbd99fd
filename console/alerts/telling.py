"""What an alert says to the outside: rows that commit with it, one per recipient."""

import json
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.urls import reverse

from accounts.models import User
from console.alerts.models import (
    Alert,
    AlertRecipient,
    AlertRule,
    RecipientKind,
    WebhookDelivery,
)
from console.alerts.vocabulary import Severity
from mails.services import queue_mail

OPENED, WORSENED, CLOSED, TEST = "opened", "worsened", "closed", "test"


def tell_outside(alert: Alert, event: str) -> None:
    """Within the transaction that changes the alert; what was told before isn't again."""
    for recipient in recipients_of(alert.rule, Severity(alert.severity)):
        _queue(recipient, f"alert-{alert.pk}-{event}-{alert.severity}-{recipient.pk}", event, alert)


def tell_test(recipient: AlertRecipient, key: str) -> None:
    _queue(recipient, key, TEST, None)


def recipients_of(rule: AlertRule, severity: Severity) -> list[AlertRecipient]:
    """Those the rule names; where it names none, all of whom it is grave enough for."""
    named = list(rule.recipients.all())
    if named:
        return [one for one in named if one.enabled]
    found = AlertRecipient.objects.filter(enabled=True)
    return [one for one in found if severity.rank >= Severity(one.least_severity).rank]


def subject_words(alert: Alert) -> str:
    """As in "BTC-PERP, ann and bob"; nothing for the whole exchange."""
    return subject_of(alert, names_of([alert]))


def titled(alert: Alert) -> str:
    """What it is about, and whom."""
    whom = subject_words(alert)
    return f"{alert.title} ({whom})" if whom else alert.title


def names_of(alerts: Iterable[Alert]) -> dict[int, str]:
    ids = {user_id for alert in alerts for user_id in alert.user_ids}
    return dict(User.objects.filter(pk__in=ids).values_list("pk", "username"))


def subject_of(alert: Alert, names: dict[int, str]) -> str:
    traders = " and ".join(names.get(pk, f"account {pk}") for pk in alert.user_ids)
    return ", ".join(filter(None, (alert.market_id, traders)))


def url_of_alert(alert: Alert) -> str:
    """Absolute where `CONSOLE_URL` says of what."""
    return f"{settings.CONSOLE_URL}{reverse('admin:alert', args=[alert.pk])}"


def _queue(recipient: AlertRecipient, key: str, event: str, alert: Alert | None) -> None:
    if recipient.kind == RecipientKind.MAIL:
        subject, text = _mail(event, alert)
        queue_mail(key, recipient.address, subject, text)
        return
    body = {"id": key, "type": f"alert.{event}", "alert": _json_of(alert) if alert else None}
    delivery = WebhookDelivery(key=key, recipient=recipient, alert=alert, body=json.dumps(body))
    WebhookDelivery.objects.bulk_create([delivery], ignore_conflicts=True)


def _mail(event: str, alert: Alert | None) -> tuple[str, str]:
    if alert is None:
        return "Alerts: a test", "An operator asked for a test. Alerts reach this address.\n"
    about, title = alert.about, titled(alert)
    now = about.unit.words(alert.last_value)
    lines = [
        f"{title}: {now}; alarms {'at or below' if about.is_low_bad else 'from'} "
        f"{about.unit.words(alert.threshold)}.",
        alert.words,
        f"Since {alert.breached_at:%Y-%m-%d %H:%M:%S} UTC, the worst was "
        f"{about.unit.words(alert.worst_value)}.",
        f"Closed at {alert.closed_at:%Y-%m-%d %H:%M:%S} UTC: {alert.closed_why}."
        if alert.closed_at
        else "",
        url_of_alert(alert),
    ]
    subject = f"[{alert.severity}] {event}: {title}"
    return subject, "\n".join(line for line in lines if line) + "\n"


def _json_of(alert: Alert) -> dict[str, Any]:
    """Values are decimal texts in the unit named; times are ISO 8601, in UTC."""
    unit = alert.about.unit

    def plain(value: int) -> str:
        return format(unit.plain(value).normalize(), "f")

    return {
        "id": alert.pk,
        "measure": alert.measure,
        "severity": alert.severity,
        "market": alert.market_id or None,
        "accounts": alert.user_ids,
        "title": alert.title,
        "words": alert.words,
        "unit": unit.value,
        "threshold": plain(alert.threshold),
        "value": plain(alert.last_value),
        "worstValue": plain(alert.worst_value),
        "breachedAt": alert.breached_at.isoformat(),
        "openedAt": alert.opened_at.isoformat() if alert.opened_at else None,
        "closedAt": alert.closed_at.isoformat() if alert.closed_at else None,
        "url": url_of_alert(alert),
    }
