"""All stages with short settings, one table: `make bench`."""

import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from benchmarks.report import Row, keep, run_stage, table

# In the life of an order, then what is kept and what is read. Each a module with `run`.
STAGES = (
    "book",
    "engine_apply",
    "deleveraging",
    "engine_loop",
    "persist",
    "intake",
    "keys",
    "gateway",
    "gateway_result",
    "gateway_streams",
    "sockets",
    "exchange",
    "feeds",
    "markets",
    "abuse",
    "memory",
    "reads",
    "metrics",
    "growth",
)


def main() -> None:
    rows: list[Row] = []
    for stage in STAGES:
        started = time.monotonic()
        # A process each: a stage settles Django on servers of its own, once for all.
        with ProcessPoolExecutor(1, get_context("spawn")) as process:
            rows += process.submit(run_stage, stage).result()
        print(f"{stage}: {time.monotonic() - started:.0f} s", file=sys.stderr)
    print(table(rows))
    print(f"\nwritten to {keep(rows, 'all')}")
    sys.exit(any(row.passed is False for row in rows))


if __name__ == "__main__":
    main()
