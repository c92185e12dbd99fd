"""The engine without I/O: margin, positions and events, a thousand accounts.

Commands are decoded beforehand and events not encoded: what is measured is `Engine.apply`, in CPU
time, on the flow of the order-book benchmark. Both builds must end in the same state.
"""

import os
import subprocess
import sys

import msgspec

import matching
from benchmarks.engine_child import Applied
from benchmarks.report import Row, main

STAGE = "engine_apply"
FLOOR = 60_000  # commands a second, compiled


def run(short: bool) -> list[Row]:
    count, rounds = (60_000, 2) if short else (300_000, 3)
    pure = _measure(count, rounds, "1")
    measured = {"pure": pure}
    if matching.RUNNING_BUILD == "compiled":
        measured["compiled"] = _measure(count, rounds, "0")
        assert measured["compiled"].digests == pure.digests, "both builds must do the same"
    rows = []
    for name, applied in measured.items():
        speeds = {scenario: 1e9 / cost for scenario, cost in applied.costs.items()}
        worst = min(speeds, key=lambda scenario: speeds[scenario])
        for scenario, speed in speeds.items():
            beside = 1e9 / pure.costs[scenario]
            is_asked = name == "compiled" and scenario == worst
            rows.append(
                Row(
                    STAGE,
                    f"{name}: {scenario}",
                    speed,
                    "commands/s",
                    None if name == "pure" else beside,
                    None if name == "pure" else speed / beside,
                    FLOOR if is_asked else None,
                    speed >= FLOOR if is_asked else None,
                )
            )
    return rows


def _measure(count: int, rounds: int, pure: str) -> Applied:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.engine_child", str(count), str(rounds)],
        env={**os.environ, "MATCHING_PURE": pure},
        stdout=subprocess.PIPE,
        check=True,
    )
    return msgspec.json.decode(done.stdout, type=Applied)


if __name__ == "__main__":
    main(run, STAGE)
