"""Taking measures, and judging rules by them."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import structlog
from django.db import DatabaseError, connection, transaction
from django.db.models import F
from django.utils import timezone
from redis import RedisError

from common.postgres.alone import alone
from common.postgres.outages import is_outage
from console.alerts.measures import READERS
from console.alerts.measures.look import Look, NotMeasured, Reading, Readings
from console.alerts.models import (
    FAILED_MAX,
    WORDS_MAX,
    Alert,
    AlertRule,
    AlertSnooze,
    MeasureLook,
)
from console.alerts.telling import CLOSED, OPENED, WORSENED, tell_outside
from console.alerts.vocabulary import Measure, Severity

STATEMENT_TIMEOUT = "10s"
# Without a look for so long, or for the time of three looks, nothing is known to have held.
GAP_MIN = timedelta(minutes=2)
# What each look changes of an alert that is neither graver nor over: of all in one statement.
_FIGURES = ("last_value", "worst_value", "measured_at", "clear_since")
_FIGURES_AT_ONCE = 200
_LOCK = 0x616C7274  # "alrt": the advisory lock of a watch
_EARLY = timedelta(seconds=2)  # the beat's own unpunctuality

log = structlog.get_logger(__name__)


def watch() -> None:
    """Every measure that is due; nothing while another worker is at it."""
    with alone(_LOCK) as is_alone:
        if is_alone:
            look_at(Look(timezone.now()), _due(timezone.now()))


def _due(now: datetime) -> list[Measure]:
    looked = dict(MeasureLook.objects.values_list("measure", "looked_at"))
    return [one for one in Measure if one not in looked or _is_due(one, looked[one], now)]


def _is_due(measure: Measure, looked_at: datetime, now: datetime) -> bool:
    """A clock set back makes it due, not one of tomorrow."""
    since = now - looked_at
    return since < timedelta(0) or since >= timedelta(seconds=measure.about.every_s) - _EARLY


def look_at(look: Look, measures: Iterable[Measure]) -> None:
    """One that fails says so in its row and changes no alert; the others are taken. Raises what
    would fail of all."""
    end_snoozes(look.now)
    for measure in measures:
        failed = ""
        try:
            _judge_all(measure, look)
        except NotMeasured as error:
            failed = str(error)[:FAILED_MAX]
        except (DatabaseError, RedisError) as error:
            if is_outage(error):
                raise
            failed = f"{type(error).__name__}: {error}".partition("\n")[0][:FAILED_MAX]
            log.warning("measure_failed", measure=measure, why=failed)
        except Exception as error:
            failed = f"{type(error).__name__}: see the log"
            log.exception("measure_failed", measure=measure)
        MeasureLook.objects.update_or_create(
            measure=measure, defaults={"looked_at": look.now, "failed": failed}
        )


def _judge_all(measure: Measure, look: Look) -> None:
    rules = list(AlertRule.objects.filter(measure=measure))
    readings = _read(measure, look) if any(rule.enabled for rule in rules) else {}
    own = {rule.market_id for rule in rules if rule.market_id}
    for rule in rules:
        judge(rule.pk, readings, own, look.now)


def _read(measure: Measure, look: Look) -> Readings:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [STATEMENT_TIMEOUT])
        return READERS[measure](look)


@transaction.atomic
def judge(rule_id: int, readings: Readings, own: set[str], now: datetime) -> None:
    """By all readings, of which those that are the rule's are judged. ``own``: markets that have a
    rule of their own."""
    # The row is the rule's lock: two that judge it do so one after the other.
    rule = AlertRule.objects.select_for_update(no_key=True).get(pk=rule_id)
    alerts = {
        alert.subject: alert
        for alert in rule.alerts.select_for_update().filter(closed_at=None).order_by("pk")
    }
    snoozed = set(rule.snoozes.filter(ended_at=None).values_list("subject", flat=True))
    as_before: list[Alert] = []
    for subject, alert in alerts.items():
        reading = readings.get(subject)
        market_id = alert.market_id or (reading.market_id if reading else "")
        if not (rule.enabled and _covers(rule, market_id, own)):
            _end(alert, now, "the rule no longer applies")
        elif (reading is None or reading.value is not None) and _goes_on(rule, alert, reading, now):
            as_before.append(alert)
        if alert.pk is not None and (alert.closed_at or subject not in snoozed):
            _tell(alert)
    for subject, reading in readings.items():
        is_new = subject not in alerts and rule.enabled and _covers(rule, reading.market_id, own)
        if is_new and reading.value is not None and rule.breached_by(reading.value):
            _begin(rule, subject, reading, reading.value, now, subject in snoozed)
    Alert.objects.bulk_update(as_before, _FIGURES, batch_size=_FIGURES_AT_ONCE)


def _covers(rule: AlertRule, market_id: str, own: set[str]) -> bool:
    """A market's own rule takes the place of the one for all."""
    return rule.market_id == market_id if rule.market_id else market_id not in own


def _begin(
    rule: AlertRule, subject: str, reading: Reading, value: int, now: datetime, is_snoozed: bool
) -> None:
    alert = Alert(
        rule=rule,
        measure=rule.measure,
        subject=subject,
        market_id=reading.market_id,
        severity=rule.severity_of(value),
        words=_kept(reading.words),
        threshold=rule.threshold,
        value=value,
        worst_value=value,
        last_value=value,
        breached_at=now,
        measured_at=now,
        opened_at=None if rule.holds_s else now,
    )
    alert.save()
    if not is_snoozed:
        _tell(alert)


def _goes_on(rule: AlertRule, alert: Alert, reading: Reading | None, now: datetime) -> bool:
    """Whether nothing but its figures is new, which are not saved then; else all of it is."""
    value = reading.value if reading else None
    if alert.opened_at is None:
        _wait(rule, alert, reading, value, now)
        return False
    is_worse = False
    if value is not None:
        alert.last_value = value
        if rule.reaches(value, alert.worst_value):
            alert.worst_value = value
        is_worse = _worsens(rule, alert, reading, value)
    alert.measured_at = now
    if value is None or rule.cleared_by(value):
        alert.clear_since = alert.clear_since or now
        if now - alert.clear_since >= timedelta(seconds=rule.clears_after_s):
            _end(alert, now, "clear again")
            return False
    else:
        alert.clear_since = None
    if is_worse:
        alert.save()
    return not is_worse


def _wait(
    rule: AlertRule, alert: Alert, reading: Reading | None, value: int | None, now: datetime
) -> None:
    """For it to have held long enough."""
    if reading is None or value is None or not rule.breached_by(value):
        alert.delete()
        return
    gap = max(GAP_MIN, 3 * timedelta(seconds=rule.about.every_s))
    if now - alert.measured_at > gap:
        alert.breached_at = now
    alert.measured_at = now
    alert.value = alert.last_value = value
    if rule.reaches(value, alert.worst_value):
        alert.worst_value = value
    alert.severity = rule.severity_of(value)
    alert.threshold, alert.words = rule.threshold, _kept(reading.words)
    if now - alert.breached_at >= timedelta(seconds=rule.holds_s):
        alert.opened_at = now
    alert.save()


def _worsens(rule: AlertRule, alert: Alert, reading: Reading | None, value: int) -> bool:
    """Whether it is graver than it was: whoever had it in hand is asked again."""
    severity = rule.severity_of(value)
    if not rule.breached_by(value) or severity.rank <= Severity(alert.severity).rank:
        return False
    alert.severity, alert.words = severity, _kept(reading.words if reading else "")
    alert.acknowledged_by = alert.acknowledged_at = None
    alert.note = ""
    return True


def _end(alert: Alert, now: datetime, why: str) -> None:
    """One that was never open goes without a trace."""
    if alert.opened_at is None:
        alert.delete()
        return
    alert.closed_at, alert.closed_why = now, why
    alert.save()


def _tell(alert: Alert) -> None:
    """What the outside hasn't heard. Of what closed, who was told that it opened is told."""
    if alert.closed_at is not None:
        if alert.told_severity:
            tell_outside(alert, CLOSED)
        return
    if alert.opened_at is None or alert.told_severity == alert.severity:
        return
    tell_outside(alert, WORSENED if alert.told_severity else OPENED)
    alert.told_severity = alert.severity
    alert.save(update_fields=["told_severity"])


def _kept(words: str) -> str:
    return words.replace("\0", "")[:WORDS_MAX]


def end_snoozes(now: datetime) -> None:
    """Those whose time has come."""
    AlertSnooze.objects.filter(ended_at=None, until__lte=now).update(ended_at=F("until"))
