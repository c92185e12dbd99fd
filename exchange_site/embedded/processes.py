"""Child processes that never outlive their purpose."""

import ctypes
import importlib.util
import signal
import subprocess
from collections.abc import Iterable
from pathlib import Path

import psutil

from exchange_site.embedded.errors import ServiceError

PR_SET_PDEATHSIG = 1
RUN_MARKER = "EXCHANGE_RUN"  # environment variable every part carries; its value is the data folder

_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent() -> None:
    """Ask the kernel to send SIGTERM when the parent is gone. For `preexec_fn`."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def wheel_folder(package: str) -> Path:
    """Where a wheel keeps its binaries, without running its Python code."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ServiceError(f"{package} is not installed: pip install -r requirements.txt")
    return Path(spec.origin).parent


def run_tool(argv: list[str], *, user: str | None = None) -> str:
    """Run a short-lived tool. Raises ServiceError with its last line when it fails."""
    result = subprocess.run(  # noqa: S603  fixed programs of the wheels, no shell
        argv,
        user=user,
        group=user,
        extra_groups=[] if user else None,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        lines = [line for line in result.stderr.splitlines() if line.strip()]
        said = next((line for line in lines if "error" in line.lower()), lines[-1:] or "no output")
        raise ServiceError(f"{Path(argv[0]).name} failed: {said if said else 'no output'}")
    return result.stdout


def last_line(
    log: Path, *, of: tuple[str, ...] = ("FATAL", "PANIC", "ERROR", "# ", "Can't")
) -> str:
    """The last line of a log that names a fault, else its last line."""
    try:
        lines = [line.strip() for line in log.read_text(errors="replace").splitlines()]
    except FileNotFoundError:
        return "it wrote no log"
    lines = [line for line in lines if line]
    faults = [line for line in lines[-50:] if any(word in line for word in of)]
    return (faults or lines or ["its log is empty"])[-1]


def leftovers(data: Path) -> list[psutil.Process]:
    """Living processes of an earlier run on this data folder.

    Parts are known by the environment they were started with, the servers (which overwrite theirs
    with a title) by the folder they work in.
    """
    folders = (str(data / "postgres" / "data"), str(data / "redis"))
    me = psutil.Process()
    mine = {me.pid, *(parent.pid for parent in me.parents())}
    found = []
    for process in psutil.process_iter():
        if process.pid in mine:
            continue
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            ours = process.cwd() in folders or process.environ().get(RUN_MARKER) == str(data)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        if ours:
            found.append(process)
    return found


def end(processes: Iterable[psutil.Process], *, within_s: float = 5.0) -> None:
    """SIGTERM, then SIGKILL for what is still there."""
    processes = list(processes)
    for process in processes:
        _send(process, signal.SIGTERM)
    _, alive = psutil.wait_procs(processes, timeout=within_s)
    for process in alive:
        _send(process, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=within_s)


def _send(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
