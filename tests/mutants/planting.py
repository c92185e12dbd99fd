"""Planting a fault in a copy of the tree and running the tests beside it."""

import os
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from cosmic_ray.mutating import mutate_code
from cosmic_ray.testing import run_tests
from cosmic_ray.work_item import TestOutcome, WorkerOutcome, WorkItem, WorkResult

from tests.mutants.rooms import tests_of
from tests.mutants.sampling import operator_of

TIMEOUT_MIN_S = 120
TIMEOUT_FACTOR = 4  # of what the tests need without a fault
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


@dataclass
class Planter:
    """A copy of the tree with databases of its own; one fault at a time."""

    number: int
    tree: Path
    needed_s: dict[tuple[str, ...], float] = field(default_factory=dict)
    database_is_clean: bool = False

    def _command(self, tests: tuple[str, ...]) -> str:
        database = urlsplit(os.environ["DATABASE_URL"])
        store = urlsplit(os.environ["REDIS_URL"])
        first = int(store.path.strip("/") or 0)
        values = {
            "DATABASE_URL": database._replace(path=f"{database.path}_m{self.number}").geturl(),
            "REDIS_URL": store._replace(path=f"/{first + self.number}").geturl(),
            "MATCHING_PURE": "1",
        }
        database_flag = "--reuse-db" if self.database_is_clean else "--create-db"
        words = " ".join(
            [
                # A conftest must run before Django reads its settings.
                f"env -C {self.tree} -u DJANGO_SETTINGS_MODULE",
                *(f"{name}={value}" for name, value in values.items()),
                f"{sys.executable} -m pytest -q -x --tb=short -p no:cacheprovider",
                f"--reuse-db {database_flag}",
                *tests,
                "2>&1",
            ]
        )
        return f"sh -c {shlex.quote(words)}"

    def run(self, tests: tuple[str, ...], timeout_s: float) -> tuple[TestOutcome, str]:
        outcome, output = run_tests(self._command(tests), timeout_s)
        # A run that was killed may leave rows behind.
        self.database_is_clean = output != "timeout"
        return outcome, output

    def need(self, tests: tuple[str, ...]) -> float:
        """How long the tests take without a fault, in seconds. Raises TestsFailUnchanged."""
        if tests not in self.needed_s:
            began = time.monotonic()
            outcome, output = self.run(tests, timeout_s=3_600)
            if outcome is not TestOutcome.SURVIVED:
                raise TestsFailUnchanged(output[-3_000:])
            self.needed_s[tests] = time.monotonic() - began
        return self.needed_s[tests]

    def plant(self, item: WorkItem) -> WorkResult:
        """Raises TestsFailUnchanged."""
        mutation = item.mutations[0]
        path = self.tree / mutation.module_path
        tests = tests_of(str(mutation.module_path))
        timeout_s = max(TIMEOUT_MIN_S, TIMEOUT_FACTOR * self.need(tests))
        original = path.read_text()
        changed = mutate_code(original, operator_of(mutation.operator_name), mutation.occurrence)
        if changed is None or changed == original:
            return WorkResult(worker_outcome=WorkerOutcome.NO_TEST)
        path.write_text(changed)
        try:
            outcome, output = self.run(tests, timeout_s)
        finally:
            path.write_text(original)
        if outcome is TestOutcome.KILLED and any(word in output for word in NO_TESTS_RUN):
            outcome = TestOutcome.INCOMPETENT
        return WorkResult(
            worker_outcome=WorkerOutcome.NORMAL,
            output=output[-5_000:],
            test_outcome=outcome,
            diff=_diff(original, changed),
        )


def _diff(original: str, changed: str) -> str:
    """The lines that differ, before and after."""
    pairs = zip(original.splitlines(), changed.splitlines(), strict=False)
    for number, (before, after) in enumerate(pairs, start=1):
        if before != after:
            return f"{number}: {before.strip()}\n{number}: {after.strip()}"
    return ""
