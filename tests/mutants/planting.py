"""Planting a fault in a copy of the tree and running the tests beside it."""

import json
import os
import shutil
import subprocess
import sys
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cosmic_ray.mutating import mutate_code
from cosmic_ray.work_item import TestOutcome, WorkerOutcome, WorkItem, WorkResult

from tests.mutants.rooms import tests_of
from tests.mutants.sampling import operator_of
from tests.mutants.warm import ENDLESS, WAITING

TEST_S = 90  # for a test that mostly waits
RUN_S = 900  # for them all: something may also hang before the first or after the last
# The whole of it would be a fault of the plan, not one that was noticed.
NO_TESTS_RUN = (
    "database system is", "could not connect", "Connection refused", "ERROR: usage:", "no tests ran"
)  # fmt: skip


def copy_tree(source: Path, target: Path) -> None:
    """What git knows or would know: no build of the core, no virtual environment."""
    listed = subprocess.run(
        ["git", "ls-files", "-coz", "--exclude-standard"],
        cwd=source, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.split("\0")):
        if (source / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, target / name)


class TestsFailUnchanged(Exception):
    """Tests that fail by themselves notice nothing."""


class Outcome(StrEnum):
    """First line of a result's output."""

    FAILED = "failed"  # a test did
    IMPORT = "import"  # nothing could be collected
    ENDLESS = "endless"  # a test that computed for longer than any does, however busy the machine
    TIMEOUT = "timeout"  # one that waited longer, or all of them; no proof on a busy machine
    PASSED = "passed"
    NOT_RUN = "not run"


class Planter:
    """A copy of the tree with databases of its own; one fault at a time."""

    def __init__(self, number: int, tree: Path) -> None:
        self.tree = tree
        self.passing: set[str] = set()
        self.database_is_clean = False
        self.planted = 0
        self.warm = subprocess.Popen(
            [sys.executable, "-m", "tests.mutants.warm"],
            cwd=tree, env=_environment(number), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def stop(self) -> None:
        self.warm.communicate()

    def run(self, tests: tuple[str, ...], patience: int) -> tuple[Outcome, str]:
        """Answers pytest's output, too."""
        output = self.tree / "mutants.out"
        database_flag = "--reuse-db" if self.database_is_clean else "--create-db"
        words = ["-q", "-x", "--tb=short", "-p", "no:cacheprovider", "--reuse-db", database_flag]
        words += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # plugins are there already
        asked = {
            "arguments": [*words, *tests],
            "output": str(output),
            "timeout_s": RUN_S * patience,
            "test_s": TEST_S * patience,
        }
        assert self.warm.stdin is not None
        assert self.warm.stdout is not None
        self.warm.stdin.write(json.dumps(asked) + "\n")
        self.warm.stdin.flush()
        code = json.loads(self.warm.stdout.readline())
        text = output.read_text(errors="replace")
        # A run that was killed may leave rows behind.
        self.database_is_clean = code in (0, 1)
        return _outcome(code, text), text

    def require_passing(self, tests: tuple[str, ...]) -> None:
        """Without a fault; each module is asked once. Raises TestsFailUnchanged."""
        unknown = tuple(module for module in tests if module not in self.passing)
        if not unknown:
            return
        outcome, output = self.run(unknown, patience=20)
        if outcome is not Outcome.PASSED:
            raise TestsFailUnchanged(output[-3_000:])
        self.passing.update(unknown)

    def plant(self, item: WorkItem, patience: int = 1) -> WorkResult:
        """Raises TestsFailUnchanged."""
        mutation = item.mutations[0]
        path = self.tree / mutation.module_path
        tests = tests_of(str(mutation.module_path))
        self.require_passing(tests)
        original = path.read_text()
        changed = mutate_code(original, operator_of(mutation.operator_name), mutation.occurrence)
        if changed is None or changed == original:
            return WorkResult(worker_outcome=WorkerOutcome.NO_TEST)
        as_it_was = path.stat()
        path.write_text(changed)
        # Python knows bytecode by its source's size and second: each fault has a second of its own.
        self.planted += 1
        os.utime(path, (self.planted, self.planted))
        try:
            outcome, output = self.run(tests, patience)
        finally:
            path.write_text(original)
            os.utime(path, ns=(as_it_was.st_atime_ns, as_it_was.st_mtime_ns))
        return WorkResult(
            worker_outcome=WorkerOutcome.NORMAL,
            output=f"{outcome}\n{output[-5_000:]}",
            test_outcome=TEST_OUTCOMES.get(outcome, TestOutcome.KILLED),
            diff=_diff(original, changed),
        )


TEST_OUTCOMES = {
    Outcome.PASSED: TestOutcome.SURVIVED,
    Outcome.NOT_RUN: TestOutcome.INCOMPETENT,
}


def _environment(number: int) -> dict[str, str]:
    database = urlsplit(os.environ["DATABASE_URL"])
    store = urlsplit(os.environ["REDIS_URL"])
    first = int(store.path.strip("/") or 0)
    # A conftest must run before Django reads its settings.
    kept = {name: it for name, it in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    return kept | {
        "DATABASE_URL": database._replace(path=f"{database.path}_m{number}").geturl(),
        "REDIS_URL": store._replace(path=f"/{first + number}").geturl(),
        "MATCHING_PURE": "1",
    }


def _outcome(code: int | None, output: str) -> Outcome:
    if code == 0:
        return Outcome.PASSED
    if code is None or code == WAITING:
        return Outcome.TIMEOUT
    if code == ENDLESS:
        return Outcome.ENDLESS
    if any(word in output for word in NO_TESTS_RUN):
        return Outcome.NOT_RUN
    return Outcome.FAILED if code == pytest.ExitCode.TESTS_FAILED else Outcome.IMPORT


def _diff(original: str, changed: str) -> str:
    """The lines that differ, before and after."""
    pairs = zip(original.splitlines(), changed.splitlines(), strict=False)
    for number, (before, after) in enumerate(pairs, start=1):
        if before != after:
            return f"{number}: {before.strip()}\n{number}: {after.strip()}"
    return ""
