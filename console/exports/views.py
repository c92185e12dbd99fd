"""Money → Export a month."""

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from common.admin.acts import Verb
from common.admin.record_urls import key_of
from common.admin.widgets import dress
from common.errors import DomainError
from common.reasons import REASON_MAX
from console.exports import services
from console.exports.models import ExportKind, ExportRun
from console.exports.months import Month, offered_months
from console.factors import door
from console.jobs import lives
from console.jobs import services as jobs

PERMISSION = "console.export_month"
REFRESH_S = 1
RUNS_SHOWN = 30
_KINDS = [
    (ExportKind.JOURNAL.value, "The journal: every posting"),
    (ExportKind.FILLS.value, "Fills: each side of every trade"),
]


class MonthExportForm(forms.Form):
    month = forms.ChoiceField(label="Month, by UTC")
    kind = forms.ChoiceField(label="What", choices=_KINDS)
    reason = forms.CharField(label="Reason", max_length=REASON_MAX)

    def __init__(self, data: Any, months: list[Month]) -> None:
        so_far, *ended = months
        super().__init__(data, initial={"month": _word(ended[0])})
        self.months = {_word(month): month for month in months}
        self.fields["month"].choices = [  # type: ignore[attr-defined]
            *((_word(month), _word(month)) for month in ended),
            (_word(so_far), f"{_word(so_far)}, up to yesterday"),
        ]
        dress(self.fields.values())


def exports_view(site: Any, request: HttpRequest) -> HttpResponseBase:
    """The whole page, or with ``?part=body`` what its script puts in place of the old."""
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    is_asking = request.method == "POST" and "cancel" not in request.POST
    form = MonthExportForm(request.POST if is_asking else None, offered_months(timezone.now()))
    if request.method == "POST":
        if not is_asking:
            return _cancel(request)
        if form.is_valid() and _start(request, form):
            return HttpResponseRedirect(reverse("admin:exports"))
    lives.give_up_lost(ExportRun)
    runs = list(ExportRun.objects.select_related("asked_by").order_by("-pk")[:RUNS_SHOWN])
    context = {
        **site.each_context(request),
        "title": "Export a month",
        "form": form,
        "runs": runs,
        "is_settled": not any(run.is_under_way for run in runs),
        "kept_days": services.KEPT_FOR.days,
        "refresh_s": REFRESH_S,
    }
    part = "body" if request.GET.get("part") == "body" else "page"
    return TemplateResponse(request, f"console/exports/{part}.html", context)


def file_view(_site: Any, request: HttpRequest, run_id: int) -> HttpResponseBase:
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    if door.must_ask(request):  # as to have it made; a link can't be posted again
        query = urlencode({"next": request.path}, safe="/")
        return HttpResponseRedirect(f"{reverse('admin:factor')}?{query}")
    run = ExportRun.objects.filter(pk=run_id).first()
    if run is None:
        raise Http404
    try:
        parts = services.fetch(request, run)
    except DomainError as error:
        messages.error(request, error.message)
        return HttpResponseRedirect(reverse("admin:exports"))
    response = StreamingHttpResponse(parts, content_type="application/gzip")
    response["Content-Disposition"] = f'attachment; filename="{run.file_name}"'
    response["Content-Length"] = str(run.file_bytes)
    return response


def _start(request: HttpRequest, form: MonthExportForm) -> bool:
    said = form.cleaned_data
    month = form.months[said["month"]].first_day
    try:
        services.start_run(request, ExportKind(said["kind"]), month, said["reason"])
    except DomainError as error:
        form.add_error(error.field if error.field in form.fields else None, error.message)
        return False
    return True


def _cancel(request: HttpRequest) -> HttpResponse:
    run = ExportRun.objects.filter(pk=key_of(request.POST["cancel"]) or 0).first()
    if run is None:
        raise Http404
    try:
        jobs.cancel(request, run, Verb.EXPORTED)
        messages.success(request, f"Cancelled the {run}.")
    except DomainError as error:
        messages.error(request, error.message)
    return HttpResponseRedirect(reverse("admin:exports"))


def _word(month: Month) -> str:
    return f"{month.start:%Y-%m}"
