"""What placing, amending or cancelling an order caused, by kind."""

from dataclasses import dataclass
from typing import TypeVar

from matching.messages.events import (
    AmendRejected,
    Event,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderRejected,
    OrderRested,
    OrderTriggered,
    Trade,
)

Kind = TypeVar("Kind")


def only(kind: type[Kind], events: tuple[Event, ...]) -> Kind:
    """The one event of this kind."""
    (event,) = every(kind, events)
    return event


def every(kind: type[Kind], events: tuple[Event, ...]) -> list[Kind]:
    return [event for event in events if isinstance(event, kind)]


@dataclass
class Placed:
    """An order, and all that placing it caused."""

    order_id: int
    events: tuple[Event, ...]

    @property
    def trades(self) -> list[Trade]:
        return [event for event in self.events if isinstance(event, Trade)]

    @property
    def fills(self) -> list[tuple[int, int]]:
        """(price, lots) of each trade."""
        return [(trade.price_ticks, trade.size_lots) for trade in self.trades]

    @property
    def cancels(self) -> list[tuple[int, str, int, int]]:
        """(order, reason, lots, remaining), also of others' orders."""
        return [
            (e.order_id, str(e.reason), e.cancelled_lots, e.remaining_lots)
            for e in self.events
            if isinstance(e, OrderCancelled)
        ]

    @property
    def accepted(self) -> OrderAccepted | None:
        return next((e for e in self.events if isinstance(e, OrderAccepted)), None)

    @property
    def rested(self) -> OrderRested | None:
        return next((e for e in self.events if isinstance(e, OrderRested)), None)

    @property
    def refused(self) -> str | None:
        return next((str(e.code) for e in self.events if isinstance(e, OrderRejected)), None)

    @property
    def amended(self) -> OrderAmended:
        return only(OrderAmended, self.events)

    @property
    def not_amended(self) -> str:
        return str(only(AmendRejected, self.events).code)

    @property
    def triggered(self) -> bool:
        return any(isinstance(e, OrderTriggered) for e in self.events)

    @property
    def names(self) -> list[str]:
        return [type(event).__name__ for event in self.events]
