"""The page of a market's versions, and of one that is to be taken up again."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from approvals.models import Proposal
from common.admin.base import way_of
from common.admin.changes import proposed_words
from common.admin.record_urls import key_of
from common.admin.widgets import dress
from common.errors import DomainError
from common.reasons import REASON_MAX
from console.versions import selectors, services
from markets.models import Market
from trading.models import MarketVersion

PERMISSION = "markets.view_market"
CHANGES = ("markets.change_market", "markets.change_leveragetier")


class RollBackForm(forms.Form):
    reason = forms.CharField(label="Reason", max_length=REASON_MAX)
    seen = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(self, data: Any, seen: int) -> None:
        super().__init__(data, initial={"seen": seen})
        dress(self.fields.values())


def versions_view(site: Any, request: HttpRequest, market_id: str) -> HttpResponse:
    """All of them; with ``?to=N`` what rolling back to one would change, and the form that does."""
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    market = Market.objects.select_related("status").filter(pk=market_id).first()
    if market is None:
        raise Http404
    may_change = request.user.has_perms(CHANGES)
    kept = selectors.kept_version(market, key_of(request.GET.get("to", "")))
    form = RollBackForm(request.POST or None, market.config_version)
    if request.method == "POST":
        if not may_change:
            raise PermissionDenied
        if kept is None:
            raise Http404
        if form.is_valid() and _roll_back(request, kept, form):
            return HttpResponseRedirect(url_of_versions(market.pk))
    lines, older = selectors.version_lines(market, key_of(request.GET.get("before", "")))
    context = {
        **site.each_context(request),
        "title": f"Rules of {market.pk} over time",
        "market": market,
        "lines": lines,
        "older": older,
        "may_change": may_change,
        "kept": kept,
        "form": form,
        "changes": selectors.now_to(market, kept) if kept else [],
        "rules": selectors.in_full(market, kept) if kept else [],
    }
    return TemplateResponse(request, "console/versions/page.html", context)


def _roll_back(request: HttpRequest, kept: MarketVersion, form: RollBackForm) -> bool:
    said = form.cleaned_data
    try:
        done = services.roll_back(request, kept, said["seen"], said["reason"])
    except DomainError as error:
        form.add_error(error.field if error.field in form.fields else None, error.message)
        return False
    if isinstance(done, Proposal):
        messages.warning(request, proposed_words(done))
    else:
        messages.success(request, f"The rules of version {kept.version} are on their way again.")
    return True


def url_of_versions(market_id: str) -> str:
    return reverse("admin:market-versions", args=[market_id])


def _way(market: Market) -> SafeString:
    return format_html('<a href="{}">Rules over time</a>', url_of_versions(market.pk))


way_of(Market, _way)
