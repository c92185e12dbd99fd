"""The process of a stress run, as a worker starts it."""

import os
import resource
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from console.stress import runs
from console.stress.climb import Stopped, climb
from console.stress.tasks import MEMORY_BYTES_MAX, TIME_LIMIT_S

NICENESS = 10


class Command(BaseCommand):
    help = "Climb a stress run that was asked for on the page; workers start this themselves."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run", type=int, help="the run's number")

    def handle(self, *args: Any, run: int, **options: Any) -> None:
        _limit(resource.RLIMIT_AS, MEMORY_BYTES_MAX)
        _limit(resource.RLIMIT_CPU, TIME_LIMIT_S)
        os.nice(NICENESS)
        if not runs.tell(run):
            raise CommandError(f"run {run} is not under way")
        parent = os.getppid()

        def look_up() -> None:
            if os.getppid() != parent:
                raise Stopped  # nobody is left who could cancel it

        try:
            climb(run, look_up)
        except MemoryError:
            runs.fail(run, f"It needed more than {MEMORY_BYTES_MAX:,} bytes of memory.")
        except Exception as error:
            runs.fail(run, f"It met a fault of ours: {type(error).__name__}: {error}")
            raise


def _limit(what: int, wanted: int) -> None:
    """Or less, where the process may not have as much."""
    _, hard = resource.getrlimit(what)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(what, (allowed, hard))
