"""How far each market is persisted, and what no engine could read."""

from datetime import UTC, datetime

from django.contrib import admin
from django.utils.html import format_html

from common.admin import NOTHING, when
from common.admin.base import RecordAdmin, shown, time_column
from markets.columns import market_column
from persistence.models import DeadLetter, MarketCursor


@admin.register(MarketCursor)
class MarketCursorAdmin(RecordAdmin):
    list_display = ("market", "seq", "input_id", "applied")
    ordering = ("pk",)
    list_select_related = ("market",)
    fieldsets = ((None, {"fields": ("market_link", "seq", "input_id", "entry_time", "applied")}),)

    market_link = market_column()
    applied = time_column("applied_at", "persisted")
    entry_time = shown(
        "time of the entry",
        lambda c: (
            when(datetime.fromtimestamp(c.entry_time_ms / 1_000, UTC))
            if c.entry_time_ms
            else NOTHING
        ),
    )


@admin.register(DeadLetter)
class DeadLetterAdmin(RecordAdmin):
    list_display = ("id", "market_link", "seq", "input_id", "reason", "recorded")
    list_filter = ("market",)
    search_ids = ("id", "seq")
    search_help_text = "Letter id or sequence."
    fieldsets = (
        (None, {"fields": (("market_link", "seq"), ("input_id", "recorded"), "reason")}),
        ("What came in", {"fields": ("content",)}),
    )

    market_link = market_column()
    recorded = time_column("recorded_at", "recorded")
    content = shown(
        "payload",
        lambda letter: format_html(
            "<pre>{}</pre>", bytes(letter.payload).decode("utf-8", "backslashreplace")
        ),
    )
