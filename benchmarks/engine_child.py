"""Applies a flow of commands to one engine and counts; prints JSON. See `engine_apply`."""

import gc
import sys
import time
from collections import Counter

import msgspec

from benchmarks.engine_flow import START_MS, commands, opening
from benchmarks.flow import SCENARIOS
from matching.core.engine import Engine
from matching.core.invariants import check_invariants

SEED = 20261122


class Applied(msgspec.Struct):
    """CPU nanoseconds per command by scenario; events by name; the digest after everything."""

    costs: dict[str, float]
    events: dict[str, int]
    digests: list[str]


def measure(count: int, rounds: int) -> Applied:
    applied = Applied({}, {}, [])
    for scenario in SCENARIOS:
        flow = [*opening(), *commands(scenario, count, SEED)]
        costs = []
        for number in range(rounds):
            engine = Engine()
            apply = engine.apply
            gc.collect()
            gc.freeze()
            gc.disable()
            started = time.process_time_ns()
            for at, command in enumerate(flow):
                apply(command, START_MS + at)
            costs.append((time.process_time_ns() - started) / len(flow))
            gc.enable()
            if number == 0:
                check_invariants(engine.state)
                applied.digests.append(engine.digest())
        applied.costs[scenario.name] = min(costs)
        engine = Engine()
        counted = Counter(
            type(event).__name__
            for at, command in enumerate(flow)
            for event in engine.apply(command, START_MS + at)
        )
        applied.events = dict(counted + Counter(applied.events))
    return applied


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(measure(int(sys.argv[1]), int(sys.argv[2]))))
