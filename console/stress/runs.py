"""The life of a run's row: every word of it is written under the condition that it is still under
way. So a run that was cancelled or given up stops at its next step, and whoever works on it in vain
changes nothing.
"""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from console.stress.models import UNDER_WAY, StressRun, StressState

LOST_AFTER = timedelta(seconds=30)  # whoever runs it says so every second
UNTAKEN_AFTER = timedelta(minutes=10)


def claim(run_id: int) -> bool:
    """A run that is delivered again begins again."""
    return tell(run_id, state=StressState.RUNNING, steps_done=0)


def fail(run_id: int, why: str) -> bool:
    return tell(run_id, state=StressState.FAILED, why=why, ended_at=timezone.now())


def tell(run_id: int, **fields: Any) -> bool:
    """Whether the run was still under way."""
    rows = StressRun.objects.filter(pk=run_id, state__in=UNDER_WAY)
    return bool(rows.update(beat_at=timezone.now(), **fields))


def give_up_lost() -> None:
    """A worker that was killed says nothing, and one that is not there takes nothing."""
    now = timezone.now()
    for state, after, why in (
        (StressState.RUNNING, LOST_AFTER, "Its worker was lost. Start it again."),
        (StressState.WAITING, UNTAKEN_AFTER, "No worker took it. See whether any is running."),
    ):
        silent = StressRun.objects.filter(state=state, beat_at__lt=now - after)
        silent.update(state=StressState.FAILED, why=why, ended_at=now)
