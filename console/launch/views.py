"""Markets → New market, and what is left to do until it opens."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
)
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html

from common import decimals
from common.admin.acts import Act, Verb, tell
from common.admin.base import Cell, list_way_of, way_of
from common.admin.widgets import DressedForm
from common.errors import DomainError
from common.reasons import REASON_MAX
from console.launch import services
from console.launch.checklist import checklist
from console.launch.draft import Draft, draft_of, empty_draft, tiers_typed
from console.launch.models import MarketLaunch
from console.launch.preview import PreviewTable, preview
from console.launch.sources import ask
from markets.models import Market
from matching.messages.vocabulary import MarketState
from trading.models import OutboxCommand

PERMISSIONS = ("markets.add_market", "markets.add_leveragetier", "prices.add_pricesource")
CHECKS = "prices.check_pricesource"
OPENS = "markets.change_market_state"
VIEWS = "markets.view_market"
REFRESH_S = 1
GROUPS = (
    ("Steps and sizes", "tick_size lot_size min_size max_size min_notional max_open_interest"),
    ("Fees", "maker_fee_percent taker_fee_percent liquidation_fee_percent"),
    (
        "Risk",
        "price_band_percent max_slippage_percent mark_clamp_percent circuit_breaker_percent"
        " index_stale_after max_open_orders price_quorum",
    ),
    (
        "Funding",
        "funding_interval funding_cap_percent funding_interest_percent impact_notional",
    ),
)


def launch_view(site: Any, request: HttpRequest) -> HttpResponse:
    if not request.user.has_perms(PERMISSIONS):
        raise PermissionDenied
    draft = empty_draft(is_demo=settings.DEMO)
    if request.method == "POST":
        draft = draft_of(request.POST, fill="empty" if "suggest" in request.POST else "")
        if "suggest" not in request.POST and draft.is_valid() and _launched(request, draft):
            return HttpResponseRedirect(url_of_checklist(draft.market.instance.pk))
    context = {
        **site.each_context(request),
        "title": "New market",
        "draft": draft,
        "groups": [(title, [draft.market[n] for n in names.split()]) for title, names in GROUPS],
        "tables": _tables(draft) if request.method == "POST" else [],
        "may_check": request.user.has_perm(CHECKS),
    }
    return TemplateResponse(request, "console/launch/page.html", context)


def _launched(request: HttpRequest, draft: Draft) -> bool:
    """What the forms couldn't know is said by the service, and shown above them."""
    said = draft.basics.cleaned_data
    try:
        services.launch_market(
            request,
            draft.market.instance,
            tiers_typed(draft),
            draft.sources.sources,
            said["reference_price"],
        )
    except ValidationError as error:
        for text in services.refusal(error):
            draft.market.add_error(None, text)
        return False
    market_id = draft.market.instance.pk
    messages.success(request, f"{market_id} is made. What it needs to open is below.")
    return True


def preview_view(_site: Any, request: HttpRequest) -> HttpResponse:
    """What is suggested, what is wrong with what was typed, and what it would mean."""
    if not request.user.has_perms(PERMISSIONS):
        raise PermissionDenied
    draft = draft_of(request.POST, fill="untouched")
    draft.is_valid()
    problems: dict[str, list[str]] = {}
    for part in (draft.basics, draft.market, *draft.tiers.forms, *draft.sources.forms):
        for name, texts in part.errors.items():
            problems[part.add_prefix(name)] = [str(text) for text in texts]
    problems["tiers"] = [str(text) for text in draft.tiers.non_form_errors()]
    html = render_to_string("console/launch/preview.html", {"tables": _tables(draft)})
    answer = {"suggested": draft.suggested, "problems": problems, "html": html}
    return JsonResponse(answer)


def _tables(draft: Draft) -> list[PreviewTable]:
    """None while the rules are not ones a market could have."""
    parts = (draft.market, draft.tiers)
    if draft.price is None or not all(part.is_valid() for part in parts):
        return []
    try:
        return preview(draft.market.instance, tiers_typed(draft), draft.price)
    except (ValidationError, ValueError):
        return []


def check_view(_site: Any, request: HttpRequest) -> HttpResponse:
    """Asks the venues of the form, for seconds at most."""
    if not request.user.has_perms((*PERMISSIONS, CHECKS)):
        raise PermissionDenied
    sources = draft_of(request.POST).sources
    problems = [] if sources.is_valid() else _words(sources)
    asked = ask(sources.sources)
    names = ", ".join(source.name for source in sources.sources)
    if names:
        tell(Act(verb=Verb.PRICES_ASKED, request=request, words=f"asked for a price: {names}"))
    context = {"asked": asked, "problems": problems}
    return JsonResponse(
        {
            "html": render_to_string("console/launch/asked.html", context),
            "price": decimals.text(round(asked.middle, 10)) if asked.middle else "",
        }
    )


def _words(sources: Any) -> list[str]:
    own = [str(text) for form in sources.forms for texts in form.errors.values() for text in texts]
    return own + [str(text) for text in sources.non_form_errors()]


class OpenForm(DressedForm):
    reason = forms.CharField(label="Reason", max_length=REASON_MAX)
    all_the_same = forms.BooleanField(label="Open without what is missing", required=False)


def checklist_view(site: Any, request: HttpRequest, market_id: str) -> HttpResponse:
    """The whole page, or with ``?part=body`` what its script puts in place of the old."""
    if not request.user.has_perm(VIEWS):
        raise PermissionDenied
    market = Market.objects.select_related("status").filter(pk=market_id).first()
    if market is None:
        raise Http404
    form = OpenForm(request.POST or None)
    if request.method == "POST":
        if not request.user.has_perm(OPENS):
            raise PermissionDenied
        if form.is_valid() and _opened(request, market, form):
            return HttpResponseRedirect(url_of_checklist(market.pk))
    lines = checklist(market)
    launch = MarketLaunch.objects.select_related("opened_by").filter(pk=market.pk).first()
    is_open = market.status.state != MarketState.PRE_OPEN
    context = {
        **site.each_context(request),
        "title": f"Open {market.pk}",
        "market": market,
        "lines": lines,
        "launch": launch,
        "command": _command(launch),
        "form": form,
        "is_open": is_open,
        "may_open": request.user.has_perm(OPENS) and not is_open,
        "hard": [line for line in lines if line.is_needed and not line.is_done],
        "missing": [line for line in lines if not line.is_done],
        "refresh_s": REFRESH_S,
    }
    part = request.GET.get("part") == "body"
    template = "console/launch/checklist_body.html" if part else "console/launch/checklist.html"
    return TemplateResponse(request, template, context)


def _opened(request: HttpRequest, market: Market, form: OpenForm) -> bool:
    said = form.cleaned_data
    try:
        services.open_market(request, market.pk, said["reason"], all_the_same=said["all_the_same"])
    except DomainError as error:
        form.add_error(error.field if error.field in form.fields else None, error.message)
        return False
    messages.success(request, f"Asked the engine to open {market.pk}.")
    return True


def _command(launch: MarketLaunch | None) -> OutboxCommand | None:
    if launch is None or launch.command_id is None:
        return None
    return OutboxCommand.objects.filter(pk=launch.command_id).first()


def url_of_checklist(market_id: str) -> str:
    return reverse("admin:launch-market", args=[market_id])


def _way_to_launch(request: HttpRequest) -> Cell:
    if not request.user.has_perms(PERMISSIONS):
        return ""
    return format_html('<a href="{}">New market, step by step</a>', reverse("admin:launch"))


def _way_to_checklist(market: Market) -> Cell:
    if market.status.state != MarketState.PRE_OPEN:
        return ""
    return format_html('<a href="{}">Open it</a>', url_of_checklist(market.pk))


list_way_of(Market, _way_to_launch)
way_of(Market, _way_to_checklist)
