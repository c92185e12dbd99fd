"""What an engine says of its turns, counted."""

from common.metrics.measures import COMMAND_AGE_SECONDS, COMMANDS, ENGINE_RUNNING, TURN_SECONDS


class CountedTurns:
    """An observer of `matching.runtime.process`, which knows nothing of Prometheus."""

    def turned(self, market_id: str, commands: int, age_s: float | None, turn_s: float) -> None:
        TURN_SECONDS.labels(market_id).observe(turn_s)
        COMMANDS.labels(market_id).inc(commands)
        if age_s is not None:
            COMMAND_AGE_SECONDS.labels(market_id).observe(max(0.0, age_s))

    def stands(self, market_id: str, is_running: bool) -> None:
        ENGINE_RUNNING.labels(market_id).set(is_running)
