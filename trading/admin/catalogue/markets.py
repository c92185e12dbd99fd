"""Markets: their rules, which become commands to the engine, and the switches of their state."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.duration import duration_string
from django.utils.text import capfirst

from accounts.staff.operators import operator_of
from approvals.services import Change
from common import decimals
from common.admin.actions import ask_form_then_run, ask_then_run
from common.admin.base import BaseAdmin, Cell, Show, Table, badge, shown, words
from common.admin.changes import change_words
from markets.columns import money_column, rate_column
from markets.display import money, percent, price, size
from markets.models import Market
from matching.messages.vocabulary import MarketState
from trading import services
from trading.admin.catalogue.actions import SettleForm, TopUpForm
from trading.admin.catalogue.form import MarketForm
from trading.admin.catalogue.tiers import TierInline
from trading.admin.market_status import commands_table, funding_words
from trading.admin.row_tables import state_badge
from trading.models import MARKET_COMMANDS, OutboxCommand

_FIXED = ("id", "base_asset", "tick_size", "lot_size", "tick", "lot")


def _config(market: Market) -> Cell:
    """Versions rise with every edit; the engine may be a moment, or an outage, behind."""
    applied, requested = market.status.applied_config_version, market.config_version
    if applied >= requested:
        return badge(f"version {applied} applied", "ok")
    return words(badge(f"version {requested} asked for", "warn"), f"version {applied} applied")


def _lot(market: Market) -> str:
    return f"{decimals.text(market.lot_size)} {market.base_asset}"


def _time_column(attribute: str, name: str) -> Show:
    return shown(name, lambda m: duration_string(timedelta(milliseconds=getattr(m, attribute))))


def _state_action(
    name: str,
    state: MarketState,
    verb: str,
    consequence: str,
    permission: str = "change_market_state",
) -> Any:
    """An action that asks the engine for another state."""

    @admin.action(
        description=f"{capfirst(verb)} selected markets ({state})",
        permissions=[permission],
    )
    def action(
        self: "MarketAdmin", request: HttpRequest, queryset: QuerySet[Market]
    ) -> TemplateResponse | None:
        return ask_then_run(
            self,
            request,
            queryset,
            action=name,
            question=f"{capfirst(verb)} these markets?",
            consequence=consequence,
            service=lambda market: services.set_market_state(
                market, state, by=operator_of(request)
            ),
            done=f"asked for {state}",
        )

    action.__name__ = name
    return action


@admin.register(Market)
class MarketAdmin(BaseAdmin):
    form = MarketForm
    inlines = (TierInline,)
    ordering = ("pk",)
    list_display = (
        "id",
        "state",
        "mark_price",
        "last_price",
        "steps",
        "fees",
        "insurance",
        "config",
    )
    list_select_related = ("status",)
    search_texts = ("base_asset",)
    search_help_text = "The beginning of a market's name, or its whole asset."
    list_filter = ("status__state",)
    actions = (
        "resume",
        "post_only",
        "reduce_only",
        "cancel_only",
        "pause",
        "settle",
        "delist",
        "request_top_up",
    )
    readonly_fields = (
        "quote_asset",
        "state",
        "mark_price",
        "index_price",
        "last_price",
        "insurance",
        "funding",
        "config",
    )

    state = shown("state", lambda market: state_badge(market.status))
    mark_price = shown("mark price", lambda m: price(m.status.mark_price_ticks, m))
    index_price = shown("index price", lambda m: price(m.status.index_price_ticks, m))
    last_price = shown("last price", lambda m: price(m.status.last_price_ticks, m))
    insurance = shown("insurance fund", lambda m: money(m.status.insurance_units))
    funding = shown("funding", lambda m: funding_words(m.status))
    tick = shown("tick", lambda m: f"{decimals.text(m.tick_size)} {m.quote_asset}")
    lot = shown("lot", _lot)
    config = shown("rules", _config)
    steps = shown(
        "tick and lot",
        lambda m: words(f"{decimals.text(m.tick_size)} {m.quote_asset},", _lot(m)),
    )
    fees = shown(
        "maker and taker fee",
        lambda m: words(f"{percent(m.maker_fee_ppm)},", percent(m.taker_fee_ppm)),
    )

    # Shown under the names of the form's fields to those who may not edit them.
    min_size = shown("minimum size", lambda m: size(m.min_size_lots, m))
    max_size = shown("maximum size", lambda m: size(m.max_size_lots, m))
    max_open_interest = shown("maximum open interest", lambda m: size(m.max_open_interest_lots, m))
    min_notional = money_column("min_notional_units", "minimum order value")
    maker_fee_percent = rate_column("maker_fee_ppm", "maker fee")
    taker_fee_percent = rate_column("taker_fee_ppm", "taker fee")
    price_band_percent = rate_column("price_band_ppm", "price band")
    max_slippage_percent = rate_column("max_slippage_ppm", "slippage of market orders")
    liquidation_fee_percent = rate_column("liquidation_fee_ppm", "liquidation fee")
    mark_clamp_percent = rate_column("mark_clamp_ppm", "mark price within")
    circuit_breaker_percent = rate_column("circuit_breaker_ppm", "circuit breaker")
    index_stale_after = _time_column("index_stale_ms", "index stale after")
    funding_interval = _time_column("funding_interval_ms", "funding every")
    funding_interest_percent = rate_column("funding_interest_ppm", "interest per 8 hours")
    funding_cap_percent = rate_column("funding_cap_ppm", "largest funding rate")
    impact_notional = money_column("impact_notional_units", "impact order value")

    resume = _state_action("resume", MarketState.ACTIVE, "resume", "Every order is accepted again.")
    post_only = _state_action(
        "post_only",
        MarketState.POST_ONLY,
        "restrict to post-only",
        "Only orders that rest in the book are accepted; there are no new trades.",
    )
    reduce_only = _state_action(
        "reduce_only",
        MarketState.REDUCE_ONLY,
        "restrict to reduce-only",
        "Traders can make positions smaller, and nothing else.",
    )
    cancel_only = _state_action(
        "cancel_only",
        MarketState.CANCEL_ONLY,
        "restrict to cancel-only",
        "No orders are accepted; traders can cancel those in the book.",
    )
    pause = _state_action(
        "pause",
        MarketState.HALTED,
        "pause",
        "No orders are accepted and prices are ignored. Cancels still work; the book is kept.",
    )

    delist = _state_action(
        "delist",
        MarketState.DELISTED,
        "delist",
        "Settled markets are no longer listed to traders, whose history in them stays. "
        "There is no way back.",
        permission="settle_market",
    )

    def search_walks(self, term: str) -> list[Q]:
        return [*super().search_walks(term), Q(pk__startswith=term.upper())]

    def has_settle_market_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("markets.settle_market")

    def has_request_top_up_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("trading.request_top_up")

    @admin.action(description="Settle a market for good", permissions=["settle_market"])
    def settle(self, request: HttpRequest, queryset: QuerySet[Market]) -> TemplateResponse | None:
        return ask_form_then_run(
            self,
            request,
            queryset,
            action="settle",
            question="Settle this market for good?",
            consequence="Every order is cancelled, every position is closed at this price, all "
            "margin goes back to its traders, and the market never opens again. It can't be "
            "undone. Where the policy asks for two people, another operator approves it first.",
            form_of=SettleForm,
            service=lambda market, said: services.settle_or_propose(
                market, said["price"], said["reason"], by=operator_of(request)
            ),
            done=lambda said: f"asked to settle at {decimals.text(said['price'])}",
        )

    @admin.action(
        description="Ask for a top-up of the insurance fund", permissions=["request_top_up"]
    )
    def request_top_up(
        self, request: HttpRequest, queryset: QuerySet[Market]
    ) -> TemplateResponse | None:
        return ask_form_then_run(
            self,
            request,
            queryset,
            action="request_top_up",
            question="Ask for a top-up of the insurance fund?",
            consequence="Nothing moves before another operator approves it, under Insurance "
            "top-ups. The money comes from outside the exchange, as a deposit does, and stays in "
            "the fund of this market.",
            form_of=TopUpForm,
            service=lambda market, said: services.request_top_up(
                market, said["amount_units"], said["reason"], by=operator_of(request)
            ),
            done=lambda said: f"asked for {money(said['amount_units'])} into its insurance fund",
        )

    def has_change_market_state_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("markets.change_market_state")

    def get_readonly_fields(
        self,
        request: HttpRequest,  # noqa: ARG002  Django passes it
        obj: Market | None = None,
    ) -> Any:
        return (*self.readonly_fields, *_FIXED) if obj else self.readonly_fields

    def get_fieldsets(
        self,
        request: HttpRequest,  # noqa: ARG002  Django passes it
        obj: Market | None = None,
    ) -> Any:
        if obj is None:
            return (
                ("Market", {"fields": ("id", "base_asset", ("tick_size", "lot_size"))}),
                *_LIMITS,
            )
        now = (
            ("state", "config"),
            ("mark_price", "index_price", "last_price"),
            ("insurance", "funding"),
        )
        return (
            ("Where it stands", {"fields": now}),
            ("Market", {"fields": (("base_asset", "quote_asset"), ("tick", "lot"))}),
            *_LIMITS,
            ("This change", {"fields": ("reason", "version")}),
        )

    def save_model(self, request: HttpRequest, obj: Market, form: Any, change: bool) -> None:
        """Saved with its tiers, in `save_related`."""

    def save_related(
        self,
        request: HttpRequest,
        form: Any,
        formsets: Any,
        change: bool,
    ) -> None:
        """Market and tiers together, as the one command they become; no change is no command."""
        tiers = None  # as they are, for who may not see them
        for formset in formsets:
            formset.save(commit=False)  # tells the operator log what changed
            tiers = formset.tiers
        if change and not any(part.has_changed() for part in (form, *formsets)):
            return
        operator = operator_of(request)
        if change and tiers is not None and services.takes_two(form.instance, tiers):
            changes = [Change(*words) for words in change_words(form)]
            reason = form.cleaned_data["reason"]
            asked = services.propose_rules(form.instance, tiers, changes, reason, by=operator)
            request.proposal = asked  # type: ignore[attr-defined]
            return
        why = services.Why(form.cleaned_data.get("reason", ""))
        command_id = services.configure_market(form.instance, operator, tiers, why)
        request.command_id = command_id  # type: ignore[attr-defined]  # for the audit
        messages.info(request, f"The rules of {form.instance} are on their way to its engine.")

    def tables(self, obj: Market) -> Iterable[Table]:
        commands = OutboxCommand.objects.filter(market=obj, command_type__in=MARKET_COMMANDS)
        commands = commands.select_related("created_by")[:20]
        yield commands_table(commands, f"market__id__exact={obj.pk}")


_LIMITS: tuple[Any, ...] = (
    ("Sizes", {"fields": (("min_size", "max_size"), "min_notional", "max_open_interest")}),
    ("Fees", {"fields": (("maker_fee_percent", "taker_fee_percent"), "liquidation_fee_percent")}),
    (
        "Risk",
        {
            "fields": (
                ("price_band_percent", "max_slippage_percent", "mark_clamp_percent"),
                ("circuit_breaker_percent", "index_stale_after"),
                ("max_open_orders", "price_quorum"),
            )
        },
    ),
    (
        "Funding",
        {
            "fields": (
                ("funding_interval", "funding_cap_percent"),
                ("funding_interest_percent", "impact_notional"),
            )
        },
    ),
)
