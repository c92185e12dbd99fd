"""The folder in which processes of one server count together.

prometheus_client decides as it is imported where its values are, so this is called before, and
imports nothing of it. Processes that are started later find the folder in their environment.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
# Gauges of processes that live; the number at the end is whose.
_OF_THE_LIVING = "gauge_live*_*.db"


def count_together() -> None:
    """For this process and all that it starts. Their files go with it."""
    folder = tempfile.mkdtemp(prefix="exchange-metrics-")
    os.environ[_VARIABLE] = folder
    starter = os.getpid()

    def remove() -> None:
        if os.getpid() == starter:
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)


def shared_folder() -> Path | None:
    """None where the process counts alone."""
    named = os.environ.get(_VARIABLE)
    return Path(named) if named else None


def forget_the_dead(folder: Path) -> None:
    """What a process that is gone was in the middle of; what it has counted stays."""
    for file in folder.glob(_OF_THE_LIVING):
        pid = file.stem.rpartition("_")[2]
        if pid.isdecimal() and not Path("/proc", pid).exists():
            file.unlink(missing_ok=True)
