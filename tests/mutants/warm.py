"""`python -m tests.mutants.warm`, in a copy of the tree: has imported what the tests need of others
(pytest, Django, hypothesis and so on, which takes longer than most tests), and forks a process for
each run. What is ours, and with it the fault, is imported by that process anew.

Reads a line of JSON for each run, ``{"arguments", "output", "timeout_s", "test_s"}``, and answers
one: pytest's exit code, minus the signal that ended it, null for a run that took too long.
"""

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import sys
import sysconfig
from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import Phase
from hypothesis import settings as hypothesis_settings

THEIRS = (sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"))
# Of the processor, by one test: of them all the longest needs 9 on a slow machine.
TEST_CPU_S = 40
ENDLESS = -signal.SIGPROF
WAITING = -signal.SIGALRM


class OfAFault:
    """What a run after a planted fault does differently: a test that never ends is ended, and what
    makes a property fail is not looked for in its shortest form."""

    def __init__(self, test_s: float) -> None:
        self.test_s = test_s

    def pytest_sessionstart(self) -> None:
        phases = tuple(phase for phase in Phase if phase not in (Phase.shrink, Phase.explain))
        hypothesis_settings.register_profile(
            "of a fault", parent=hypothesis_settings.get_profile("patient"), phases=phases
        )
        hypothesis_settings.load_profile("of a fault")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self) -> Generator[None, Any, Any]:
        signal.setitimer(signal.ITIMER_PROF, TEST_CPU_S)
        signal.setitimer(signal.ITIMER_REAL, self.test_s)
        try:
            return (yield)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.setitimer(signal.ITIMER_REAL, 0)


def main() -> None:
    _import_theirs()
    gc.freeze()  # else every child copies the pages that its collector touches
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if not child:
            _become(asked["output"])
            sys.exit(pytest.main(asked["arguments"], plugins=[OfAFault(asked["test_s"])]))
        sys.stdout.write(json.dumps(_exit_code(child, asked["timeout_s"])) + "\n")
        sys.stdout.flush()


def _import_theirs() -> None:
    """All that a process had imported when it had collected the tests. What wants settings or a
    registry of Django's can't be imported yet and is left to each run."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        _become(os.devnull)
        pytest.main(["-q", "--collect-only", "-p", "no:cacheprovider", "tests"])
        with os.fdopen(writing, "w") as names:
            names.write("\n".join(_theirs()))
        sys.exit()
    os.close(writing)
    with os.fdopen(reading) as names:
        found = names.read().split("\n")
    os.waitpid(child, 0)
    for name in found:
        with contextlib.suppress(Exception):
            importlib.import_module(name)


def _theirs() -> list[str]:
    modules = list(sys.modules.items())
    return [n for n, m in modules if (getattr(m, "__file__", "") or "").startswith(THEIRS)]


def _become(output: str) -> None:
    """A session of its own, so that whatever it starts can be ended with it."""
    os.setsid()
    with open(os.devnull) as nothing, open(output, "w") as file:
        os.dup2(nothing.fileno(), 0)
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)


def _exit_code(child: int, timeout_s: float) -> int | None:
    ended = select.poll()
    descriptor = os.pidfd_open(child)
    ended.register(descriptor, select.POLLIN)
    ended.register(sys.stdin, select.POLLHUP)  # nobody is left who asks
    in_time = any(found == descriptor for found, _ in ended.poll(timeout_s * 1000))
    os.close(descriptor)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    return os.waitstatus_to_exitcode(status) if in_time else None


if __name__ == "__main__":
    main()
