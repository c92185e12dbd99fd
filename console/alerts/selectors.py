"""Which alerts there are."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Case, Exists, OuterRef, QuerySet, Value, When

from console.alerts.models import Alert, AlertSnooze, MeasureLook
from console.alerts.vocabulary import Measure, Severity

SHOWN_MAX = 200
HISTORY_MAX = 50
COUNTED_MAX = 100
_GRAVITY = Case(*(When(severity=one, then=Value(-one.rank)) for one in Severity))


def _heard() -> QuerySet[Alert]:
    """Open, and snoozed by nobody."""
    snoozes = AlertSnooze.objects.filter(
        rule=OuterRef("rule"), subject=OuterRef("subject"), ended_at=None
    )
    alerts = Alert.objects.filter(opened_at__isnull=False, closed_at=None)
    return alerts.filter(~Exists(snoozes)).select_related("rule", "acknowledged_by")


def open_alerts() -> list[Alert]:
    """Those that nobody snoozed, the gravest first, then those that nobody has in hand."""
    is_taken = Case(When(acknowledged_by=None, then=Value(0)), default=Value(1))
    return list(_heard().order_by(_GRAVITY, is_taken, "-opened_at")[:SHOWN_MAX])


def waiting_alerts() -> QuerySet[Alert]:
    """Open, and neither acknowledged nor snoozed."""
    return _heard().filter(acknowledged_by=None)


@dataclass(frozen=True)
class Waits:
    """``tone``: of the gravest."""

    count: str
    tone: str


def waiting_words() -> Waits | None:
    """For the header of every page; None where nothing waits."""
    found = list(waiting_alerts().order_by().values_list("severity", flat=True)[: COUNTED_MAX + 1])
    if not found:
        return None
    gravest = max(map(Severity, found), key=lambda one: one.rank)
    text = f"{COUNTED_MAX}+" if len(found) > COUNTED_MAX else str(len(found))
    return Waits(f"{text} alert{'' if text == '1' else 's'}", gravest.tone)


def snoozes() -> list[AlertSnooze]:
    rows = AlertSnooze.objects.filter(ended_at=None).select_related("rule", "snoozed_by")
    return list(rows.order_by("until")[:SHOWN_MAX])


def alert_of(snooze: AlertSnooze) -> Alert | None:
    """The newest that it is about."""
    alerts = Alert.objects.filter(rule=snooze.rule_id, subject=snooze.subject)
    return alerts.filter(opened_at__isnull=False).order_by("-pk").first()


@dataclass(frozen=True)
class AlertQuery:
    """What of the history; ``before``: the opening and the key of the last that was shown."""

    since: datetime
    severity: str = ""
    measure: str = ""
    market_id: str = ""
    before: tuple[datetime, int] | None = None


def history(asked: AlertQuery) -> list[Alert]:
    """Opened since, newest first; `HISTORY_MAX` and one more, which tells that there are more."""
    rows = Alert.objects.filter(opened_at__gte=asked.since)
    for field in ("severity", "measure", "market_id"):
        if value := getattr(asked, field):
            rows = rows.filter(**{field: value})
    if asked.before is not None:
        opened_at, key = asked.before
        rows = rows.filter(opened_at__lte=opened_at).exclude(opened_at=opened_at, pk__gte=key)
    rows = rows.select_related("rule", "acknowledged_by")
    return list(rows.order_by("-opened_at", "-pk")[: HISTORY_MAX + 1])


def looks() -> dict[Measure, MeasureLook]:
    return {Measure(one.measure): one for one in MeasureLook.objects.all()}
