"""An engine's turns as stages of orders' traces. See `common.tracing`."""

import time
from collections.abc import Iterable, Sequence

from common.tracing.stages import Stage, tell_stage
from matching.messages.codec import UndecodableMessage, decode_command
from matching.messages.commands import named_order
from matching.messages.streams import COMMAND_FIELD
from matching.runtime.reader import InputEntry


class TracedTurns:
    """An observer of `matching.runtime.process`. What a turn's commands name is read once more, of
    engines that trace; an order that a command only touches, as its counterparty, is told of in
    the later stages."""

    def turned(
        self,
        market_id: str,
        entries: Sequence[InputEntry],
        age_s: float | None,  # noqa: ARG002  as all of them
        turn_s: float,
    ) -> None:
        ended_ns = time.time_ns()
        began_ns = ended_ns - int(turn_s * 1e9)
        tell_stage(Stage.MATCH, _named(entries), began_ns, ended_ns, market_id)

    def stands(self, market_id: str, is_running: bool) -> None:
        """No stage of an order."""


def _named(entries: Iterable[InputEntry]) -> set[int]:
    named = set()
    for _, fields in entries:
        try:
            named.add(named_order(decode_command(fields.get(COMMAND_FIELD, b""))))
        except UndecodableMessage:
            continue  # told by the engine, as a dead letter
    return named - {0}
