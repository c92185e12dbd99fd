"""Applies a flow of commands to one engine and counts; prints JSON. See `engine_apply`."""

import gc
import sys
import time

import msgspec

from benchmarks.engine_flow import START_MS, commands, opening
from benchmarks.flow import SCENARIOS
from matching.core.engine import Engine
from matching.core.market.invariants import check_invariants

SEED = 20261122


class Applied(msgspec.Struct):
    """CPU nanoseconds per command by scenario; the digests after each."""

    costs: dict[str, float]
    digests: list[str]


def measure(count: int) -> Applied:
    applied = Applied({}, [])
    for scenario in SCENARIOS:
        flow = [*opening(), *commands(scenario, count, SEED)]
        engine = Engine()
        apply = engine.apply
        gc.collect()
        gc.freeze()
        gc.disable()
        started = time.process_time_ns()
        for at, command in enumerate(flow):
            apply(command, START_MS + at)
        applied.costs[scenario.name] = (time.process_time_ns() - started) / len(flow)
        gc.enable()
        check_invariants(engine.state)
        applied.digests.append(engine.digest())
    return applied


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(measure(int(sys.argv[1]))))
