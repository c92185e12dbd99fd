"""What take-profits and stop-losses attached to an entry cover, told from the fills alone.

Slow and plain on purpose. Positions are summed up from trades; after each entry of the stream every
attached order must have been told exactly what this finds, and none may be left over.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from matching.messages.conditional_events import CoverChanged, OrderAttached
from matching.messages.events import (
    Event,
    OrderCancelled,
    OrderRejected,
    OrderTriggered,
    PositionSettled,
    Trade,
)
from tests.matching.predicted import Differs


@dataclass
class Attached:
    account_id: int
    parent_id: int
    protects_long: bool
    covered: int = 0
    told: int = 0


@dataclass
class NaiveAttached:
    lots: Counter[int] = field(default_factory=Counter)
    orders: dict[int, Attached] = field(default_factory=dict)
    filled: Counter[int] = field(default_factory=Counter)
    ended: set[int] = field(default_factory=set)

    def follow(self, sides: dict[int, bool], events: Iterable[Event]) -> None:
        """``sides``: of every order that is known, whether it buys."""
        fired: set[int] = set()
        for event in events:
            match event:
                case OrderAttached():
                    order = Attached(event.account_id, event.parent_id, not sides[event.order_id])
                    order.covered = min(self.filled[event.parent_id], self._room(order))
                    self.orders[event.order_id] = order
                case CoverChanged():
                    self.orders[event.order_id].told = event.covered_lots
                case Trade():
                    self._trade(event, sides)
                case PositionSettled():
                    self.lots[event.leg.account_id] = 0
                case OrderTriggered() | OrderCancelled() | OrderRejected():
                    self._end(event, fired)
        for order_id, order in self.orders.items():
            self._require_told(order_id, order, fired)

    def _end(self, event: OrderTriggered | OrderCancelled | OrderRejected, fired: set[int]) -> None:
        found = self.orders.pop(event.order_id, None)
        if isinstance(event, OrderTriggered):
            if found is not None:
                fired.add(found.parent_id)
        elif not getattr(event, "remaining_lots", 0):
            self.ended.add(event.order_id)

    def _require_told(self, order_id: int, order: Attached, fired: set[int]) -> None:
        order.covered = min(order.covered, self._room(order))
        if order.covered != order.told:
            raise Differs(f"{order_id} covers {order.covered}, told {order}")
        if order.parent_id in fired:
            raise Differs(f"{order_id} is left of an entry of which one fired")
        if not order.covered and order.parent_id in self.ended:
            raise Differs(f"{order_id} sleeps by an entry that has ended")

    def _room(self, order: Attached) -> int:
        lots = self.lots[order.account_id]
        return max(0, lots if order.protects_long else -lots)

    def _trade(self, trade: Trade, buys: dict[int, bool]) -> None:
        sign = 1 if trade.taker_side == "LONG" else -1
        self.lots[trade.taker.account_id] += sign * trade.size_lots
        self.lots[trade.maker.account_id] -= sign * trade.size_lots
        for leg in (trade.taker, trade.maker):
            if not leg.order_id:
                continue
            if leg.order_id not in buys:
                raise Differs(f"{trade} is of an order that nobody sent")
            self.filled[leg.order_id] += trade.size_lots
            if not leg.remaining_lots:
                self.ended.add(leg.order_id)
            for order in self.orders.values():
                is_mine = (leg.account_id, buys[leg.order_id]) == (
                    order.account_id,
                    order.protects_long,
                )
                if order.parent_id == leg.order_id and is_mine:
                    order.covered = min(order.covered + trade.size_lots, self._room(order))
