"""What a naive engine predicts of an event, and that one is another than it predicts."""

import msgspec

from matching.messages.events import Event, OrderRefilled, OrderRested, Trade
from matching.messages.vocabulary import ExecutionType


class Differs(Exception):
    """The text says what was expected and what was published."""


def comparable(event: Event) -> Event:
    """Without what isn't predicted: arrivals count conditional orders, too, and an engine that
    started over from rows gives those anew that never rested."""
    if isinstance(event, OrderRested | OrderRefilled):
        return msgspec.structs.replace(event, arrival=0)
    if isinstance(event, Trade) and not event.taker.order_id:
        return msgspec.structs.replace(event, execution=ExecutionType.LIQUIDATION)
    return event
