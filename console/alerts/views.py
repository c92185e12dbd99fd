"""Incidents → Alerts, and one alert."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from common.admin import when
from common.admin.record_urls import key_of
from common.errors import DomainError
from console.alerts import selectors, services
from console.alerts.forms import HistoryForm, NoteForm, SnoozeForm
from console.alerts.models import Alert, AlertSnooze
from console.alerts.places import Place, places_of
from console.alerts.selectors import HISTORY_MAX, AlertQuery
from console.alerts.telling import names_of, subject_of
from console.alerts.vocabulary import Measure, Severity
from console.today.ranges import RANGES, range_named

PERMISSION, HANDLE = "console.view_alert", "console.handle_alert"
REFRESH_S = 5
LATE = timedelta(seconds=60)  # beyond a measure's period


@dataclass(frozen=True)
class AlertLine:
    """An alert as a row."""

    alert: Alert
    subject: str
    places: list[Place]

    @property
    def tone(self) -> str:
        return Severity(self.alert.severity).tone

    @property
    def value(self) -> str:
        return self.alert.about.unit.words(self.alert.last_value)

    @property
    def worst(self) -> str:
        return self.alert.about.unit.words(self.alert.worst_value)

    @property
    def threshold(self) -> str:
        return self.alert.about.unit.words(self.alert.threshold)


@dataclass(frozen=True)
class Snoozed:
    snooze: AlertSnooze
    line: AlertLine | None


def list_view(site: Any, request: HttpRequest) -> HttpResponse:
    """The whole page, or with ``?part=body`` what its script puts in place of the old."""
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    if request.method == "POST":
        return _act(request)
    if request.GET.get("part") == "body":
        return TemplateResponse(request, "console/alerts/body.html", _now(request))
    form = HistoryForm(request.GET)
    chosen = range_named(request.GET.get("range", ""))
    said = {name: form.cleaned_data.get(name, "") for name in form.fields if form.is_valid()}
    since = timezone.now() - timedelta(milliseconds=chosen.length_ms)
    found = selectors.history(
        AlertQuery(since=since, before=_before(request.GET.get("before", "")), **said)
    )
    shown = found[:HISTORY_MAX]
    context = {
        **site.each_context(request),
        **_now(request),
        "title": "Alerts",
        "form": form,
        "range": chosen.name,
        "ranges": [(name, _query(request, range=name)) for name in RANGES],
        "history": _lines(shown),
        "older": _query(request, before=_place(shown[-1])) if len(found) > HISTORY_MAX else "",
        "refresh_s": REFRESH_S,
    }
    return TemplateResponse(request, "console/alerts/list.html", context)


def alert_view(site: Any, request: HttpRequest, alert_id: int) -> HttpResponse:
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    if request.method == "POST":
        _may_handle(request)
    rows = Alert.objects.select_related("rule", "acknowledged_by").filter(opened_at__isnull=False)
    alert = rows.filter(pk=alert_id).first() if alert_id < 2**63 else None
    if alert is None:
        raise Http404
    act = request.POST.get("act", "") if request.method == "POST" else ""
    note = NoteForm(request.POST if act == "acknowledge" else None)
    snooze = SnoozeForm(request.POST if act == "snooze" else None)
    if request.method == "POST":
        form = {"acknowledge": note, "snooze": snooze}.get(act)
        if form is not None and form.is_valid() and _handle(request, alert, act, form):
            return HttpResponseRedirect(reverse("admin:alert", args=[alert.pk]))
    (line,) = _lines([alert])
    context = {
        **site.each_context(request),
        "title": f"Alert {alert.pk}: {alert.title}",
        "line": line,
        "facts": _facts(line),
        "blind": alert.about.blind,
        "note_form": note,
        "snooze_form": snooze,
        "may_handle": request.user.has_perm(HANDLE),
        "snooze": AlertSnooze.objects.filter(
            rule=alert.rule_id, subject=alert.subject, ended_at=None
        ).first(),
        "deliveries": alert.deliveries.select_related("recipient").order_by("pk")[:HISTORY_MAX]
        if request.user.has_perm("console.view_webhookdelivery")
        else (),
    }
    return TemplateResponse(request, "console/alerts/alert.html", context)


def _handle(request: HttpRequest, alert: Alert, act: str, form: Any) -> bool:
    said = form.cleaned_data
    try:
        if act == "acknowledge":
            services.acknowledge(request, alert.pk, said["note"])
            messages.success(request, "Acknowledged.")
        else:
            until = timezone.now() + form.length
            services.snooze(request, alert.pk, until, said["reason"])
            messages.success(request, f"Nobody is told until {when(until)} UTC.")
    except DomainError as error:
        form.add_error(error.field if error.field in form.fields else None, error.message)
        return False
    return True


def _act(request: HttpRequest) -> HttpResponse:
    """A button of the list; what can't be done is said on the page one comes back to."""
    _may_handle(request)
    try:
        if "acknowledge" in request.POST:
            alert = services.acknowledge(request, _number(request.POST["acknowledge"]))
            messages.success(request, f"Alert {alert.pk} is acknowledged.")
        elif "end_snooze" in request.POST:
            services.end_snooze(request, _number(request.POST["end_snooze"]))
            messages.success(request, "The snooze has ended.")
        else:
            messages.error(request, "Say what to do.")
    except DomainError as error:
        messages.error(request, error.message)
    query = request.META.get("QUERY_STRING", "")
    return HttpResponseRedirect(reverse("admin:alerts") + (f"?{query}" if query else ""))


def _may_handle(request: HttpRequest) -> None:
    if not request.user.has_perm(HANDLE):
        raise PermissionDenied


def _now(request: HttpRequest) -> dict[str, Any]:
    snoozes = selectors.snoozes()
    of_snoozes = [selectors.alert_of(one) for one in snoozes]
    lines = {line.alert.pk: line for line in _lines([one for one in of_snoozes if one])}
    return {
        "open": _lines(selectors.open_alerts()),
        "snoozed": [
            Snoozed(snooze, lines.get(alert.pk) if alert else None)
            for snooze, alert in zip(snoozes, of_snoozes, strict=True)
        ],
        "unwatched": _unwatched(),
        "may_handle": request.user.has_perm(HANDLE),
    }


def _unwatched() -> list[str]:
    """What nobody measures at the moment, and why."""
    looks, now = selectors.looks(), timezone.now()
    if not looks:
        return ["Nothing has been measured yet: the watch runs in a worker, sent by beat."]
    late = [
        one.about.title
        for one, look in looks.items()
        if now - look.looked_at > LATE + 2 * timedelta(seconds=one.about.every_s)
    ]
    if len(late) == len(looks):
        newest = max(look.looked_at for look in looks.values())
        return [f"Nothing has been measured since {when(newest)} UTC: are worker and beat there?"]
    said = [f"{title}: not measured as often as it should be." for title in sorted(late)]
    failed = [(one, look) for one, look in looks.items() if look.failed]
    return said + [f"{Measure(one).about.title}: {look.failed}" for one, look in failed]


def _lines(alerts: list[Alert]) -> list[AlertLine]:
    names = names_of(alerts)
    return [AlertLine(alert, subject_of(alert, names), places_of(alert)) for alert in alerts]


def _facts(line: AlertLine) -> list[tuple[str, str]]:
    alert = line.alert
    edge = "at or below" if alert.about.is_low_bad else "at or above"
    facts = [
        ("Measured", alert.about.what),
        ("Subject", line.subject or "the exchange"),
        ("When it opened", alert.about.unit.words(alert.value)),
        ("Newest", line.value),
        ("Worst", line.worst),
        (f"Alarms {edge}", line.threshold),
        ("What, then", alert.words or "–"),
        ("Breached since", f"{when(alert.breached_at)} UTC"),
        ("Opened", f"{when(alert.opened_at)} UTC"),
        ("Measured last", f"{when(alert.measured_at)} UTC"),
    ]
    if alert.closed_at:
        facts.append(("Closed", f"{when(alert.closed_at)} UTC: {alert.closed_why}"))
    if alert.acknowledged_by:
        said = f"by {alert.acknowledged_by}, {when(alert.acknowledged_at)} UTC"
        facts.append(("Acknowledged", f"{said}: {alert.note}" if alert.note else said))
    return facts


def _query(request: HttpRequest, **changed: str) -> str:
    asked = request.GET.copy()
    for name in ("before", "part"):
        asked.pop(name, None)
    for name, value in changed.items():
        asked[name] = value
    return asked.urlencode()


def _place(alert: Alert) -> str:
    opened_at = alert.opened_at or alert.breached_at
    return f"{opened_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}_{alert.pk}"


def _before(text: str) -> tuple[datetime, int] | None:
    """None for none, and for what no link of ours says."""
    moment, _, key = text.partition("_")
    try:
        at = datetime.strptime(moment, "%Y-%m-%dT%H:%M:%S.%f").replace(tzinfo=UTC)
    except ValueError:
        return None
    return (at, number) if (number := _number(key)) else None


def _number(text: str) -> int:
    """0, which is no row's, for what is none."""
    return key_of(text) or 0
