"""One index price that bankrupts a hundred positions, against few and many counterparties.

Who is deleveraged first depends on the mark, and yet must not be sorted out anew: the same hundred
bankrupts and the same fills may cost hardly more where ten times as many positions could be asked.
What is measured is the CPU time of the one command, best of some rounds, sizes in turn.
"""

import os
import subprocess
import sys

import msgspec

import matching
from benchmarks.deleveraging_child import Deleveraged
from benchmarks.report import Row, compared, main

STAGE = "deleveraging"
FEW, MANY = 2_000, 20_000
GROWTH = 1.5  # times the cost, at most, for ten times the positions


def run(short: bool) -> list[Row]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.deleveraging_child"]
        + [str(number) for number in (5 if short else 20, FEW, MANY)],
        env=dict(os.environ),
        stdout=subprocess.PIPE,
        check=True,
    )
    rounds = msgspec.json.decode(done.stdout, type=list[list[Deleveraged]])
    few, many = (min(of_size, key=lambda one: one.ms) for of_size in zip(*rounds, strict=True))
    few_ms, many_ms = ([one.ms for one in of_size] for of_size in zip(*rounds, strict=True))
    assert (few.bankrupts, few.fills) == (many.bankrupts, many.fills), "the same work"
    build = matching.RUNNING_BUILD
    rows = [
        Row(
            STAGE,
            f"{build}: {one.bankrupts} bankrupts, {one.fills} fills, {one.counterparties:,} beside",
            one.ms,
            "ms of CPU",
        )
        for one in (few, many)
    ]
    rows.append(
        compared(STAGE, f"{build}: against ten times as many", many_ms, "ms", few_ms, 1 / GROWTH)
    )
    # Inherent: every position pays or gets, and the event names each.
    figure = f"{build}: funding of {many.counterparties:,} positions"
    funded_ms = min(of_many.funded_ms for _, of_many in rounds)
    rows.append(Row(STAGE, figure, funded_ms, "ms of CPU"))
    return rows


if __name__ == "__main__":
    main(run, STAGE)
