"""Pairs of which one cancels the other, told from commands and events alone.

Slow and plain on purpose. After each entry of the stream no pair that was complete may be half
over: whichever of the two filled, fired, was refused or ended, the other ended with it, for the
reason that says so.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from msgspec import UnsetType

from matching.messages.commands import Command, PlaceOrder
from matching.messages.conditional_events import OrderAttached
from matching.messages.events import (
    Event,
    OrderAccepted,
    OrderCancelled,
    OrderRejected,
    OrderTriggered,
    OrderWaiting,
    Trade,
)
from matching.messages.vocabulary import CancelReason
from tests.matching.predicted import Differs

OF_A_PAIR = (CancelReason.OTHER_FILLED, CancelReason.OTHER_ENDED)


@dataclass
class NaivePairs:
    named: dict[int, int] = field(default_factory=dict)  # by an order, as its other
    live: set[int] = field(default_factory=set)  # were accepted, and are perhaps over
    over: set[int] = field(default_factory=set)

    def follow(self, command: Command | None, events: Iterable[Event]) -> None:
        if isinstance(command, PlaceOrder) and not isinstance(command.other_id, UnsetType):
            self.named.setdefault(command.order_id, command.other_id)
        due: dict[int, CancelReason] = {}
        for event in events:
            if isinstance(event, OrderAccepted | OrderWaiting | OrderAttached):
                self._begins(event.order_id)
            for order_id, reason in self._what_ends(event):
                if isinstance(event, OrderCancelled):
                    self._compare(event, due.pop(order_id, None))
                if order_id in self.over:
                    continue
                self.over.add(order_id)
                other_id = self._other(order_id)
                if other_id in self.live - self.over:
                    due[other_id] = reason
        if due:
            raise Differs(f"left of their pairs are {due}")

    def _begins(self, order_id: int) -> None:
        other_id = self._other(order_id)
        if order_id not in self.live and other_id and other_id in self.over:
            raise Differs(f"{order_id} was taken when its pair was over")
        self.live.add(order_id)

    def _other(self, order_id: int) -> int:
        """0 if the order it names doesn't name it."""
        other_id = self.named.get(order_id, 0)
        return other_id if self.named.get(other_id) == order_id else 0

    def _compare(self, event: OrderCancelled, expected: CancelReason | None) -> None:
        if expected is not None and event.reason is not expected:
            raise Differs(f"{event} should be for {expected}")
        if expected is None and event.reason in OF_A_PAIR:
            raise Differs(f"{event} without its pair being over")

    def _what_ends(self, event: Event) -> Iterable[tuple[int, CancelReason]]:
        match event:
            case Trade():
                for leg in (event.taker, event.maker):
                    yield leg.order_id, CancelReason.OTHER_FILLED
            case OrderTriggered():
                yield event.order_id, CancelReason.OTHER_FIRED
            case OrderRejected():
                yield event.order_id, CancelReason.OTHER_ENDED
            case OrderCancelled() if not event.remaining_lots:
                yield event.order_id, CancelReason.OTHER_ENDED
