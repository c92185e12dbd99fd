"""Where processes of one server count together: in memory, and nobody's folder stays there."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from common.metrics import shared
from exchange_site.embedded.bootstrap import ROOT
from tests.patience import PATIENCE_S

# Says its folder, then waits to be ended; ``fork`` ends at once and leaves its child.
_COUNTS = """
import os, sys, time
from common.metrics.shared import count_together
count_together()
child = os.fork() if sys.argv[1] == "fork" else 1
if child:
    print(os.environ["PROMETHEUS_MULTIPROC_DIR"], flush=True)
    if sys.argv[1] == "fork":
        os._exit(0)
sys.stdin.read()
"""


def start(how: str = "stay") -> tuple["subprocess.Popen[str]", Path]:
    process = subprocess.Popen(
        [sys.executable, "-c", _COUNTS, how],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_a_folder_goes_with_its_process_or_when_the_next_comes() -> None:
    killed, left = start()
    ended, gone = start()
    assert left.exists()  # the second saw that it is held
    ended.communicate(timeout=PATIENCE_S)
    assert not gone.exists()
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=PATIENCE_S)
    assert left.exists()
    next_one, own = start()
    assert not left.exists()
    assert own.exists()
    next_one.communicate(timeout=PATIENCE_S)


def test_a_forked_child_holds_it_too() -> None:
    forking, folder = start("fork")
    assert forking.wait(PATIENCE_S) == 0
    next_one, _ = start()
    assert folder.exists()
    next_one.communicate(timeout=PATIENCE_S)
    forking.communicate(timeout=PATIENCE_S)  # its child hears that nobody says anything more
    deadline = time.monotonic() + PATIENCE_S
    while folder.exists() and time.monotonic() < deadline:
        last, _ = start()
        last.communicate(timeout=PATIENCE_S)
    assert not folder.exists()


def test_what_is_not_ours_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place, precious = tmp_path / "place", tmp_path / "precious"
    for folder in (place / "exchange-metrics-left", precious):
        folder.mkdir(parents=True)
        (folder / "lock").touch()
    (place / "exchange-metrics-trap").symlink_to(precious)
    mine = os.geteuid()
    with monkeypatch.context() as patch:
        patch.setattr(os, "geteuid", lambda: mine + 1)
        shared._remove_abandoned(place)
    assert (place / "exchange-metrics-left").exists()
    shared._remove_abandoned(place)
    assert not (place / "exchange-metrics-left").exists()
    assert (precious / "lock").exists()


def test_it_is_in_memory_where_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    here = Path("/dev/shm")
    has_room = os.access(here, os.W_OK) and os.statvfs(here).f_bavail > 100_000
    if not has_room:
        pytest.skip("there is no room in shared memory here")
    assert shared._place() == here
    monkeypatch.setattr(shared, "_ROOM_BYTES_MIN", 10**18)
    assert shared._place() != here
    monkeypatch.undo()
    monkeypatch.setattr(shared, "_SHARED_MEMORY", Path("/nowhere"))
    assert shared._place() != here
