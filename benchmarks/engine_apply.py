"""The engine without I/O: margin, positions and events, a thousand accounts.

Commands are decoded beforehand and events not encoded: what is measured is `Engine.apply`, in CPU
time, on the flow of the order-book benchmark. Both builds must end in the same state. They run in
turn; of the compiled one is asked how many times as much it does.
"""

import os
import subprocess
import sys

import msgspec

import matching
from benchmarks.engine_child import Applied
from benchmarks.report import Row, faster, main

STAGE = "engine_apply"
FLOOR_OF_PURE = 1.4


def run(short: bool) -> list[Row]:
    count, rounds = (40_000, 5) if short else (300_000, 5)
    builds = ["pure"] + ["compiled"] * (matching.RUNNING_BUILD == "compiled")
    applied: dict[str, list[Applied]] = {build: [] for build in builds}
    for _ in range(rounds):
        for build in builds:
            applied[build].append(_measure(count, build))
    first, *others = (of_round.digests for build in builds for of_round in applied[build])
    assert all(digests == first for digests in others), "both builds must do the same"
    rows = []
    for scenario in applied["pure"][0].costs:
        speeds = {
            build: [1e9 / of_round.costs[scenario] for of_round in of_build]
            for build, of_build in applied.items()
        }
        pure = speeds["pure"]
        rows.append(Row(STAGE, f"pure: {scenario}", max(pure), "commands/s"))
        if "compiled" in speeds:
            figure, compiled = f"compiled: {scenario}", speeds["compiled"]
            rows.append(faster(STAGE, figure, compiled, "commands/s", pure, FLOOR_OF_PURE))
    return rows


def _measure(count: int, build: str) -> Applied:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.engine_child", str(count)],
        env={**os.environ, "MATCHING_PURE": str(int(build == "pure"))},
        stdout=subprocess.PIPE,
        check=True,
    )
    return msgspec.json.decode(done.stdout, type=Applied)


if __name__ == "__main__":
    main(run, STAGE)
