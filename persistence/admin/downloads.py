"""The operator's view of daily files: what was made, and what could not be."""

from django.contrib import admin

from common.admin.base import Cell, RecordAdmin, badge, shown, time_column
from persistence.downloads.models import DailyFile


def _result(file: DailyFile) -> Cell:
    if file.fault:
        return badge(f"failed: {file.fault}", "bad")
    return badge("made", "ok")


class _ResultFilter(admin.SimpleListFilter):
    title = "result"
    parameter_name = "result"

    def lookups(self, _request: object, _admin: object) -> list[tuple[str, str]]:
        return [("made", "made"), ("failed", "failed")]

    def queryset(self, _request, queryset):  # type: ignore[no-untyped-def]
        wanted = self.value()
        if wanted is None:
            return queryset
        return queryset.filter(fault="") if wanted == "made" else queryset.exclude(fault="")


@admin.register(DailyFile)
class DailyFileAdmin(RecordAdmin):
    list_display = ("id", "market", "kind", "day", "result", "rows", "size", "made")
    list_filter = ("market", "kind", _ResultFilter)
    fieldsets = (
        (
            None,
            {"fields": (("market", "kind", "day"), "result", ("rows", "size"), "made", "sha256")},
        ),
    )

    result = shown("result", _result)
    rows = shown("rows", lambda file: f"{file.row_count:,}")
    size = shown("bytes", lambda file: f"{file.size_bytes:,}")
    made = time_column("made_at", "made")
