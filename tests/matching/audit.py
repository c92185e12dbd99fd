"""Books kept from commands and events alone, as the ledger will: whatever the engine says, money
must add up. Knows nothing of margin rules.
"""

from collections import Counter
from dataclasses import dataclass, field

from matching.messages.commands import Command, PlaceOrder
from matching.messages.events import (
    Event,
    OrderAccepted,
    OrderCancelled,
    OrderRejected,
    OrderRested,
    PositionChanged,
    Trade,
    TradeLeg,
)


@dataclass
class Audited:
    """An order, by what was said of it."""

    account_id: int
    hold: int
    left: int
    filled: int = 0
    cancelled: int = 0
    size: int = 0


@dataclass
class Audit:
    orders: dict[int, Audited] = field(default_factory=dict)
    available: Counter[int] = field(default_factory=Counter)  # below zero: as if funded by credit
    margin: Counter[int] = field(default_factory=Counter)
    lots: Counter[int] = field(default_factory=Counter)
    cost: Counter[int] = field(default_factory=Counter)
    fees: int = 0
    clearing: int = 0
    trade_id: int = 0

    def record(self, command: Command, events: tuple[Event, ...]) -> None:
        if isinstance(command, PlaceOrder) and command.order_id not in self.orders:
            self.orders[command.order_id] = Audited(
                command.account_id, command.hold_units, command.size_lots, size=command.size_lots
            )
            self.available[command.account_id] -= command.hold_units
        told: dict[int, PositionChanged] = {}
        for event in events:
            match event:
                case OrderAccepted() | OrderRested():
                    self._release(event.order_id, event.released_units)
                case OrderRejected():
                    self._release(event.order_id, event.released_units)
                    self.orders[event.order_id].left = 0
                    self.orders[event.order_id].cancelled = self.orders[event.order_id].size
                case OrderCancelled():
                    self._cancel(event)
                case Trade():
                    self._trade(event)
                case PositionChanged():
                    assert event.account_id not in told, "a position is told once an entry"
                    told[event.account_id] = event
        self._positions(events, told)
        self._sums()

    def _release(self, order_id: int, units: int) -> None:
        order = self.orders[order_id]
        assert 0 <= units <= order.hold
        order.hold -= units
        self.available[order.account_id] += units

    def _cancel(self, event: OrderCancelled) -> None:
        order = self.orders[event.order_id]
        assert event.account_id == order.account_id
        assert event.cancelled_lots > 0
        order.left -= event.cancelled_lots
        order.cancelled += event.cancelled_lots
        assert order.left == event.remaining_lots
        self._release(event.order_id, event.released_units)

    def _trade(self, trade: Trade) -> None:
        self.trade_id += 1
        assert trade.trade_id == self.trade_id
        assert trade.size_lots > 0
        assert trade.taker.account_id != trade.maker.account_id
        for leg in (trade.taker, trade.maker):
            self._leg(leg, trade.size_lots)
        sign = 1 if trade.taker_side == "LONG" else -1
        self.lots[trade.taker.account_id] += sign * trade.size_lots
        self.lots[trade.maker.account_id] -= sign * trade.size_lots

    def _leg(self, leg: TradeLeg, size_lots: int) -> None:
        order = self.orders[leg.order_id]
        assert leg.account_id == order.account_id
        order.left -= size_lots
        order.filled += size_lots
        assert order.left == leg.remaining_lots >= 0
        assert leg.fee_units >= 0
        assert 0 <= leg.hold_released_units <= order.hold
        assert leg.available_delta_units == (
            leg.hold_released_units
            + leg.realized_pnl_units
            - leg.margin_delta_units
            - leg.fee_units
        )
        assert leg.available_delta_units >= 0, "a fill never takes from the wallet"
        order.hold -= leg.hold_released_units
        self.available[leg.account_id] += leg.available_delta_units
        self.margin[leg.account_id] += leg.margin_delta_units
        self.fees += leg.fee_units
        self.clearing -= leg.realized_pnl_units

    def _positions(self, events: tuple[Event, ...], told: dict[int, PositionChanged]) -> None:
        traded = {
            leg.account_id
            for event in events
            if isinstance(event, Trade)
            for leg in (event.taker, event.maker)
        }
        assert set(told) == traded
        for account_id, event in told.items():
            assert event.position_lots == self.lots[account_id]
            assert event.margin_units == self.margin[account_id] >= 0
            self.cost[account_id] = event.entry_cost_units
            if not event.position_lots:
                assert event.margin_units == event.entry_cost_units == 0
            else:
                assert event.entry_cost_units * event.position_lots > 0

    def _sums(self) -> None:
        assert sum(self.lots.values()) == 0
        assert self.clearing == -sum(self.cost.values())
        held = sum(order.hold for order in self.orders.values())
        everything = sum(self.available.values()) + held + sum(self.margin.values())
        assert everything + self.fees + self.clearing == 0
        for order in self.orders.values():
            assert order.filled + order.cancelled + order.left == order.size
            assert order.left > 0 or order.hold == 0, "a finished order holds nothing"
            assert order.left == 0 or order.hold % order.left == 0, "so much per lot"
