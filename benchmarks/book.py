"""The order book against what one writes first, from a still market to a flash crash.

One million messages (`flow`), matched without money by the engine's book (`book_loop`) and by the
baseline (`book_baseline`), which must do the same fills. The same source runs twice: as pure Python
and compiled. Then the places where a book may fall off a cliff: long queues and many levels.
"""

import os
import subprocess
import sys
from collections.abc import Sequence

import msgspec

from benchmarks.book_child import Measured
from benchmarks.report import Row, at_most, compared, main
from matching.compiling import CannotCompile, build

STAGE = "book"
FLOORS = {"pure": 3.0, "compiled": 4.0}
SOURCES = ("matching/core/book/book.py", "benchmarks/book_loop.py")

# How much more a large book may cost than a small one, each at its best of rounds in turn. Time is
# flat in theory; what is allowed beyond 1 is the memory's: a hundred thousand orders don't fit in a
# core's own cache, and neighbours take the shared one. A scan would cost a thousand times.
CLIFFS = {
    "cancel, queue of 100,000 to 10": 3.0,
    "fill, queue of 50,000 to 50": 3.0,
    "level comes and goes, 100,000 levels to 100": 4.0,
}


def run(short: bool) -> list[Row]:
    rows: list[Row] = []
    count, rounds = (200_000, 5) if short else (1_000_000, 5)
    for name, folder in builds(SOURCES).items():
        measured = _measure(count, rounds, folder)
        for scenario, (ours, base) in measured.scenarios.items():
            figure = f"{name}: {scenario}"
            rows.append(compared(STAGE, figure, ours, "ns/message", base, FLOORS[name]))
        for figure, (small, large) in measured.cliffs.items():
            told, times = f"{name}: {figure}", min(large) / min(small)
            rows.append(
                at_most(STAGE, told, times, "times", CLIFFS[figure])
                if figure in CLIFFS
                else Row(STAGE, told, times, "times")
            )
    return rows


def builds(sources: Sequence[str]) -> dict[str, str]:
    """Name → folder of extension modules, empty for none."""
    try:
        return {"pure": "", "compiled": str(build(sources))}
    except CannotCompile as reason:
        print(f"book: not compiled: {reason}", file=sys.stderr)
        return {"pure": ""}


def _measure(count: int, rounds: int, folder: str) -> Measured:
    return msgspec.json.decode(child("benchmarks.book_child", count, rounds, folder), type=Measured)


def child(module: str, *arguments: object) -> bytes:
    """What the module prints, in a process of its own that has no build but the one it is told.
    Ends this one, too, if it fails: it has said why."""
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        env={**os.environ, "MATCHING_PURE": "1"},
        stdout=subprocess.PIPE,
        check=False,
    )
    if done.returncode:
        sys.exit(done.returncode)
    return done.stdout


if __name__ == "__main__":
    main(run, "book")
