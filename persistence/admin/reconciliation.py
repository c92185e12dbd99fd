"""The operator's view of reconciliation: the last result and those before it."""

from collections.abc import Iterable, Sequence

from django.contrib import admin

from accounts.people.names import with_names
from common.admin import NOTHING
from common.admin.base import Cell, RecordAdmin, Table, badge, shown, time_column
from markets.display import money
from persistence.models import ReconcileRun


def result_badge(run: ReconcileRun) -> Cell:
    if run.difference_count:
        return badge(f"{run.difference_count:,} differences", "bad")
    if any(market["notCompared"] for market in run.compared):
        return badge("clean, not all compared", "warn")
    return badge("clean", "ok")


def _took(run: ReconcileRun) -> str:
    return f"{run.took.total_seconds():.1f} s"


def _figure(name: str, value: int) -> tuple[str, Cell]:
    if name.endswith("_units"):
        return name.removesuffix("_units").replace("_", " "), money(value)
    return name, f"{value:,}"


def _difference_rows(run: ReconcileRun) -> Sequence[Sequence[Cell]]:
    subjects = with_names([str(difference[2]) for difference in run.differences])
    return [
        [cell or NOTHING for cell in (check, market, subject, expected, found)]
        for subject, (check, market, _, expected, found) in zip(
            subjects, run.differences, strict=True
        )
    ]


class _ResultFilter(admin.SimpleListFilter):
    title = "result"
    parameter_name = "result"

    def lookups(self, _request: object, _admin: object) -> list[tuple[str, str]]:
        return [("clean", "clean"), ("differences", "differences")]

    def queryset(self, _request, queryset):  # type: ignore[no-untyped-def]
        wanted = self.value()
        if wanted is None:
            return queryset
        clean = queryset.filter(difference_count=0)
        return clean if wanted == "clean" else queryset.exclude(difference_count=0)


@admin.register(ReconcileRun)
class ReconcileRunAdmin(RecordAdmin):
    list_display = ("id", "started", "result", "scope", "took")
    list_filter = (_ResultFilter,)
    fieldsets = ((None, {"fields": (("started", "took"), "scope", "result")}),)

    started = time_column("started_at", "started")
    result = shown("result", result_badge)
    scope = shown("of", lambda run: run.scope)
    took = shown("took", _took)

    def tables(self, obj: ReconcileRun) -> Iterable[Table]:
        hidden = obj.difference_count - len(obj.differences)
        yield Table(
            "Differences",
            ReconcileRun,
            ("check", "market", "subject", "expected", "found"),
            _difference_rows(obj),
            note=f"And {hidden:,} more." if hidden else "",
        )
        yield Table(
            "Engines",
            ReconcileRun,
            ("market", "at sequence", "compared"),
            [
                (
                    market["market"],
                    f"{market['seq']:,}",
                    f"no: {market['notCompared']}" if market["notCompared"] else "yes",
                )
                for market in obj.compared
            ],
        )
        yield Table(
            "Figures",
            ReconcileRun,
            ("what", "sum"),
            [_figure(name, value) for name, value in obj.figures.items()],
        )
