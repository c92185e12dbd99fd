"""The sources of the markets' index prices: what operators set, and what each says right now."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import structlog
from django import forms
from django.contrib import admin, messages
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.html import format_html
from redis import RedisError

from accounts.staff.operators import operator_of
from approvals.services import Change
from common.admin import NOTHING, when
from common.admin.actions import ask_then_run
from common.admin.base import (
    BaseAdmin,
    Cell,
    Show,
    Table,
    badge,
    link,
    shown,
    table_of,
    yes_or_no_column,
)
from common.admin.changes import change_words, proposed_words
from common.admin.reasons import ReasonedForm
from common.redis_client import probe_redis_client
from markets import conversions
from markets.columns import market_column
from markets.models import Market
from prices import services
from prices.models import PriceSource
from prices.reports import LiveSource, live_source, price_text, read_reports
from prices.sources.quote import PriceUnavailable, wall_clock_ms

if TYPE_CHECKING:  # generic to the type checker alone
    _ModelForm = forms.ModelForm[PriceSource]
else:
    _ModelForm = forms.ModelForm

log = structlog.get_logger(__name__)

CHECKED_MAX = 10  # all at once, while the operator waits


def live_sources(sources: Iterable[PriceSource]) -> list[LiveSource]:
    """With what the price process said last; nothing of it while Redis is away."""
    rows = list(sources)
    try:
        client = probe_redis_client()
        reports = read_reports(client, sorted({row.market_id for row in rows}))
    except RedisError as error:
        log.warning("price_reports_unreachable", error=str(error))
        reports = {}
    now_ms = wall_clock_ms()
    return [live_source(row, reports.get(row.market_id), now_ms) for row in rows]


class PriceSourceForm(ReasonedForm, _ModelForm):
    class Meta:
        model = PriceSource
        fields = ("market", "kind", "venue", "symbol", "api_url", "weight", "enabled")
        help_texts = {
            "kind": "ccxt: prices of a real venue. synthetic: made up, for demos.",
            "venue": "ccxt's id of the exchange: kraken, binanceusdm. Empty for synthetic.",
            "symbol": "ccxt's symbol: BTC/USD, or BTC/USDT:USDT of a perpetual. Empty for "
            "synthetic.",
            "api_url": "Takes the place of scheme and host of the venue's own addresses, as "
            "https://proxy.example; usually empty.",
            "weight": "In the weighted median of the healthy sources.",
        }

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # Django's own, unknown to the stubs
        if self.errors:
            return
        try:
            services.validate_price_source(self.instance)
        except ValidationError as error:
            for field, problems in _by_field(error).items():
                self.add_error(field if field in self.fields else None, problems)
            return
        if self.has_changed() and services.takes_two(self.instance):
            self.require_second(services.waiting_change(self.instance))


def _by_field(error: ValidationError) -> dict[str, list[str]]:
    if hasattr(error, "error_dict"):
        return error.message_dict
    return {NON_FIELD_ERRORS: error.messages}


def _state(live: LiveSource) -> Cell:
    return badge(live.state, live.tone)


def _price(live: LiveSource) -> Cell:
    text = live.price_text
    return f"{text} {live.source.market.quote_asset}" if text else NOTHING


def _age(live: LiveSource) -> Cell:
    return live.age_text or NOTHING


def _last_error(live: LiveSource) -> Cell:
    report = live.report
    if not report.error:
        return NOTHING
    at = when(conversions.from_ms(report.error_at_ms))
    return format_html('<span class="long-text">{} ({})</span>', report.error, at)


def _live(name: str, show: Any) -> Show:
    """A column of what was reported, as `PriceSourceAdmin` attached it to the row."""
    return shown(name, lambda source: show(source.live) if hasattr(source, "live") else NOTHING)


@admin.register(PriceSource)
class PriceSourceAdmin(BaseAdmin):
    form = PriceSourceForm
    ordering = ("market", "pk")
    list_display = (
        "source",
        "market_link",
        "weight",
        "state",
        "price",
        "age",
        "errors",
        "last_error",
    )
    list_filter = ("market", "enabled", "kind")
    list_select_related = ("market",)
    search_texts = ("market", "venue", "symbol")
    search_help_text = "Market, venue or symbol, as in BTC-PERP, kraken, BTC/USD."
    actions = ("check_now", "enable", "disable")
    readonly_fields = ("state", "price", "age", "errors", "last_error")

    source = shown("source", lambda source: source.name)
    market_link = market_column()
    state = _live("state", _state)
    price = _live("price", _price)
    age = _live("age", _age)
    counts = yes_or_no_column("enabled", "enabled")
    errors = _live("errors", lambda live: f"{live.report.errors:,}")
    last_error = _live("last error", _last_error)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """All rows of the page with their reports, in one read."""
        page = super().get_changelist_instance(request)
        for live in live_sources(page.result_list):
            live.source.live = live  # type: ignore[attr-defined]
        return page

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> PriceSource | None:
        found: PriceSource | None = super().get_object(request, object_id, from_field)
        if found is not None:
            found.live = live_sources([found])[0]  # type: ignore[attr-defined]
        return found

    def get_readonly_fields(
        self,
        request: HttpRequest,  # noqa: ARG002  Django passes it
        obj: PriceSource | None = None,
    ) -> Any:
        return (*self.readonly_fields, "market", "kind") if obj else ()

    def get_fieldsets(
        self,
        request: HttpRequest,
        obj: PriceSource | None = None,
    ) -> Any:
        switch = "enabled" if obj is None or self.has_change_permission(request, obj) else "counts"
        asked = ("market", "kind", ("venue", "symbol"), "api_url", ("weight", switch))
        rules = ("What is asked", {"fields": (*asked, "reason")})
        if obj is None:
            return (rules,)
        said = (("state", "price", "age"), ("errors", "last_error"))
        return ("What it says now", {"fields": said}), rules

    def save_model(
        self,
        request: HttpRequest,
        obj: PriceSource,
        form: Any,
        change: bool,
    ) -> None:
        """Of a market that is traded on, another operator approves: a new source is there at once,
        and not enabled before."""
        if change and not form.has_changed():
            return
        if not services.takes_two(obj):
            services.save_price_source(obj)
            return
        changes = [Change(*words) for words in change_words(form)]
        if not change:
            enabled, obj.enabled = obj.enabled, False
            services.save_price_source(obj)
            if not enabled:
                return
            obj.enabled, changes = True, [Change("enabled", "no", "yes")]
        reason = form.cleaned_data["reason"]
        request.proposal = services.propose_change(  # type: ignore[attr-defined]
            obj, changes, reason, operator_of(request)
        )

    def response_add(
        self, request: HttpRequest, obj: PriceSource, post_url_continue: str | None = None
    ) -> HttpResponse:
        if proposal := getattr(request, "proposal", None):
            self.message_user(request, proposed_words(proposal), messages.WARNING)
        return super().response_add(request, obj, post_url_continue)

    def offers(self, action: str, obj: PriceSource) -> bool:
        return {"enable": not obj.enabled, "disable": obj.enabled}.get(action, True)

    def has_check_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("prices.check_pricesource")

    @admin.action(description="Check selected price sources now", permissions=["check"])
    def check_now(self, request: HttpRequest, queryset: QuerySet[PriceSource]) -> None:
        chosen = list(queryset.select_related("market")[: CHECKED_MAX + 1])
        if len(chosen) > CHECKED_MAX:
            messages.error(request, f"Select at most {CHECKED_MAX} at a time. Nothing was asked.")
            return
        answers = services.ask_price_sources(chosen)
        for source in chosen:
            self.log_action(request, source, "check_now", "asked for its price")
        now_ms = wall_clock_ms()
        for source, answer in zip(chosen, answers, strict=True):
            if isinstance(answer, PriceUnavailable):
                messages.error(request, f"{source}: {answer}")
                continue
            age_s = max(0, now_ms - answer.observed_at_ms) / 1_000
            price = f"{price_text(answer.price)} {source.market.quote_asset}"
            messages.success(request, f"{source}: {price}, {age_s:,.1f} s old.")

    @admin.action(description="Enable selected price sources", permissions=["change"])
    def enable(
        self, request: HttpRequest, queryset: QuerySet[PriceSource]
    ) -> TemplateResponse | None:
        return self._switch(request, queryset, True)

    @admin.action(description="Disable selected price sources", permissions=["change"])
    def disable(
        self, request: HttpRequest, queryset: QuerySet[PriceSource]
    ) -> TemplateResponse | None:
        return self._switch(request, queryset, False)

    def _switch(
        self, request: HttpRequest, queryset: QuerySet[PriceSource], enabled: bool
    ) -> TemplateResponse | None:
        verb = "enable" if enabled else "disable"
        consequence = (
            "Their prices count in the index within seconds."
            if enabled
            else "Their prices count no more. A market without a healthy source has a stale index: "
            "nothing is liquidated, funded or triggered, and orders only rest."
        )
        return ask_then_run(
            self,
            request,
            queryset,
            action=verb,
            question=f"{verb.capitalize()} these price sources?",
            consequence=consequence,
            service=lambda source: services.switch_or_propose(
                source, enabled, f"{verb}d in the list of sources", operator_of(request)
            ),
            done=f"{verb}d",
        )


@table_of(Market)
def price_sources_table(market: Market) -> Table:
    """What the market's index is made of, on its page."""
    live = live_sources(market.price_sources.select_related("market"))
    healthy = sum(one.tone == "ok" for one in live)
    return Table(
        title="Price sources",
        model=PriceSource,
        columns=("Source", "Weight", "State", "Price", "Age", "Errors", "Last error"),
        rows=[
            (
                link(PriceSource, one.source.pk, one.source.name),
                str(one.source.weight),
                _state(one),
                _price(one),
                _age(one),
                f"{one.report.errors:,}",
                _last_error(one),
            )
            for one in live
        ],
        empty="No price source: the market has no index price. Add one under Price sources.",
        note=f"{healthy} healthy, {market.price_quorum} needed.",
    )
