"""Incidents → What should have happened: the runs, and what one found."""

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

from accounts.staff.operators import operator_of
from common.admin.acts import Verb
from common.admin.record_urls import key_of
from common.errors import DomainError
from console.hindsight import services
from console.hindsight.display import changes_in_words, changes_of, found_of, typed_prices
from console.hindsight.forms import HindsightForm, ProposalForm, initial_of
from console.hindsight.models import HindsightRun
from console.jobs import lives
from console.jobs import services as jobs
from console.jobs.models import JobState

VIEW, RUN = "console.view_hindsightrun", "console.run_hindsight"
PROPOSE = "ledger.propose_adjustment"
METHODS = ("GET", "HEAD", "POST")
REFRESH_S = 1
RUNS_SHOWN = 50
_ASKED = ("market", "from_seq", "to_seq", "left_out", "prices")


def list_view(site: Any, request: HttpRequest) -> HttpResponse:
    """The whole page, or with ``?part=body`` what its script puts in place of the old. ``like``:
    the number of a run whose terms are proposed."""
    if (refused := _refused(request)) is not None:
        return refused
    if request.method == "POST" and not request.user.has_perm(RUN):
        raise PermissionDenied
    form = HindsightForm(request.POST if request.method == "POST" else None, _initial(request))
    if request.method == "POST" and form.is_valid():
        try:
            return HttpResponseRedirect(_url_of(_start(request, form)))
        except DomainError as error:
            form.add_error(error.field if error.field in form.fields else None, error.message)
    lives.give_up_lost(HindsightRun)
    rows = HindsightRun.objects.select_related("asked_by", "market").defer("outcome")
    shown = list(rows.order_by("-pk")[:RUNS_SHOWN])
    context = {
        "title": "What should have happened",
        "form": form,
        "runs": [(run, changes_in_words(run)) for run in shown],
        "is_settled": not any(run.is_under_way for run in shown),
        "may_run": request.user.has_perm(RUN),
    }
    return _answer(site, request, "list", context)


def run_view(site: Any, request: HttpRequest, run_id: int) -> HttpResponse:
    if (refused := _refused(request)) is not None:
        return refused
    may_run, may_propose = map(request.user.has_perm, (RUN, PROPOSE))
    may_act = may_propose if "propose" in request.POST else may_run
    if request.method == "POST" and not may_act:
        raise PermissionDenied
    lives.give_up_lost(HindsightRun)
    run = _run(str(run_id))
    if run is None:
        raise Http404
    form = ProposalForm(request.POST if "propose" in request.POST else None)
    if request.method == "POST" and _acted(request, run, form):
        return HttpResponseRedirect(_url_of(run))
    context = {
        "title": f"What should have happened, run {run.pk}",
        "run": run,
        "changes": changes_in_words(run),
        "form": form,
        "may_run": may_run,
        "may_propose": may_propose,
    }
    if run.state == JobState.DONE:
        try:
            context["found"] = found_of(run)
        except msgspec.ValidationError as error:
            context["unreadable"] = str(error)
    return _answer(site, request, "run", context)


def _refused(request: HttpRequest) -> HttpResponse | None:
    if not request.user.has_perm(VIEW):
        raise PermissionDenied
    return None if request.method in METHODS else HttpResponseNotAllowed(METHODS)


def _initial(request: HttpRequest) -> dict[str, str]:
    like = _run(request.GET.get("like", ""))
    if like is not None:
        return initial_of(like, changes_of(like), typed_prices(like))
    return {name: request.GET[name] for name in _ASKED if name in request.GET}


def _start(request: HttpRequest, form: HindsightForm) -> HindsightRun:
    reason = form.cleaned_data["reason"]
    return services.start_run(request, form.asked_market(), form.whole(), form.changes(), reason)


def _acted(request: HttpRequest, run: HindsightRun, form: ProposalForm) -> bool:
    """Whether the form has nothing to say."""
    try:
        if "cancel" in request.POST:
            jobs.cancel(request, run, Verb.RECKONED)
            messages.success(request, f"Cancelled run {run.pk}.")
        elif "propose" in request.POST:
            if not form.is_valid():
                return False
            said = form.cleaned_data
            proposal = services.propose(
                run, also_taken=said["also_taken"], reason=said["reason"], by=operator_of(request)
            )
            words = f"{proposal.title}: waits for another operator, under Approvals."
            messages.success(request, words)
    except DomainError as error:
        messages.error(request, error.message)
    except msgspec.ValidationError:
        messages.error(request, "What this run found was kept by another version: run it again.")
    return True


def _run(text: str) -> HindsightRun | None:
    rows = HindsightRun.objects.select_related("asked_by", "market")
    return rows.filter(pk=key_of(text) or 0).first()


def _url_of(run: HindsightRun) -> str:
    return reverse("admin:hindsight-run", args=[run.pk])


def _answer(site: Any, request: HttpRequest, page: str, context: dict[str, Any]) -> HttpResponse:
    part = request.GET.get("part") == "body"
    template = f"console/hindsight/{page}{'_body' if part else ''}.html"
    everything = {**site.each_context(request), "refresh_s": REFRESH_S, **context}
    return TemplateResponse(request, template, everything)
