"""`python -m tests.mutants`: plants a seeded sample of faults, says which were noticed, and ends
with status 1 if fewer than nine in ten were. It goes on where it was stopped."""

import argparse
import hashlib
import queue
import re
import sys
import tempfile
import textwrap
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path

from cosmic_ray.work_db import WorkDB
from cosmic_ray.work_item import TestOutcome, WorkerOutcome, WorkItem, WorkResult

from tests.builders.servers import start_servers
from tests.mutants.planting import Outcome, Planter, TestsFailUnchanged, copy_tree
from tests.mutants.rooms import ROOMS, modules
from tests.mutants.sampling import names_of, sample, work_items

ROOT = Path(__file__).resolve().parents[2]
SESSIONS = ROOT / "var" / "mutants"
EXPLAINED = ROOT / "docs" / "mutants.md"
CAUGHT_MIN = 0.9
CAUGHT_BY = (Outcome.FAILED, Outcome.IMPORT, Outcome.ENDLESS, Outcome.TIMEOUT)
PATIENCE = 3  # times as long


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> int:
    options = _options()
    items = list(work_items(ROOT, modules(ROOT, options.only)))
    if not items:
        say(f"error: nothing to mutate below {options.only!r}")
        return 2
    session = _session(items, options)
    pending = _pending(session, options.again)
    say(f"{len(items)} faults known, {session.num_work_items} drawn, {len(pending)} to plant")
    began = time.monotonic()
    if pending and not _plant_all(session, pending, options.workers):
        return 2
    if pending:
        say(f"{len(pending)} planted in {time.monotonic() - began:.0f} s")
    return _report(session, items)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sample", type=int, default=300)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", default="", help="modules below this path")
    parser.add_argument("--again", action="store_true", help="plant what went unnoticed once more")
    return parser.parse_args()


def _session(items: list[WorkItem], options: argparse.Namespace) -> WorkDB:
    """Of this seed and sample, for the sources as they are: others have faults of their own."""
    text = "".join((ROOT / module).read_text() for module in modules(ROOT, options.only))
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    SESSIONS.mkdir(parents=True, exist_ok=True)
    where = options.only.strip("/").replace("/", "-") or "all"
    path = SESSIONS / f"{where}-{options.seed}-{options.sample}-{digest}.sqlite"
    session = WorkDB(path, WorkDB.Mode.create)
    if not session.num_work_items:
        session.add_work_items(sample(items, options.sample, options.seed))
    return session


def _pending(session: WorkDB, again: bool) -> list[WorkItem]:
    done = {
        job_id
        for job_id, result in session.results
        if result.test_outcome is not TestOutcome.INCOMPETENT
        and not (again and result.test_outcome is TestOutcome.SURVIVED)
    }
    # In the order they were drawn in: a run that is stopped early has planted a smaller sample.
    return [item for item in session.work_items if item.job_id not in done]


def _plant_all(session: WorkDB, pending: list[WorkItem], workers: int) -> bool:
    """False where tests fail without any fault."""
    start_servers()
    with tempfile.TemporaryDirectory(prefix="exchange-mutants-") as folder:
        Path(folder).chmod(0o755)
        planters = []
        for number in range(workers):
            tree = Path(folder) / str(number)
            copy_tree(ROOT, tree)
            planters.append(Planter(number, tree))
        planting = Planting(session, pending)
        threads = [threading.Thread(target=planting.work, args=(it,)) for it in planters]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for planter in planters:
            planter.stop()
    for failure in planting.failures:
        say(f"error: tests fail without a fault\n{failure}")
    return not planting.failures


class Planting:
    """What is left to plant. What took too long is planted again at the end, with more patience:
    the machine may have been busy."""

    def __init__(self, session: WorkDB, pending: list[WorkItem]) -> None:
        self.session = session
        self.todo: queue.SimpleQueue[WorkItem] = queue.SimpleQueue()
        self.slow: queue.SimpleQueue[WorkItem] = queue.SimpleQueue()
        self.failures: list[str] = []
        self._recording = threading.Lock()
        for item in pending:
            self.todo.put(item)

    def work(self, planter: Planter) -> None:
        try:
            self._empty(self.todo, planter, patience=1)
            self._empty(self.slow, planter, patience=PATIENCE)
        except TestsFailUnchanged as error:
            self.failures.append(str(error))

    def _empty(self, items: queue.SimpleQueue[WorkItem], planter: Planter, patience: int) -> None:
        while not self.failures:
            try:
                item = items.get_nowait()
            except queue.Empty:
                return
            result = planter.plant(item, patience)
            with self._recording:
                say(f"{_word(result):9} {_place(item)}")
                if _word(result) == Outcome.TIMEOUT and patience == 1:
                    self.slow.put(item)
                else:
                    self.session.set_result(item.job_id, result)


def _word(result: WorkResult) -> str:
    if result.worker_outcome is not WorkerOutcome.NORMAL:
        return "no change"
    return (result.output or "").partition("\n")[0]


def _place(item: WorkItem) -> str:
    mutation = item.mutations[0]
    return f"{mutation.module_path}:{mutation.start_pos[0]} {mutation.operator_name}"


def _report(session: WorkDB, items: list[WorkItem]) -> int:
    rooms: defaultdict[str, Counter[str]] = defaultdict(Counter)
    survivors = []
    for item, result in session.completed_work_items:
        rooms[_room(item)][_word(result)] += 1
        if _word(result) == Outcome.PASSED:
            survivors.append((item, result.diff or ""))
    heads = (*CAUGHT_BY, "survived")
    say(f"\n{'package':30}" + "".join(f"{head:>9}" for head in heads))
    counted = (*CAUGHT_BY, Outcome.PASSED)
    for room in [room for room in ROOMS if room in rooms]:
        say(f"{room:30}" + "".join(f"{rooms[room][outcome]:9}" for outcome in counted))
    unexplained = _show_survivors(survivors, items)
    total = sum(rooms.values(), Counter[str]())
    caught = sum(total[outcome] for outcome in CAUGHT_BY)
    judged = caught + len(survivors)
    share = caught / judged if judged else 0.0
    by = ", ".join(f"{total[outcome]} {outcome}" for outcome in CAUGHT_BY)
    say(
        f"\n{caught} of {judged} caught, {share:.1%} ({by}); "
        f"{len(survivors)} survived, {unexplained} of them not explained in docs/mutants.md"
    )
    return 0 if share >= CAUGHT_MIN else 1


def _show_survivors(survivors: list[tuple[WorkItem, str]], items: list[WorkItem]) -> int:
    """Each by its name; answers how many docs/mutants.md says nothing of."""
    explained = set(re.findall(r"^\| `([^`]+)`", EXPLAINED.read_text(), re.MULTILINE))
    names = dict(zip(map(_identity, items), names_of(items), strict=True))
    found = sorted((names[_identity(item)], _place(item), diff) for item, diff in survivors)
    for name, place, diff in found:
        say(f"\n{'explained' if name in explained else 'survived'} `{name}`")
        say(textwrap.indent(f"{place}\n{diff}", "  "))
    return sum(name not in explained for name, *_ in found)


def _identity(item: WorkItem) -> tuple[str, str, int]:
    mutation = item.mutations[0]
    return str(mutation.module_path), mutation.operator_name, mutation.occurrence


def _room(item: WorkItem) -> str:
    module = str(item.mutations[0].module_path)
    return next(room for room in ROOMS if module == room or module.startswith(room + "/"))


if __name__ == "__main__":
    sys.exit(main())
