"""What an operator does with alerts."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts.staff.operators import operator_of
from common.admin import when
from common.admin.acts import Act, Verb, tell
from common.errors import DomainError, ErrorCode, invalid
from common.reasons import REASON_MAX, reason_of
from console.alerts.models import Alert, AlertRule, AlertSnooze
from console.alerts.telling import titled

SNOOZE_WITHIN = timedelta(days=30)


@transaction.atomic
def acknowledge(request: HttpRequest, alert_id: int, note: str = "") -> Alert:
    """Somebody has it in hand. Raises DomainError: it is closed, or somebody was quicker."""
    note = note.strip()
    if len(note) > REASON_MAX:
        raise invalid("note", f"The note has at most {REASON_MAX} characters.")
    alert = _locked(alert_id)
    if alert.closed_at is not None:
        raise DomainError(ErrorCode.INVALID_TRANSITION, f"Alert {alert.pk} is closed already.")
    if alert.acknowledged_by_id is not None:
        message = f"{alert.acknowledged_by} acknowledged alert {alert.pk} already."
        raise DomainError(ErrorCode.INVALID_TRANSITION, message)
    alert.acknowledged_by, alert.acknowledged_at = operator_of(request), timezone.now()
    alert.note = note
    alert.save(update_fields=["acknowledged_by", "acknowledged_at", "note"])
    _tell(request, Verb.ALERT_ACKNOWLEDGED, alert, titled(alert), note)
    return alert


@transaction.atomic
def snooze(request: HttpRequest, alert_id: int, until: datetime, reason: str) -> AlertSnooze:
    """The alert's rule and subject; in the place of a snooze of them that there is. Raises
    DomainError."""
    reason = reason_of(reason)
    now = timezone.now()
    if not now < until <= now + SNOOZE_WITHIN:
        message = f"The end must be ahead, by at most {SNOOZE_WITHIN.days} days."
        raise invalid("until", message)
    alert = _shown(alert_id)
    before = _take(alert.rule_id, alert.subject, now)
    made = AlertSnooze.objects.create(
        rule_id=alert.rule_id,
        subject=alert.subject,
        until=until,
        reason=reason,
        snoozed_by=operator_of(request),
        snoozed_at=now,
    )
    words = f"{titled(alert)} snoozed until {when(until)} UTC"
    if before is not None:
        words += f", was until {when(before)} UTC"
    _tell(request, Verb.ALERT_SNOOZED, alert, words, reason)
    return made


@transaction.atomic
def end_snooze(request: HttpRequest, snooze_id: int) -> None:
    """Raises DomainError where it has ended."""
    found = AlertSnooze.objects.filter(pk=snooze_id).first()
    ended = found and _take(found.rule_id, found.subject, timezone.now(), found.pk)
    if found is None or ended is None:
        raise DomainError(ErrorCode.INVALID_TRANSITION, "This snooze has ended already.")
    words = f"{found.rule} {found.subject}: snooze until {when(found.until)} UTC ended"
    tell(Act(verb=Verb.ALERT_UNSNOOZED, request=request, obj=found.rule, words=words))


def _take(
    rule_id: int, subject: str, now: datetime, snooze_id: int | None = None
) -> datetime | None:
    """Ends the snooze there is, and says until when it would have been. The rule's row is the lock,
    as for whoever judges it."""
    AlertRule.objects.select_for_update(no_key=True).get(pk=rule_id)
    found = AlertSnooze.objects.filter(rule=rule_id, subject=subject, ended_at=None)
    one = found.filter(pk=snooze_id).first() if snooze_id else found.first()
    if one is None:
        return None
    one.ended_at = min(now, one.until)
    one.save(update_fields=["ended_at"])
    return one.until


def _locked(alert_id: int) -> Alert:
    return _shown(alert_id, Alert.objects.select_for_update(of=("self",)))


def _shown(alert_id: int, alerts: QuerySet[Alert] | None = None) -> Alert:
    """One that has opened."""
    rows = Alert.objects.all() if alerts is None else alerts
    found = rows.select_related("rule").filter(pk=alert_id, opened_at__isnull=False).first()
    if found is None:
        raise DomainError(ErrorCode.NOT_FOUND, "There is no such alert.")
    return found


def _tell(request: HttpRequest, verb: Verb, alert: Alert, words: str, reason: str) -> None:
    tell(
        Act(
            verb=verb,
            request=request,
            obj=alert,
            words=words,
            reason=reason,
            market_id=alert.market_id,
        )
    )
