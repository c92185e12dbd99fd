"""What an engine says of its turns, counted."""

from collections.abc import Sized
from functools import cache
from typing import NamedTuple

from prometheus_client import Counter, Histogram

from common.metrics.measures import COMMAND_AGE_SECONDS, COMMANDS, ENGINE_RUNNING, TURN_SECONDS


class _OfMarket(NamedTuple):
    turn: Histogram
    commands: Counter
    age: Histogram


@cache
def _of(market_id: str) -> _OfMarket:
    """Found once: to find a measure by its label costs more than to add to it."""
    return _OfMarket(
        TURN_SECONDS.labels(market_id),
        COMMANDS.labels(market_id),
        COMMAND_AGE_SECONDS.labels(market_id),
    )


class CountedTurns:
    """An observer of `matching.runtime.process`, which knows nothing of Prometheus."""

    def turned(self, market_id: str, entries: Sized, age_s: float | None, turn_s: float) -> None:
        counted = _of(market_id)
        counted.turn.observe(turn_s)
        counted.commands.inc(len(entries))
        if age_s is not None:
            counted.age.observe(max(0.0, age_s))

    def stands(self, market_id: str, is_running: bool) -> None:
        ENGINE_RUNNING.labels(market_id).set(is_running)
