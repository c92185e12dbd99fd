"""Books kept from commands and events alone, as the ledger will: whatever the engine says, money
must add up. Knows nothing of margin rules; knows that nobody is filled outside the price band or
worse than the limit, and that no event takes from a wallet.
"""

from collections import Counter
from dataclasses import dataclass, field

from matching.messages.commands import (
    ActivateOrder,
    AdjustMargin,
    AdvanceClock,
    AmendOrder,
    Command,
    ConfigureMarket,
    PlaceOrder,
    UpdateIndexPrice,
)
from matching.messages.conditional_events import (
    ConditionalAmended,
    CoverChanged,
    OrderAttached,
)
from matching.messages.events import (
    ActivationRejected,
    AmendRejected,
    Event,
    FundingSettled,
    InsuranceFunded,
    MarginAdjusted,
    MarginAdjustmentRejected,
    MarketConfigured,
    MarkPriceChanged,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderRejected,
    OrderRested,
    OrderTriggered,
    OrderWaiting,
    PositionChanged,
    PositionLiquidated,
    PositionSettled,
    Trade,
    TradeLeg,
)
from matching.messages.vocabulary import ExecutionType, RejectCode
from tests.matching.naive_settlement import naive_payments

MILLION = 1_000_000


@dataclass
class Audited:
    """An order, by what was said of it."""

    account_id: int
    hold: int
    left: int
    filled: int = 0
    cancelled: int = 0
    size: int = 0
    is_long: bool = True
    limit: int = 0


@dataclass
class Audit:
    orders: dict[int, Audited] = field(default_factory=dict)
    available: Counter[int] = field(default_factory=Counter)  # below zero: as if funded by credit
    margin: Counter[int] = field(default_factory=Counter)
    lots: Counter[int] = field(default_factory=Counter)
    cost: Counter[int] = field(default_factory=Counter)
    fees: int = 0
    clearing: int = 0
    insurance: int = 0
    deposits: int = 0  # of the insurance fund; traders are funded by credit
    held: int = 0
    brought: int = 0  # by the command of this entry, not yet used or given back
    trade_id: int = 0
    mark: int = 0
    band_ppm: int = 0
    units_per_tick_lot: int = 0
    seen: set[int] = field(default_factory=set)
    touched: set[int] = field(default_factory=set)

    def record(self, command: Command | None, events: tuple[Event, ...]) -> None:
        """None: the entry was no command."""
        self.touched.clear()
        is_repeat = command is not None and not self._bring(command)
        told: dict[int, PositionChanged] = {}
        settled = [event for event in events if isinstance(event, PositionSettled)]
        moved = any(isinstance(event, Trade) for event in events)
        for event in events:
            if settled and event is settled[0]:
                self._settlement(settled, None if moved else self.cost)
            if is_repeat and getattr(event, "code", None) is RejectCode.TOO_OLD:
                continue  # what it brought was used or given back the first time
            if isinstance(event, PositionChanged):
                assert event.account_id not in told, "a position is told once an entry"
                told[event.account_id] = event
            elif isinstance(event, MarketConfigured) and isinstance(command, ConfigureMarket):
                self.band_ppm = command.config.price_band_ppm
                self.units_per_tick_lot = command.config.units_per_tick_lot
            elif isinstance(event, MarkPriceChanged):
                self.mark = event.mark_price_ticks
            else:
                self._of_order(command, event)
                self._of_money(event)
        self._positions(events, told)
        self._sums()

    def _bring(self, command: Command) -> bool:
        """Money that left the wallet before the command was sent; a repeat (False) brings none."""
        if isinstance(command, PlaceOrder):
            if command.order_id in self.orders:
                return False
            self.orders[command.order_id] = Audited(
                command.account_id, 0, command.size_lots, size=command.size_lots
            )
            self._hold(command.order_id, command.hold_units)
            self.available[command.account_id] -= command.hold_units
            return True
        if isinstance(command, (UpdateIndexPrice, AdvanceClock)):
            return True
        if command.command_id in self.seen:
            return False
        self.seen.add(command.command_id)
        if isinstance(command, ActivateOrder | AmendOrder):
            self.brought = command.hold_units
            self.available[command.account_id] -= self.brought
        elif isinstance(command, AdjustMargin):
            self.brought = max(0, command.amount_units)
            self.available[command.account_id] -= self.brought
        return True

    def _hold(self, order_id: int, units: int) -> None:
        order = self.orders[order_id]
        order.hold += units
        self.held += units
        self.touched.add(order_id)
        assert order.hold >= 0

    def _release(self, order_id: int, units: int) -> None:
        assert units >= 0
        self._hold(order_id, -units)
        self.available[self.orders[order_id].account_id] += units

    def _use(self, units: int) -> int:
        assert 0 <= units <= self.brought
        self.brought -= units
        return units

    # ------------------------------------------------------------------------------- of orders

    def _of_order(self, command: Command | None, event: Event) -> None:
        match event:
            case OrderAccepted():
                order = self.orders[event.order_id]
                if isinstance(command, ActivateOrder) and command.order_id == event.order_id:
                    self._hold(event.order_id, self._use(command.hold_units))
                order.size = order.left = event.size_lots
                order.is_long, order.limit = event.side == "LONG", event.price_ticks
                self._release(event.order_id, event.released_units)
            case OrderRested():
                assert event.remaining_lots == self.orders[event.order_id].left
                self._release(event.order_id, event.released_units)
            case OrderWaiting() | OrderAttached():
                self._release(event.order_id, event.released_units)
            case OrderTriggered():
                assert self.orders[event.order_id].hold == 0
                assert event.size_lots > 0
                self.orders[event.order_id].size = event.size_lots
                self.orders[event.order_id].left = event.size_lots
            case OrderRejected():
                if isinstance(command, ActivateOrder) and command.order_id == event.order_id:
                    self._hold(event.order_id, self._use(command.hold_units))
                order = self.orders[event.order_id]
                order.cancelled, order.left = order.left, 0
                self._release(event.order_id, event.released_units)
            case OrderCancelled():
                self._cancel(event)
            case OrderAmended() | ConditionalAmended() | CoverChanged():
                self._amend(event)

    def _cancel(self, event: OrderCancelled) -> None:
        order = self.orders[event.order_id]
        assert event.account_id == order.account_id
        assert event.cancelled_lots > 0
        order.left -= event.cancelled_lots
        order.cancelled += event.cancelled_lots
        assert order.left == event.remaining_lots
        self._release(event.order_id, event.released_units)

    def _amend(self, event: OrderAmended | ConditionalAmended | CoverChanged) -> None:
        order = self.orders[event.order_id]
        assert event.account_id == order.account_id
        if not isinstance(event, OrderAmended):
            if isinstance(event, CoverChanged):
                size = event.covered_lots or order.size
            else:
                size = event.size_lots
            assert order.hold == order.filled == 0
            order.size = order.left = size
            return
        self._hold(event.order_id, self._use(event.brought_units))
        order.size, order.left, order.cancelled = event.size_lots, event.remaining_lots, 0
        order.limit = event.price_ticks
        self._release(event.order_id, event.released_units)

    # -------------------------------------------------------------------------------- of money

    def _of_money(self, event: Event) -> None:
        match event:
            case Trade():
                self._trade(event)
            case AmendRejected() | ActivationRejected() | MarginAdjustmentRejected():
                self.available[event.account_id] += self._use(event.released_units)
            case MarginAdjusted():
                self.margin[event.account_id] += event.amount_units
                if event.amount_units > 0:
                    self._use(event.amount_units)
                else:
                    self.available[event.account_id] -= event.amount_units
                assert self.margin[event.account_id] == event.margin_units
            case InsuranceFunded():
                self.insurance += event.amount_units
                self.deposits += event.amount_units
                assert self.insurance == event.insurance_units
            case PositionSettled():
                assert event.position_lots == self.lots[event.leg.account_id] != 0
                self._money(event.leg)
                self.lots[event.leg.account_id] = 0
            case FundingSettled():
                self._funding(event)
            case PositionLiquidated():
                assert event.equity_units < event.maintenance_units + event.fee_reserve_units
                closed = event.filled_lots + event.deleveraged_lots
                assert abs(event.position_lots) == closed + abs(event.left_lots)
                assert event.left_lots == self.lots[event.account_id]

    def _trade(self, trade: Trade) -> None:
        self.trade_id += 1
        assert trade.trade_id == self.trade_id
        assert trade.size_lots > 0
        assert trade.taker.account_id != trade.maker.account_id
        sign = 1 if trade.taker_side == "LONG" else -1
        if trade.execution is ExecutionType.ADL:
            assert trade.taker.order_id == trade.maker.order_id == 0
            for leg in (trade.taker, trade.maker):
                assert leg.fee_units == 0, "a deleveraging costs no fee"
        else:
            self._fill(trade, trade.maker, is_long=sign < 0)
            if trade.execution is ExecutionType.TRADE:
                self._fill(trade, trade.taker, is_long=sign > 0)
            else:
                assert trade.taker.order_id == 0
            assert self.mark * (MILLION - self.band_ppm) <= trade.price_ticks * MILLION
            assert trade.price_ticks * MILLION <= self.mark * (MILLION + self.band_ppm)
        assert trade.taker.fee_units + trade.maker.fee_units >= 0, "no rebate beyond the fee"
        self._money(trade.taker)
        self._money(trade.maker)
        self.lots[trade.taker.account_id] += sign * trade.size_lots
        self.lots[trade.maker.account_id] -= sign * trade.size_lots

    def _fill(self, trade: Trade, leg: TradeLeg, is_long: bool) -> None:
        order = self.orders[leg.order_id]
        assert leg.account_id == order.account_id
        assert order.is_long is is_long
        if is_long:
            assert trade.price_ticks <= order.limit
        else:
            assert trade.price_ticks >= order.limit
        order.left -= trade.size_lots
        order.filled += trade.size_lots
        assert order.left == leg.remaining_lots >= 0
        self._hold(leg.order_id, -leg.hold_released_units)

    def _money(self, leg: TradeLeg) -> None:
        assert leg.hold_released_units >= 0
        assert leg.order_id or leg.hold_released_units == 0
        assert leg.available_delta_units == (
            leg.hold_released_units
            + leg.realized_pnl_units
            - leg.margin_delta_units
            - leg.fee_units
            - leg.insurance_delta_units
        )
        assert leg.available_delta_units >= 0, "a fill never takes from the wallet"
        self.available[leg.account_id] += leg.available_delta_units
        self.margin[leg.account_id] += leg.margin_delta_units
        self.fees += leg.fee_units
        self.insurance += leg.insurance_delta_units
        self.clearing -= leg.realized_pnl_units
        assert self.insurance >= 0, "the fund pays only what it has"

    def _settlement(self, settled: list[PositionSettled], costs: Counter[int] | None) -> None:
        """All positions, as they are before the first of these events, by a definition of its own;
        without costs where the same entry has changed them."""
        assert {event.leg.account_id for event in settled} == {a for a in self.lots if self.lots[a]}
        worths, payments = {}, {}
        for event in settled:
            account_id, pnl = event.leg.account_id, event.leg.realized_pnl_units
            value = self.units_per_tick_lot * self.lots[account_id] * event.price_ticks
            assert costs is None or pnl == value - costs[account_id]
            assert event.leg.margin_delta_units == -self.margin[account_id]
            worths[account_id] = self.margin[account_id] + pnl
            payments[account_id] = event.leg.insurance_delta_units
        assert payments == naive_payments(worths, self.insurance)

    def _funding(self, event: FundingSettled) -> None:
        assert sum(payment.amount_units for payment in event.payments) == 0
        paid = {payment.account_id for payment in event.payments}
        positioned = {account_id for account_id, lots in self.lots.items() if lots}
        assert paid == (positioned if event.per_lot_units else set())
        for payment in event.payments:
            account_id = payment.account_id
            assert payment.amount_units == -self.lots[account_id] * event.per_lot_units
            assert payment.from_profit_units >= 0
            self.margin[account_id] += payment.amount_units + payment.from_profit_units
            self.cost[account_id] += payment.from_profit_units
            self.clearing -= payment.from_profit_units
            assert self.margin[account_id] == payment.margin_units >= 0
            assert self.cost[account_id] == payment.entry_cost_units

    # ----------------------------------------------------------------------------------- sums

    def _positions(self, events: tuple[Event, ...], told: dict[int, PositionChanged]) -> None:
        moved: set[int] = set()
        for event in events:
            match event:
                case Trade():
                    moved |= {event.taker.account_id, event.maker.account_id}
                case PositionSettled():
                    moved.add(event.leg.account_id)
                case MarginAdjusted():
                    moved.add(event.account_id)
        assert set(told) == moved
        for account_id, changed in told.items():
            assert changed.position_lots == self.lots[account_id]
            assert changed.margin_units == self.margin[account_id] >= 0
            self.cost[account_id] = changed.entry_cost_units
            if not changed.position_lots:
                assert changed.margin_units == changed.entry_cost_units == 0

    def _sums(self) -> None:
        assert self.brought == 0, "what a command brings is used or given back"
        assert sum(self.lots.values()) == 0
        assert self.clearing == -sum(self.cost.values())
        traders = sum(self.available.values()) + self.held + sum(self.margin.values())
        assert traders + self.insurance + self.fees + self.clearing == self.deposits
        for order_id in self.touched:
            order = self.orders[order_id]
            assert order.filled + order.cancelled + order.left == order.size
            assert order.left > 0 or order.hold == 0, "a finished order holds nothing"
            assert order.left == 0 or order.hold % order.left == 0, "so much per lot"
