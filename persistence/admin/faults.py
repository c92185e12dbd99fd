"""The operator's view of what stopped persistence, what was set aside, and archived snapshots."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.html import format_html

from accounts.display import user_column, user_link
from accounts.staff.operators import operator_of
from common.admin import when
from common.admin.actions import ask_then_run
from common.admin.base import Cell, RecordAdmin, Table, badge, link, shown, time_column
from markets.columns import market_column
from persistence import faults
from persistence.models import EngineSnapshotArchive, PersistenceFault, QuarantinedEntry


def _payload(row: PersistenceFault | QuarantinedEntry) -> Cell:
    return format_html("<pre>{}</pre>", bytes(row.payload).decode("utf-8", "backslashreplace"))


def _state(fault: PersistenceFault) -> Cell:
    return badge(fault.resolution, "ok") if fault.resolved_at else badge("stopped", "bad")


@admin.register(PersistenceFault)
class PersistenceFaultAdmin(RecordAdmin):
    list_display = ("id", "market_link", "seq", "kind", "reason", "state", "first", "last")
    list_filter = ("market", "kind", "resolution")
    search_ids = ("id", "seq")
    search_help_text = "Fault id or sequence."
    actions = ("retry_now", "quarantine")
    fieldsets = (
        (
            None,
            {"fields": (("market_link", "seq"), ("kind", "state"), "reason", ("first", "last"))},
        ),
        ("Resolution", {"fields": (("resolved", "resolver"),)}),
        ("What was published", {"fields": ("content",)}),
    )

    market_link = market_column()
    state = shown("state", _state)
    first = time_column("first_seen", "first seen")
    last = time_column("last_seen", "last seen")
    resolved = time_column("resolved_at", "resolved")
    resolver = user_column("resolved by", "resolved_by")
    content = shown("payload", _payload)

    def has_resolve_fault_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("persistence.resolve_fault")

    @admin.action(description="Retry selected now", permissions=["resolve_fault"])
    def retry_now(
        self, request: HttpRequest, queryset: QuerySet[PersistenceFault]
    ) -> TemplateResponse | None:
        return ask_then_run(
            self,
            request,
            queryset,
            action="retry_now",
            question="Persist these markets again, now?",
            consequence="Harmless: the workers try the same every few seconds.",
            service=lambda fault: faults.retry_fault(fault.pk, operator_of(request).pk),
            done="retried",
            together=False,
        )

    @admin.action(description="Quarantine the selected entries", permissions=["resolve_fault"])
    def quarantine(
        self, request: HttpRequest, queryset: QuerySet[PersistenceFault]
    ) -> TemplateResponse | None:
        return ask_then_run(
            self,
            request,
            queryset,
            action="quarantine",
            question="Quarantine these entries?",
            consequence=(
                "Exactly this entry of each market is never applied: what it says about orders,"
                " positions and money does not happen. It is kept under quarantined entries. The"
                " engine starts over from the database, without it, and carries out the commands"
                " after it again. An order of its own that is still pending is sent again."
                " Reconcile afterwards: it shows whether anything differs."
            ),
            service=lambda fault: faults.quarantine_entry(fault.pk, operator_of(request).pk),
            done="quarantined",
        )

    def tables(self, obj: PersistenceFault) -> Iterable[Table]:
        kept = QuarantinedEntry.objects.filter(market=obj.market_id, seq=obj.seq)
        yield Table(
            "Quarantined",
            QuarantinedEntry,
            ("entry", "by", "time"),
            [
                (
                    link(QuarantinedEntry, entry.pk, entry),
                    user_link(entry.quarantined_by) if entry.quarantined_by else "by itself",
                    when(entry.quarantined_at),
                )
                for entry in kept.select_related("quarantined_by")
            ],
            empty="Nothing was quarantined.",
        )


@admin.register(QuarantinedEntry)
class QuarantinedEntryAdmin(RecordAdmin):
    list_display = ("id", "market_link", "seq", "input_id", "reason", "operator", "quarantined")
    list_filter = ("market",)
    list_select_related = ("quarantined_by",)
    search_ids = ("id", "seq")
    search_texts = ("input_id",)
    search_help_text = "Entry id, sequence or input id."
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("market_link", "seq"),
                    ("input_id", "quarantined"),
                    "operator",
                    "reason",
                )
            },
        ),
        ("What was published", {"fields": ("content",)}),
    )

    market_link = market_column()
    operator = user_column("by", "quarantined_by")
    quarantined = time_column("quarantined_at", "quarantined")
    content = shown("payload", _payload)


@admin.register(EngineSnapshotArchive)
class EngineSnapshotArchiveAdmin(RecordAdmin):
    list_display = ("id", "market_link", "seq", "input_id", "archived")
    list_filter = ("market",)
    search_ids = ("id", "seq")
    search_help_text = "Snapshot id or sequence."
    fieldsets = (
        (None, {"fields": (("market_link", "seq"), ("input_id", "archived"), "sha256", "size")}),
    )

    market_link = market_column()
    archived = time_column("archived_at", "archived")
    size = shown("size", lambda row: f"{len(row.frame):,} bytes")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("frame")
