"""Calls that are answered, as stages of their orders' traces. See `common.tracing`."""

import time
from collections.abc import Sequence

from common.tracing.stages import Stage, are_traced, tell_stage
from trading.intake.group import Call


def trace_answered(calls: Sequence[Call]) -> None:
    """Nothing where nothing is traced. A batch's orders have each its own."""
    if not are_traced():
        return
    ended_ns = time.time_ns()
    for call in calls:
        tell_stage(Stage.PLACE, call.placed, call.arrived_ns, ended_ns)
        tell_stage(Stage.CHANGE, call.changed, call.arrived_ns, ended_ns)
