"""An alert that is open, and all that is said of it."""

from console.alerts.defaults import install_rules
from console.alerts.models import (
    Alert,
    AlertRecipient,
    AlertRule,
    RecipientKind,
    WebhookDelivery,
)
from console.alerts.vocabulary import Measure
from console.alerts.webhooks import new_nonce
from mails.services import queue_mail
from markets.models import Market
from tests.admin.money_rows import NOW


def make_recipient(
    kind: str = RecipientKind.WEBHOOK, address: str = "https://example.com/x", **fields: object
) -> AlertRecipient:
    values = {"name": f"{kind} to {address}", "nonce": new_nonce()} | fields
    found = AlertRecipient.objects.filter(name=values["name"]).first()
    return found or AlertRecipient.objects.create(kind=kind, address=address, **values)


def make_alert(market: Market, measure: Measure = Measure.INDEX_AGE, **fields: object) -> Alert:
    """Of the rule for all markets, at 20 s where that is its unit."""
    install_rules()
    rule = AlertRule.objects.get(measure=measure, market=None)
    alert = Alert.objects.filter(rule=rule, subject=market.pk, closed_at=None).first()
    if alert is None:
        values = {"subject": market.pk, "market_id": market.pk, "opened_at": NOW} | fields
        alert = Alert.objects.create(
            rule=rule,
            measure=measure,
            severity=rule.severity,
            threshold=rule.threshold,
            value=20_000,
            worst_value=25_000,
            last_value=21_000,
            breached_at=NOW,
            measured_at=NOW,
            **values,
        )
        key = f"alert-{alert.pk}-opened-warning-1"
        queue_mail(key, "night@example.com", "[warning] opened", "The index is old.")
        WebhookDelivery.objects.create(
            key=key, recipient=make_recipient(), alert=alert, body='{"id": "x"}'
        )
    return alert
