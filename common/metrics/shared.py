"""The folder in which processes of one server count together.

prometheus_client decides as it is imported where its values are, so this is called before, and
imports nothing of it. Processes that are started later find the folder in their environment.

Theory of operation. Its files are mapped into memory: where the disk below has no room for what is
counted first, the kernel ends whoever counts (SIGBUS), whatever else it was about to do. So they
are where no disk is, in shared memory, if there is room. Nothing there goes by itself: each folder
has a file that its process, and those forked of it, hold locked while they live, and who comes
later removes the folders that nobody holds, of processes that were killed.
"""

import atexit
import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
# Gauges of processes that live; the number at the end is whose.
_OF_THE_LIVING = "gauge_live*_*.db"
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  a folder of our own in it, which we name
_ROOM_BYTES_MIN = 16_000_000  # a server's files are some hundred kB
_PREFIX = "exchange-metrics-"
_LOCK = "lock"


def count_together() -> None:
    """For this process and all that it starts. Their files go with it."""
    place = _place()
    _remove_abandoned(place)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
    _hold(folder)
    os.environ[_VARIABLE] = str(folder)
    starter = os.getpid()

    def remove() -> None:
        if os.getpid() == starter:
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)


def _place() -> Path:
    with suppress(OSError):
        has_room = shutil.disk_usage(_SHARED_MEMORY).free >= _ROOM_BYTES_MIN
        if has_room and os.access(_SHARED_MEMORY, os.W_OK | os.X_OK):
            return _SHARED_MEMORY
    return Path(tempfile.gettempdir())


def _hold(folder: Path) -> None:
    """Until this process ends, however it ends. Has its name only once it is held."""
    unnamed = folder / f"{_LOCK}.new"
    held = os.open(unnamed, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(held, fcntl.LOCK_EX)
    unnamed.rename(folder / _LOCK)


def _remove_abandoned(place: Path) -> None:
    """Of this user: whoever else writes there may have laid a trap."""
    for folder in place.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # held, without a lock as yet, or gone meanwhile
            if folder.lstat().st_uid != os.geteuid() or folder.is_symlink():
                continue
            looked_at = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
            try:
                fcntl.flock(looked_at, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(looked_at)


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
