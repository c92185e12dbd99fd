"""Today → Stop."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from common.admin.record_urls import key_of
from common.admin.widgets import dress
from common.errors import DomainError
from common.reasons import REASON_MAX
from console.stop import selectors, services
from markets.models import Market
from matching.messages.vocabulary import MarketState

PERMISSION = "markets.change_market_state"
ALL = "all"
REFRESH_S = 1
_WORDS = {
    MarketState.HALTED: "Pause: no orders, prices ignored; cancels work",
    MarketState.CANCEL_ONLY: "Cancel-only: no order executes; positions are judged on",
    MarketState.REDUCE_ONLY: "Reduce-only: positions can be made smaller",
    MarketState.ACTIVE: "Resume: as it was before it was stopped",
}


class StopForm(forms.Form):
    market = forms.ChoiceField(label="Market")
    state = forms.ChoiceField(label="What", choices=[(s.value, _WORDS[s]) for s in _WORDS])
    reason = forms.CharField(label="Reason", max_length=REASON_MAX)
    cancels_orders = forms.BooleanField(label="Cancel all orders, too", required=False)
    resume_at = forms.DateTimeField(
        label="Resume at, UTC", required=False, help_text="As in 2030-01-31 18:00; may be empty."
    )

    def __init__(self, data: Any, markets: list[Market], market: str = ALL) -> None:
        super().__init__(data, initial={"market": market})
        choices = [(ALL, "All markets"), *((one.pk, one.pk) for one in markets)]
        self.fields["market"].choices = choices  # type: ignore[attr-defined]
        dress(self.fields.values())

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or {}
        resumes = said.get("state") == MarketState.ACTIVE
        if resumes and (said.get("cancels_orders") or said.get("resume_at")):
            raise forms.ValidationError("A market that resumes keeps its orders, and is open now.")
        return said


def stop_view(site: Any, request: HttpRequest) -> HttpResponse:
    """The whole page, or with ``?part=body`` what its script puts in place of the old."""
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    if request.method == "POST" and "forget" in request.POST:
        return _forget(request)
    lines = selectors.market_lines()
    states = {line.market.pk: MarketState(line.market.status.state) for line in lines}
    markets = [
        line.market
        for line in lines
        if states[line.market.pk] is not MarketState.PRE_OPEN
        and not states[line.market.pk].has_ended
    ]
    form = StopForm(request.POST or None, markets, request.GET.get("market", ALL))
    if request.method == "POST" and form.is_valid() and _stop(request, form, markets):
        return HttpResponseRedirect(reverse("admin:stop"))
    context = {
        **site.each_context(request),
        "title": "Stop",
        "form": form,
        "lines": lines,
        "settled": all(line.settled for line in lines),
        "refresh_s": REFRESH_S,
    }
    part = request.GET.get("part") == "body"
    template = "console/stop/body.html" if part else "console/stop/page.html"
    return TemplateResponse(request, template, context)


def _stop(request: HttpRequest, form: StopForm, markets: list[Market]) -> bool:
    said = form.cleaned_data
    chosen = [one for one in markets if said["market"] in (ALL, one.pk)]
    try:
        services.change_states(
            request,
            chosen,
            services.NewStop(
                MarketState(said["state"]),
                said["reason"],
                cancels_orders=said["cancels_orders"],
                resume_at=said["resume_at"],
            ),
        )
    except DomainError as error:
        form.add_error(error.field if error.field in form.fields else None, error.message)
        return False
    what = "to resume" if said["state"] == MarketState.ACTIVE else f"for {said['state']}"
    messages.success(request, f"Asked {len(chosen)} markets {what}.")
    return True


def _forget(request: HttpRequest) -> HttpResponse:
    try:
        services.forget_resume(request, key_of(request.POST["forget"]) or 0)
        messages.success(request, "The market stays as it is until somebody resumes it.")
    except DomainError as error:
        messages.error(request, error.message)
    return HttpResponseRedirect(reverse("admin:stop"))
