"""What resting orders cost in memory, and what a snapshot of a million costs matching.

One engine is filled with orders of a thousand accounts; then its snapshot is taken in a child
process while it goes on matching, and an engine is started from it. Redis is a real one.

The pause is the call that forks, beside a fork that does nothing else; a restart is compared with
placing as many orders again. What matching and Redis feel meanwhile is measured beside it.
"""

import os
import subprocess
import sys

import msgspec

import matching
from benchmarks.memory_child import Filled
from benchmarks.report import Row, at_most, compared, main

STAGE = "memory"
ORDER_BYTES, ACCOUNT_BYTES = 400, 600
MEGABYTE = 1_000_000
FLOOR_OF_BARE_FORK = 0.4
FLOOR_OF_PLACING = 1.0


def run(short: bool) -> list[Row]:
    orders = 200_000 if short else 1_000_000
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.memory_child", str(orders)],
        env=dict(os.environ),
        stdout=subprocess.PIPE,
        check=True,
    )
    filled = msgspec.json.decode(done.stdout, type=Filled)
    what = f"{matching.RUNNING_BUILD}, {orders:,} orders: "
    stop = what + "matching stops for a snapshot, against a bare fork"
    restart = what + "restart from the snapshot, against placing the orders again"
    is_asked = matching.RUNNING_BUILD == "compiled"
    return [
        _cost(what + "a resting order", filled.order_bytes, "bytes", ORDER_BYTES, is_asked),
        _cost(what + "an account", filled.account_bytes, "bytes", ACCOUNT_BYTES, is_asked),
        at_most(STAGE, what + "the process", filled.resident_bytes / MEGABYTE, "MB", 1_000),
        compared(STAGE, stop, filled.fork_ms, "ms", filled.bare_fork_ms, FLOOR_OF_BARE_FORK),
        Row(STAGE, what + "the snapshot is kept after", filled.snapshot_s, "s"),
        Row(STAGE, what + "slowest command meanwhile", filled.slowest_command_ms, "ms of CPU"),
        Row(STAGE, what + "Redis' slowest answer meanwhile", filled.slowest_ping_ms, "ms"),
        compared(STAGE, restart, filled.restart_s, "s", filled.placing_s, FLOOR_OF_PLACING),
    ]


def _cost(figure: str, measured: float, unit: str, ceiling: float, is_asked: bool) -> Row:
    """Asked of the compiled build, which is what production runs."""
    if not is_asked:
        return Row(STAGE, figure, measured, unit, floor=ceiling)
    return at_most(STAGE, figure, measured, unit, ceiling)


if __name__ == "__main__":
    main(run, STAGE)
