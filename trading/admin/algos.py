"""Algos of traders: how far each has come, its slices, and an operator's ways to stop it."""

from collections.abc import Iterable
from datetime import UTC, datetime

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse

from accounts.display import user_column
from accounts.models import User
from accounts.staff.operators import operator_of
from common.admin import NOTHING, when
from common.admin.actions import ask_then_run
from common.admin.base import (
    Cell,
    RecordAdmin,
    Table,
    badge,
    link,
    list_link,
    shown,
    table_of,
    time_column,
    words,
    yes_or_no_column,
)
from markets.columns import market_column, size_column
from markets.display import average_price, price, size
from markets.models import Market
from trading.admin.orders import reason_words
from trading.admin.row_tables import margin_words, side_badge, status_badge
from trading.algos.models import LIVE_STATES, Algo, AlgoKind, AlgoSlice, AlgoState
from trading.algos.selectors import SLICES_SHOWN_MAX, AlgoFigures, figures_of, newest_slices
from trading.algos.services import cancel_algo_as_operator, pause_algo_as_operator
from trading.models import Order

_TONES = {AlgoState.RUNNING: "ok", AlgoState.PAUSED: "warn", AlgoState.FAILED: "bad"}


def state_of_algo(algo: Algo) -> Cell:
    state = badge(algo.state, _TONES.get(AlgoState(algo.state), "plain"))
    return words(state, reason_words(algo.reason))


def _figures(algo: Algo) -> AlgoFigures:
    return figures_of([algo])[algo.pk]


def _filled(algo: Algo) -> Cell:
    return f"{size(_figures(algo).filled_lots, algo.market)} of {size(algo.size_lots, algo.market)}"


def _average(algo: Algo) -> Cell:
    figures = _figures(algo)
    return average_price(figures.filled_cost_units, figures.filled_lots, algo.market)


def _prices(algo: Algo) -> Cell:
    """A range, a limit, or how far from the mark its market orders may fill."""
    if algo.kind == AlgoKind.SCALED:
        return f"{price(algo.from_ticks, algo.market)} … {price(algo.to_ticks, algo.market)}"
    if algo.limit_ticks:
        return f"{price(algo.limit_ticks, algo.market)} at worst"
    return "market price"


def _rhythm(algo: Algo) -> Cell:
    if algo.kind == AlgoKind.SCALED:
        return f"{algo.slices_planned} orders at once"
    return f"{algo.slices_planned} slices, one every {algo.interval_s} s"


@admin.register(Algo)
class AlgoAdmin(RecordAdmin):
    list_display = (
        "id",
        "user_name",
        "market_link",
        "asked",
        "size",
        "state_word",
        "booked",
        "sent",
        "started",
    )
    list_filter = ("state", "kind", "market", "side")
    list_select_related = ("market", "user")
    walked_by = ("user__id__exact",)
    search_ids = ("id",)
    search_users = ("user",)
    search_help_text = "Id, or the beginning of a username."
    actions = ("pause_selected", "cancel_selected")
    fieldsets = (
        (
            "Where it stands",
            {
                "fields": (
                    "state_word",
                    "refusal",
                    ("filled", "average"),
                    ("sent", "left", "refused"),
                    ("due", "paused"),
                )
            },
        ),
        (
            "What was asked",
            {
                "fields": (
                    ("user_name", "market_link", "client_algo_id"),
                    ("asked", "size", "prices"),
                    ("rhythm", "time_in_force"),
                    ("margin", "only_reduces"),
                )
            },
        ),
        ("Time", {"fields": (("started", "changed", "ended"),)}),
    )

    user_name = user_column()
    market_link = market_column()
    asked = shown("algo", lambda algo: words(algo.kind, side_badge(algo.side)))
    size = size_column("size_lots", "size")
    state_word = shown("state", state_of_algo)
    booked = size_column("filled_lots", "filled by ended slices")
    refusal = shown("last refusal", lambda algo: algo.reason_words or NOTHING)
    filled = shown("filled", _filled)
    average = shown("average price", _average)
    sent = shown("slices sent", lambda algo: str(algo.slices_sent))
    left = shown("slots left", lambda algo: str(algo.slots_left))
    refused = shown("refusals", lambda algo: str(algo.refusals))
    prices = shown("prices", _prices)
    rhythm = shown("rhythm", _rhythm)
    margin = shown("margin", margin_words)
    only_reduces = yes_or_no_column("reduce_only", "reduce-only")
    due = time_column("next_at", "looked at next")
    paused = time_column("paused_at", "paused")
    started = time_column("created_at", "started")
    changed = time_column("updated_at", "last step")
    ended = time_column("ended_at", "ended")

    def tables(self, obj: Algo) -> Iterable[Table]:
        yield Table(
            f"Newest {SLICES_SHOWN_MAX} slices",
            Order,
            ("slice", "order", "size", "filled", "status", "why", "sent"),
            [_slice_cells(one, obj) for one in newest_slices(obj)],
            empty="None sent yet.",
        )

    def offers(self, action: str, obj: Algo) -> bool:
        return obj.state == AlgoState.RUNNING or (
            action == "cancel_selected" and obj.state in LIVE_STATES
        )

    def has_stop_algo_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("trading.stop_algo")

    @admin.action(description="Pause selected algos", permissions=["stop_algo"])
    def pause_selected(
        self, request: HttpRequest, queryset: QuerySet[Algo]
    ) -> TemplateResponse | None:
        return ask_then_run(
            self,
            request,
            queryset.filter(state=AlgoState.RUNNING),
            action="pause_selected",
            question="Pause these algos?",
            consequence="They send no further slice. Their traders may resume them; each then ends "
            "later by as long. A SCALED has sent all it has and can't be paused.",
            service=lambda algo: pause_algo_as_operator(algo.pk, datetime.now(UTC)),
            done="paused",
        )

    @admin.action(description="Cancel selected algos", permissions=["stop_algo"])
    def cancel_selected(
        self, request: HttpRequest, queryset: QuerySet[Algo]
    ) -> TemplateResponse | None:
        by = operator_of(request)
        return ask_then_run(
            self,
            request,
            queryset.filter(state__in=LIVE_STATES),
            action="cancel_selected",
            question="Cancel these algos?",
            consequence="They end for good. The engine takes their open orders out of the book and "
            "gives the holds back to the traders.",
            service=lambda algo: cancel_algo_as_operator(algo.pk, by, datetime.now(UTC)),
            done="ended it, and asked the engine to cancel its orders",
        )


def _slice_cells(one: AlgoSlice, algo: Algo) -> Iterable[Cell]:
    order = one.order
    return (
        str(one.number),
        link(Order, one.order_id),
        size(one.size_lots, algo.market),
        NOTHING if order is None else size(order.filled_lots, algo.market),
        badge("refused", "bad") if order is None else status_badge(order.status),
        one.words if order is None else reason_words(order.reason),
        when(one.sent_at),
    )


@table_of(User)
def algos_of_trader(user: User) -> Table | None:
    algos = list(Algo.objects.filter(user=user).select_related("market")[:20])
    if not algos:
        return None
    return Table(
        "Latest algos",
        Algo,
        ("algo", "kind", "market", "side", "size", "state", "started"),
        [
            (
                link(Algo, algo.pk),
                algo.kind,
                link(Market, algo.market_id),
                side_badge(algo.side),
                size(algo.size_lots, algo.market),
                state_of_algo(algo),
                when(algo.created_at),
            )
            for algo in algos
        ],
        note=list_link(Algo, f"user__id__exact={user.pk}", "All of them"),
    )
