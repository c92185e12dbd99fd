"""What the engine has made of markets so far, and the commands on their way to it."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import get_args

import msgspec
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from accounts.display import user_column, user_link
from common.admin import NOTHING, when
from common.admin.base import Cell, RecordAdmin, Table, badge, link, list_link, shown, time_column
from common.admin.changes import AnyModelAdmin
from common.admin.filters import words_filter
from markets.columns import market_column, money_column, price_column
from markets.display import funding_rate
from markets.models import Market, MarketStatus
from trading.admin.row_tables import state_badge
from trading.commands.outbox import PromisedCommand
from trading.models import MARKET_COMMANDS, OutboxCommand

COMMAND_TYPES = [kind.__name__ for kind in get_args(PromisedCommand)]


def funding_words(status: MarketStatus) -> str:
    """The last rate, and when the next is settled."""
    if not status.next_funding_ms:
        return NOTHING
    due = when(datetime.fromtimestamp(status.next_funding_ms / 1_000, UTC))
    return f"last {funding_rate(status.funding_rate_ppb)}, next at {due}"


def _premium(status: MarketStatus) -> str:
    if not status.premium_count:
        return "no samples yet"
    average = funding_rate(status.premium_sum_ppb // status.premium_count)
    return f"{average} on average of {status.premium_count:,} samples"


@admin.register(MarketStatus)
class MarketStatusAdmin(RecordAdmin):
    ordering = ("pk",)
    list_display = (
        "market",
        "state_word",
        "mark_price",
        "index_price",
        "last_price",
        "index_word",
        "funding",
        "insurance",
        "applied_config_version",
        "priced",
    )
    list_filter = ("state",)
    list_select_related = ("market",)
    search_texts = ("market",)
    search_help_text = "Market, as in BTC-PERP."
    fieldsets = (
        (None, {"fields": ("market_link", "state_word", "applied_config_version")}),
        (
            "Prices",
            {
                "fields": (
                    ("mark_price", "index_price", "last_price"),
                    ("index_word", "indexed", "priced"),
                    "breaker",
                )
            },
        ),
        ("Funding", {"fields": ("funding", "premium")}),
        ("Insurance", {"fields": ("insurance",)}),
    )

    market_link = market_column()
    state_word = shown("state", state_badge)
    mark_price = price_column("mark_price_ticks", "mark price")
    index_price = price_column("index_price_ticks", "index price")
    last_price = price_column("last_price_ticks", "last price")
    index_word = shown(
        "index",
        lambda status: badge("stale", "bad") if status.index_stale else badge("fresh", "ok"),
    )
    indexed = shown(
        "time of the index price",
        lambda s: when(datetime.fromtimestamp(s.index_ms / 1_000, UTC)) if s.index_ms else NOTHING,
    )
    breaker = shown("circuit breaker", lambda s: "armed" if s.breaker_armed else "not armed")
    funding = shown("funding", funding_words)
    premium = shown("premium of this interval", _premium)
    insurance = money_column("insurance_units", "insurance fund")
    priced = time_column("mark_price_at", "time of the mark price")


class AppliedFilter(admin.SimpleListFilter):
    title = "answer of the engine"
    parameter_name = "answer"

    def lookups(
        self,
        request: HttpRequest,  # noqa: ARG002  Django passes them
        model_admin: AnyModelAdmin,  # noqa: ARG002
    ) -> list[tuple[str, str]]:
        return [("waiting", "waiting"), ("applied", "applied")]

    def queryset(
        self,
        request: HttpRequest,  # noqa: ARG002
        queryset: QuerySet[OutboxCommand],
    ) -> QuerySet[OutboxCommand]:
        if self.value() not in {"waiting", "applied"}:
            return queryset
        return queryset.filter(applied_seq__isnull=self.value() == "waiting")


def _answer(command: OutboxCommand) -> Cell:
    if command.applied_seq is None:
        return badge("waiting", "warn")
    return badge(f"applied at {command.applied_seq}", "ok")


def _payload(command: OutboxCommand) -> Cell:
    text = msgspec.json.format(msgspec.json.encode(command.payload)).decode()
    return format_html("<pre>{}</pre>", text)


@admin.register(OutboxCommand)
class OutboxCommandAdmin(RecordAdmin):
    list_display = ("id", "command_type", "market_link", "sender", "created", "answer")
    list_filter = (
        "market",
        words_filter("command_type", COMMAND_TYPES, title="type"),
        AppliedFilter,
    )
    list_select_related = ("created_by",)
    search_ids = ("id",)
    search_users = ("created_by",)
    search_help_text = "Command id, or the beginning of its sender's username."
    fieldsets = (
        (None, {"fields": (("command_type", "market_link"), ("sender", "created"), "answer")}),
        ("What it says", {"fields": ("content",)}),
    )

    def walks(self, asked: Mapping[str, str]) -> list[Q]:
        """What waits, and what operators sent, have indexes by market."""
        if asked.get("answer") == "waiting":
            few = Q(applied_seq__isnull=True)
        elif asked.get("command_type") in MARKET_COMMANDS:
            few = Q(command_type__in=MARKET_COMMANDS)
        else:
            return super().walks(asked)
        return [few & Q(market=market) for market in Market.objects.values_list("pk", flat=True)]

    market_link = market_column()
    sender = user_column("sender", "created_by")
    created = time_column("created_at", "sent")
    answer = shown("answer", _answer)
    content = shown("payload", _payload)


def commands_table(commands: QuerySet[OutboxCommand], more: str) -> Table:
    def cells(command: OutboxCommand) -> Iterable[Cell]:
        return (
            link(OutboxCommand, command.pk),
            command.command_type,
            user_link(command.created_by),
            when(command.created_at),
            _answer(command),
        )

    return Table(
        "Latest commands to it",
        OutboxCommand,
        ("command", "type", "sender", "sent", "answer"),
        [cells(command) for command in commands],
        empty="No commands yet.",
        note=list_link(OutboxCommand, more, "All of them"),
    )
