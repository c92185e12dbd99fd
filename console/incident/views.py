"""Incidents → Timeline."""

from typing import Any

import redis
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import FileResponse, HttpRequest, HttpResponseRedirect, QueryDict
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse

from common.admin.acts import Act, Verb, tell
from common.admin.reasons import ReasonForm
from common.admin.record_urls import key_of
from common.errors import DomainError, ErrorCode
from common.reasons import reason_of
from console.incident import replays
from console.incident.bundles import export
from console.incident.forms import StretchForm
from console.incident.models import ReplayRun
from console.incident.selectors import LINES_MAX, Timeline, newest_replays, timeline
from console.incident.sources.lines import KINDS, TimelineKind
from console.incident.stretch import SPAN_MAX, Stretch
from console.jobs import lives
from markets.models import Market

PERMISSIONS = ("trading.view_outboxcommand", "ledger.view_journalentry")
REPLAY, EXPORT = "console.replay_range", "console.export_incident"
REFRESH_S = 1
_SPAN_MINUTES = int(SPAN_MAX.total_seconds()) // 60


def incident_view(site: Any, request: HttpRequest) -> HttpResponseBase:
    """The whole page, or with ``?part=body`` what its script puts in place of the old."""
    if not all(map(request.user.has_perm, PERMISSIONS)):
        raise PermissionDenied
    may = frozenset(kind for kind in TimelineKind if request.user.has_perm(KINDS[kind].permission))
    form = StretchForm(request.GET or None, list(Market.objects.all()), may)
    if request.method == "POST":
        return _act(request, form)
    if request.GET.get("part") == "body":
        return TemplateResponse(request, "console/incident/replays.html", _replays(request))
    chosen = frozenset(kind for kind in may if KINDS[kind].is_usual)
    context = {
        **site.each_context(request),
        **_replays(request),
        "title": "Incident timeline",
        "form": form,
        "fields": [form[name] for name in ("market", "at", "minutes", "from", "to")],
        "lines_max": LINES_MAX,
        "span_max": _SPAN_MINUTES,
        "refresh_s": REFRESH_S,
        "reason": ReasonForm(None, None)["reason"],
    }
    if form.is_valid():
        chosen, stretch = form.kinds(), form.stretch()
        found = timeline(stretch, chosen, form.cleaned_data["after"])
        context |= _shown(request, stretch, found)
    context["kinds"] = [
        (kind, KINDS[kind].title, kind in chosen) for kind in TimelineKind if kind in may
    ]
    return TemplateResponse(request, "console/incident/page.html", context)


def _replays(request: HttpRequest) -> dict[str, Any]:
    lives.give_up_lost(ReplayRun)
    runs = newest_replays()
    return {
        "replays": runs,
        "settled": not any(shown.run.is_under_way for shown in runs),
        "may_replay": request.user.has_perm(REPLAY),
        "may_export": request.user.has_perm(EXPORT),
    }


def _shown(request: HttpRequest, stretch: Stretch, found: Timeline) -> dict[str, Any]:
    go_on = ""
    if found.go_on is not None:
        go_on = _query(request, after=found.go_on.text())
    elif stretch.was_cut:
        start = stretch.end.strftime("%Y-%m-%dT%H:%M:%S.%f")
        go_on = _query(request, at=start, minutes=_SPAN_MINUTES)
    return {
        "stretch": stretch,
        "lines": found.lines,
        "is_full": found.go_on is not None,
        "go_on": go_on,
        "query": _query(request),
        "asked_seqs": (stretch.low_seq, stretch.high_seq) if stretch.is_by_seq else None,
        "may_reckon": request.user.has_perm("console.run_hindsight"),
    }


def _query(request: HttpRequest, **changed: Any) -> str:
    """The address again, with this instead; a time takes the place of sequences."""
    asked: QueryDict = request.GET.copy()
    for name in ("after", "part", *(("from", "to") if "at" in changed else ())):
        asked.pop(name, None)
    for name, value in changed.items():
        asked[name] = str(value)
    return asked.urlencode()


def _act(request: HttpRequest, form: StretchForm) -> HttpResponseBase:
    """Replay, export or cancel; what can't be done is said on the page one comes back to."""
    back = HttpResponseRedirect(f"{reverse('admin:incident')}?{_query(request)}")
    act = request.POST.get("act", "")
    if not request.user.has_perm(EXPORT if act == "export" else REPLAY):
        raise PermissionDenied
    try:
        if act == "cancel":
            _cancel(request)
        elif act not in ("replay", "export") or not form.is_valid():
            messages.error(request, "Say which stretch of which market first.")
        elif act == "export":
            return _export(request, form.stretch())
        else:
            _replay(request, form.stretch())
    except DomainError as error:
        messages.error(request, error.message)
    except redis.RedisError:
        messages.error(request, "Redis doesn’t answer: try again later.")
    return back


def _replay(request: HttpRequest, stretch: Stretch) -> None:
    reason = request.POST.get("reason", "")
    run = replays.ask(request, stretch.market.pk, *export.seqs_of(stretch), reason)
    messages.info(request, f"Sequences {run.from_seq:,} to {run.to_seq:,} are being replayed.")


def _cancel(request: HttpRequest) -> None:
    text = request.POST.get("run", "")
    run = ReplayRun.objects.select_related("market").filter(pk=key_of(text) or 0).first()
    if run is None:
        raise DomainError(ErrorCode.NOT_FOUND, "There is no such replay.")
    replays.cancel(request, run)
    messages.info(request, "The replay is cancelled.")


def _export(request: HttpRequest, stretch: Stretch) -> FileResponse:
    reason = reason_of(request.POST.get("reason", ""))
    made = export.export(stretch)
    words = f"sequences {made.from_seq} to {made.to_seq} as a bundle, SHA-256 {made.sha256}"
    with transaction.atomic():
        act = Act(
            verb=Verb.EXPORTED, request=request, obj=stretch.market, words=words, reason=reason
        )
        tell(act)
    return FileResponse(
        made.file, as_attachment=True, filename=made.name, content_type="application/zip"
    )
