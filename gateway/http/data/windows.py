"""Stretches of time as the venue asks for them: both ends are in, in milliseconds."""

from common.postgres.windows import Window
from gateway.asking.params import Params
from gateway.words.errors import GatewayRefusal, VenueError
from markets.conversions import at_ms
from matching.messages.limits import MAX_TIME_MS

_BACKWARDS = VenueError(400, -1023, "Start time is greater than end time.")


MAX_END_MS = MAX_TIME_MS - 1


def window_asked(params: Params) -> Window:
    """Raises GatewayRefusal."""
    start_ms, end_ms = params.time_ms("startTime"), params.time_ms("endTime")
    if start_ms is not None and end_ms is not None and start_ms > end_ms:
        raise GatewayRefusal(_BACKWARDS)
    return Window(
        None if start_ms is None else at_ms(start_ms),
        None if end_ms is None else at_ms(min(end_ms, MAX_END_MS) + 1),
    )
