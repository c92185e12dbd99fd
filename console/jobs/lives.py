"""The life of a run's row."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from console.jobs.models import UNDER_WAY, Job, JobState

LOST_AFTER = timedelta(seconds=30)  # whoever carries it out says so every second
UNTAKEN_AFTER = timedelta(minutes=10)


class Stopped(Exception):
    """Cancelled or given up meanwhile."""


def claim(kind: type[Job], run_id: int) -> bool:
    return tell(kind, run_id, state=JobState.RUNNING, steps_done=0)


def fail(kind: type[Job], run_id: int, why: str) -> bool:
    return tell(kind, run_id, state=JobState.FAILED, why=why, ended_at=timezone.now())


def tell(kind: type[Job], run_id: int, **fields: Any) -> bool:
    """Whether the run was still under way."""
    rows = kind._default_manager.filter(pk=run_id, state__in=UNDER_WAY)
    return bool(rows.update(beat_at=timezone.now(), **fields))


def say(run: Job, **fields: Any) -> None:
    """As `tell`. Raises Stopped."""
    if not tell(type(run), run.pk, **fields):
        raise Stopped


def end(run: Job, **fields: Any) -> None:
    """With what came of it. Raises Stopped."""
    say(run, state=JobState.DONE, ended_at=timezone.now(), **fields)


def give_up_lost(kind: type[Job]) -> None:
    """A worker that was killed says nothing, and one that is not there takes nothing."""
    now = timezone.now()
    for state, after, why in (
        (JobState.RUNNING, LOST_AFTER, "Its worker was lost. Start it again."),
        (JobState.WAITING, UNTAKEN_AFTER, "No worker took it. See whether any is running."),
    ):
        silent = kind._default_manager.filter(state=state, beat_at__lt=now - after)
        silent.update(state=JobState.FAILED, why=why, ended_at=now)
