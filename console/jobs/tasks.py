"""⑤ Starts a run's process, says every second that the run is alive, and kills the process when the
run was cancelled or takes too long.
"""

import signal
import subprocess
import sys
import time

from celery import shared_task
from django.apps import apps
from django.conf import settings

from console.jobs import lives
from console.jobs.limits import TIME_LIMIT_S
from console.jobs.models import Job

LOOK_EVERY_S = 1.0


def kind_of(word: str) -> type[Job]:
    """Raises LookupError."""
    found = apps.get_model("console", word)
    if not issubclass(found, Job):
        raise LookupError(f"{word} is no kind of run")
    return found


@shared_task(soft_time_limit=TIME_LIMIT_S + 30, time_limit=TIME_LIMIT_S + 60)
def run_job(word: str, run_id: int) -> None:
    kind = kind_of(word)
    if not lives.claim(kind, run_id):
        return
    process = subprocess.Popen(  # noqa: S603  a command of ours
        [sys.executable, "-m", "django", "runjob", word, str(run_id)],
        cwd=settings.BASE_DIR,
    )
    try:
        _watch(kind, run_id, process)
    finally:
        process.kill()
        process.wait()


def _watch(kind: type[Job], run_id: int, process: "subprocess.Popen[bytes]") -> None:
    deadline_s = time.monotonic() + TIME_LIMIT_S
    while True:
        try:
            code = process.wait(LOOK_EVERY_S)
        except subprocess.TimeoutExpired:
            if time.monotonic() > deadline_s:
                lives.fail(kind, run_id, f"It took longer than {TIME_LIMIT_S} s.")
            if not lives.tell(kind, run_id):
                return
        else:
            # Nothing, to a run that has said its own end.
            lives.fail(kind, run_id, _end_in_words(code))
            return


def _end_in_words(code: int) -> str:
    if code < 0:
        return f"Its process was killed by {signal.Signals(-code).name}."
    return f"Its process ended with {code} and no word of why: see the worker's log."
