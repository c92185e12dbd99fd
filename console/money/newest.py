"""What was last compared, and whether a run is awaited."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from common.admin import when
from persistence.models import ReconcileRun
from persistence.reconciliation import (
    asked_at,
    is_overdue,
    is_running,
    newest_run,
    newest_seal,
)
from persistence.sealing.models import JournalSeal

RUNS_SHOWN = 20
_COUNTED = ("wallets", "orders", "fills", "postings")


@dataclass(frozen=True)
class Newest:
    """``verdict`` and ``tone``: the answer in a word. ``asked_at``: since when a run is awaited
    that an operator asked for. ``sealed``: up to where a run need not read; empty if nothing is."""

    run: ReconcileRun | None
    verdict: str
    tone: str
    compared: str
    not_compared: list[str]
    asked_at: datetime | None
    is_running: bool
    sealed: str
    history: list[ReconcileRun]

    @property
    def is_awaited(self) -> bool:
        return self.is_running or self.asked_at is not None


def newest() -> Newest:
    run = newest_run()
    verdict, tone = _verdict(run)
    return Newest(
        run=run,
        verdict=verdict,
        tone=tone,
        compared=_compared(run) if run else "",
        not_compared=[f"{m['market']}: {m['notCompared']}" for m in _engines(run, compared=False)],
        asked_at=asked_at(),
        is_running=is_running(),
        sealed=_sealed(newest_seal()),
        history=list(ReconcileRun.objects.order_by("-pk")[:RUNS_SHOWN]),
    )


def _sealed(seal: JournalSeal | None) -> str:
    if seal is None:
        return ""
    return (
        f"{seal.entry_count:,} journal entries, up to number {seal.last_entry_id:,}, by {seal} of "
        f"{when(seal.sealed_at)} UTC, SHA-256 {seal.sha256}"
    )


def _verdict(run: ReconcileRun | None) -> tuple[str, str]:
    if run is None:
        return "Nothing has been compared yet", "warn"
    if run.difference_count:
        return f"No: {run.difference_count:,} differences", "bad"
    if is_overdue(run, timezone.now()):
        return "It was, but nothing has been compared since", "warn"
    if _engines(run, compared=False):
        return "Yes, but not all engines could be compared", "warn"
    return "Yes", "ok"


def _engines(run: ReconcileRun | None, *, compared: bool) -> list[dict[str, Any]]:
    return [m for m in (run.compared if run else ()) if bool(m["notCompared"]) != compared]


def _compared(run: ReconcileRun) -> str:
    """ "3 wallets, 12 orders, … with each other, and the engines of BTC-PERP (at 7)"."""
    rows = ", ".join(f"{run.figures[name]:,} {name}" for name in _COUNTED if name in run.figures)
    engines = ", ".join(f"{m['market']} (at {m['seq']:,})" for m in _engines(run, compared=True))
    words = f"{rows} with each other" if rows else "all rows of money with each other"
    return f"{words}, and with the engines of {engines}" if engines else f"{words}; no engine"
