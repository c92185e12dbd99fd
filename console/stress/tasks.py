"""⑤ A run in a process of its own, with limits on its time and memory.

The worker's child that takes the task starts the process, says every second that the run is alive,
and kills the process when the run was cancelled or takes too long. A process, and not the child
itself: its memory goes back when it ends, and nothing it does can harm what the worker does next.
"""

import signal
import subprocess
import sys
import time

from celery import shared_task
from django.conf import settings

from console.stress import runs

TIME_LIMIT_S = 300
MEMORY_BYTES_MAX = 3_000_000_000
LOOK_EVERY_S = 1.0


@shared_task(soft_time_limit=TIME_LIMIT_S + 30, time_limit=TIME_LIMIT_S + 60)
def run_stress(run_id: int) -> None:
    if not runs.claim(run_id):
        return
    process = subprocess.Popen(  # noqa: S603  a command of ours
        [sys.executable, "-m", "django", "climbstress", str(run_id)],
        cwd=settings.BASE_DIR,
    )
    try:
        _watch(run_id, process)
    finally:
        process.kill()
        process.wait()


def _watch(run_id: int, process: "subprocess.Popen[bytes]") -> None:
    deadline_s = time.monotonic() + TIME_LIMIT_S
    while True:
        try:
            code = process.wait(LOOK_EVERY_S)
        except subprocess.TimeoutExpired:
            if time.monotonic() > deadline_s:
                runs.fail(run_id, f"It took longer than {TIME_LIMIT_S} s.")
            if not runs.tell(run_id):
                return
        else:
            runs.fail(run_id, _end_in_words(code))  # nothing, to a run that has said its own end
            return


def _end_in_words(code: int) -> str:
    if code < 0:
        return f"Its process was killed by {signal.Signals(-code).name}."
    return f"Its process ended with {code} and no word of why: see the worker's log."
