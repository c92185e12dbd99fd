"""Risk → Stress ladder: the runs, and what one found."""

from typing import Any

import msgspec
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.template.response import TemplateResponse
from django.urls import reverse

from approvals.models import Proposal
from common.admin.acts import Verb
from common.admin.record_urls import key_of, url_of
from common.errors import DomainError
from console.jobs import lives
from console.jobs import services as jobs
from console.jobs.models import JobState
from console.stress import services
from console.stress.compare import comparable, differences, rules_differences
from console.stress.display import ladders_of, shown_markets
from console.stress.findings import Ladder
from console.stress.forms import StressForm
from console.stress.models import StressKind, StressRun
from console.stress.services import in_words
from trading.commands.proposals import RAISE_RISK

PERMISSION = "console.run_stress"
METHODS = ("GET", "HEAD", "POST")
REFRESH_S = 1
RUNS_PER_PAGE = 25


def list_view(site: Any, request: HttpRequest) -> HttpResponse:
    """The whole page, or with ``?part=body`` what its script puts in place of the old. ``before``:
    the number of a run, of which older ones are shown; ``like``: one whose terms are proposed."""
    if (refused := _refused(request)) is not None:
        return refused
    if request.method == "POST" and "predict" in request.POST:
        return _predict(request)
    form = StressForm(
        request.POST if request.method == "POST" else None, _run(request.GET.get("like", ""))
    )
    if request.method == "POST" and form.is_valid():
        try:
            run = services.start_run(request, form.asked())
            return HttpResponseRedirect(_url_of(run))
        except DomainError as error:
            form.add_error(error.field if error.field in form.fields else None, error.message)
    lives.give_up_lost(StressRun)
    asked = key_of(request.GET.get("before", ""))
    rows = StressRun.objects.select_related("asked_by").defer("results").order_by("-pk")
    if asked is not None:
        rows = rows.filter(pk__lt=asked)
    page = list(rows[: RUNS_PER_PAGE + 1])
    shown = page[:RUNS_PER_PAGE]
    context = {
        "title": "Stress ladder",
        "form": form,
        "runs": [(run, in_words(run)) for run in shown],
        "proposal": _proposal(request.GET.get("proposal", "")),
        "older": shown[-1].pk if len(page) > RUNS_PER_PAGE else None,
        "is_settled": not any(run.is_under_way for run in shown),
    }
    return _answer(site, request, "list", context)


def run_view(site: Any, request: HttpRequest, run_id: int) -> HttpResponse:
    """``with``: the number of another run, to see what differs. ``market`` and ``step``: of it all
    rows that are kept, and no other step."""
    if (refused := _refused(request)) is not None:
        return refused
    lives.give_up_lost(StressRun)
    run = _run(str(run_id))
    if run is None:
        raise Http404
    if request.method == "POST":
        return _cancel(request, run)
    context = {
        "title": f"Stress run {run.pk}",
        "run": run,
        "asked": in_words(run),
        "others": comparable(run),
    }
    try:
        context |= _findings(request, run)
    except msgspec.ValidationError as error:
        context["unreadable"] = str(error)
    return _answer(site, request, "run", context)


def _predict(request: HttpRequest) -> HttpResponse:
    """What a proposal of new rules would do, asked for on its page."""
    proposal = _proposal(request.POST["predict"])
    if proposal is None:
        raise Http404
    try:
        return HttpResponseRedirect(_url_of(services.predict(request, proposal)))
    except DomainError as error:
        messages.error(request, error.message)
        return HttpResponseRedirect(url_of(Proposal, proposal.pk))


def _refused(request: HttpRequest) -> HttpResponse | None:
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    return None if request.method in METHODS else HttpResponseNotAllowed(METHODS)


def _cancel(request: HttpRequest, run: StressRun) -> HttpResponse:
    try:
        if "cancel" in request.POST:
            jobs.cancel(request, run, Verb.STRESS_CANCELLED)
            messages.success(request, f"Cancelled run {run.pk}.")
    except DomainError as error:
        messages.error(request, error.message)
    return HttpResponseRedirect(_url_of(run))


def _findings(request: HttpRequest, run: StressRun) -> dict[str, Any]:
    if run.state != JobState.DONE:
        return {}
    ladders = ladders_of(run)
    found: dict[str, Any] = {}
    if run.kind == StressKind.RULES:
        found["rules"] = rules_differences(run)
    elif asked := request.GET.get("with", ""):
        then = _run(asked)
        if then is not None and then.state == JobState.DONE and then.kind == run.kind:
            return {"then": then, "differences": differences(run, then)}
        found["incomparable"] = f"There is no other {run.kind} of this number that is done."
    only = _only(request, ladders)
    return {**found, "only": only, "markets": shown_markets(run, ladders, only)}


def _only(request: HttpRequest, ladders: dict[str, Ladder]) -> tuple[str, int] | None:
    ladder = ladders.get(market_id := request.GET.get("market", ""))
    number = key_of(request.GET.get("step", ""))
    if ladder is None or number is None or not 1 <= number <= len(ladder.steps):
        return None
    return market_id, number


def _proposal(text: str) -> Proposal | None:
    number = key_of(text)
    return Proposal.objects.filter(pk=number, kind=RAISE_RISK).first() if number else None


def _run(text: str) -> StressRun | None:
    number = key_of(text)
    if number is None:
        return None
    return StressRun.objects.select_related("asked_by").filter(pk=number).first()


def _url_of(run: StressRun) -> str:
    return reverse("admin:stress-run", args=[run.pk])


def _answer(site: Any, request: HttpRequest, page: str, context: dict[str, Any]) -> HttpResponse:
    part = request.GET.get("part") == "body"
    template = f"console/stress/{page}{'_body' if part else ''}.html"
    everything = {**site.each_context(request), "refresh_s": REFRESH_S, **context}
    return TemplateResponse(request, template, everything)
