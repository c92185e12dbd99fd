"""The process of a run, as a worker starts it."""

import os
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from console.exports import writing
from console.hindsight import reckoning
from console.incident import replays
from console.jobs import lives
from console.jobs.limits import MEMORY_BYTES_MAX, limit_this_process
from console.jobs.models import Job
from console.jobs.tasks import kind_of
from console.models import ExportRun, HindsightRun, ReplayRun, StressRun
from console.stress.climb import climb

# What carries a run out, to its end, whatever that is; it calls its second argument often, which
# may raise `lives.Stopped`.
CarryOut = Callable[[int, Callable[[], None]], None]
WORK: dict[type[Job], CarryOut] = {
    ExportRun: writing.carry_out,
    HindsightRun: reckoning.carry_out,
    ReplayRun: replays.carry_out,
    StressRun: climb,
}


class Command(BaseCommand):
    help = "Carry out a run that was asked for in the console; workers start this themselves."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("kind", help="the run's model, as in stressrun")
        parser.add_argument("run", type=int, help="the run's number")

    def handle(self, *args: Any, kind: str, run: int, **options: Any) -> None:
        try:
            model = kind_of(kind)
        except LookupError as error:
            raise CommandError(str(error)) from error
        limit_this_process()
        if not lives.tell(model, run):
            raise CommandError(f"{kind} {run} is not under way")
        parent = os.getppid()

        def look_up() -> None:
            if os.getppid() != parent:
                raise lives.Stopped  # nobody is left who could cancel it

        try:
            WORK[model](run, look_up)
        except MemoryError:
            lives.fail(model, run, f"It needed more than {MEMORY_BYTES_MAX:,} bytes of memory.")
        except Exception as error:
            lives.fail(model, run, f"It met a fault of ours: {type(error).__name__}: {error}")
            raise
