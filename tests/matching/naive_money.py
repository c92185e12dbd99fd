"""A second, naive implementation of a whole market: matching, margin, positions and fees.

It answers every command with the very events the engine must answer with. Written from the rules
in fractions and flat lists, it shares no code with the engine; fill-or-kill is decided by trying
on a copy of everything.
"""

import copy
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil

from msgspec import UnsetType

from matching.messages.commands import (
    AdvanceClock,
    CancelAllOrders,
    CancelOrder,
    Command,
    ConfigureMarket,
    PlaceOrder,
    SetMarketState,
    UpdateIndexPrice,
)
from matching.messages.events import (
    CancelRejected,
    Event,
    MarketConfigured,
    MarketStateChanged,
    OrderAccepted,
    OrderCancelled,
    OrderRefilled,
    OrderRejected,
    OrderRested,
    PositionChanged,
    Trade,
    TradeLeg,
)
from matching.messages.vocabulary import (
    CancelReason,
    ExecutionType,
    MarketState,
    OrderType,
    RejectCode,
    SelfTradePrevention,
    Side,
    StateReason,
    TimeInForce,
)
from tests.matching.naive_matched import kept_of_hold, with_price
from tests.matching.naive_prices import NaivePrices
from tests.matching.naive_rules import MILLION, Outcome, Resting


@dataclass
class NaiveExchange(NaivePrices):
    seen_orders: set[int] = field(default_factory=set)
    seen_commands: set[int] = field(default_factory=set)
    arrivals: int = 0
    trades: int = 0
    events: list[Event] = field(default_factory=list)
    moved: list[int] = field(default_factory=list)  # accounts whose position changed, in order

    def apply(self, command: Command, now_ms: int) -> tuple[Event, ...]:
        self.moved = []
        self.events = [*self.look_at_clock(now_ms)]
        if isinstance(command, PlaceOrder):
            if command.order_id not in self.seen_orders:
                self.seen_orders.add(command.order_id)
                self.place(command)
        elif isinstance(command, UpdateIndexPrice):
            if self.state is not MarketState.HALTED:
                self.events += self.take_index(command.index_price_ticks, now_ms)
        elif isinstance(command, AdvanceClock):
            pass  # what it does, the clock has done
        elif command.command_id not in self.seen_commands:
            self.seen_commands.add(command.command_id)
            self.other(command)
        for account_id in self.moved:
            holding = self.holdings[account_id]
            self.events.append(
                PositionChanged(
                    account_id=account_id,
                    position_lots=holding.lots,
                    entry_cost_units=holding.cost,
                    margin_units=holding.margin,
                )
            )
        return tuple(self.events)

    def other(self, command: Command) -> None:
        match command:
            case ConfigureMarket(config=config):
                self.config = config
                self.events.append(MarketConfigured(config_version=config.config_version))
            case SetMarketState(state=state):
                self.events.append(
                    MarketStateChanged(
                        state=state, previous_state=self.state, reason=StateReason.OPERATOR
                    )
                )
                self.state = state
            case CancelOrder(order_id=order_id, account_id=account_id):
                found = [o for o in self.book if o.order_id == order_id]
                if found and found[0].account_id == account_id:
                    self.cancel(found[0], command.reason)
                    return
                code = RejectCode.NOT_ORDER_OWNER if found else RejectCode.UNKNOWN_ORDER
                self.events.append(
                    CancelRejected(order_id=order_id, account_id=account_id, code=code)
                )
            case CancelAllOrders(account_id=account_id):
                mine = [o for o in self.book if o.account_id == account_id]
                for order in sorted(mine, key=lambda o: o.arrival):
                    self.cancel(order, command.reason)

    # -------------------------------------------------------------------------------- placing

    def place(self, c: PlaceOrder) -> None:
        c, no_price = with_price(self.book, c)
        code = self.refusal(c) or no_price
        if code is not None:
            self.events.append(
                OrderRejected(
                    order_id=c.order_id,
                    account_id=c.account_id,
                    code=code,
                    released_units=c.hold_units,
                )
            )
            return
        self.arrivals += 1
        reserve = kept_of_hold(self, c)
        order = Resting(
            c.order_id,
            c.account_id,
            1 if c.side is Side.LONG else -1,
            c.price_ticks,
            c.size_lots,
            reserve,
            c.margin_units // c.size_lots,
            c.leverage,
            c.reduce_only,
            self.arrivals,
            c.maker_fee_ppm,
            c.taker_fee_ppm,
            0 if isinstance(c.visible_lots, UnsetType) else c.visible_lots,
        )
        self.events.append(
            OrderAccepted(
                order_id=c.order_id,
                account_id=c.account_id,
                side=c.side,
                price_ticks=c.price_ticks,
                size_lots=c.size_lots,
                released_units=c.hold_units - reserve * c.size_lots,
            )
        )
        self.meet(order, c)

    def meet(self, order: Resting, c: PlaceOrder) -> None:
        """The order comes to the book; what is left of it rests or goes."""
        if c.reduce_only:
            excess = order.left - self.holding(c.account_id).closable(order.sign)
            if excess > 0:
                self.cancel(order, CancelReason.REDUCE_ONLY, excess)
        reason = self.execute(order, c)
        if order.left and reason is not None:
            self.cancel(order, reason)
        elif order.left:
            self.rest(order)

    def execute(self, order: Resting, c: PlaceOrder) -> CancelReason | None:
        if c.time_in_force is TimeInForce.GTX:
            return CancelReason.POST_ONLY_WOULD_TAKE if self.reached(order) else None
        if c.time_in_force is TimeInForce.FOK:
            trial = copy.deepcopy(self)
            taker = copy.deepcopy(order)
            trial.take(taker, c.self_trade_prevention)
            if taker.left:
                return CancelReason.FOK_UNFILLED
        reason = self.take(order, c.self_trade_prevention)
        if reason is None and (
            c.order_type is OrderType.MARKET or c.time_in_force is not TimeInForce.GTC
        ):
            return CancelReason.IOC_REMAINDER
        return reason

    def rest(self, order: Resting) -> None:
        assert self.config is not None
        need = 0
        if not order.reduce_only:
            value = self.config.units_per_tick_lot * order.price
            margin = order.named or ceil(Fraction(value, order.leverage))
            fee = ceil(Fraction(value * order.taker_fee_ppm, MILLION))
            need = margin + self.loss_at_mark(order.sign, order.price, 1) + fee
        released = max(0, order.reserve - need) * order.left
        order.reserve = min(order.reserve, need)
        self.show(order, order.visible)
        self.book.append(order)
        self.events.append(
            OrderRested(
                order_id=order.order_id,
                account_id=order.account_id,
                side=Side.LONG if order.sign > 0 else Side.SHORT,
                price_ticks=order.price,
                remaining_lots=order.left,
                arrival=order.arrival,
                released_units=released,
            )
        )
        self.trim(order.account_id)

    def show(self, order: Resting, visible: int) -> None:
        """In parts counted from its first lot; 0: all."""
        order.visible = visible
        order.shown = min(order.left, visible - order.filled % visible) if visible else order.left

    # ------------------------------------------------------------------------------- matching

    def reached(self, taker: Resting) -> list[Resting]:
        """Resting orders the taker's limit reaches, in the order it meets them."""
        reached = [
            o
            for o in self.book
            if o.sign == -taker.sign and (taker.price - o.price) * taker.sign >= 0
        ]
        return sorted(reached, key=lambda o: (o.price * taker.sign, o.arrival))

    def take(self, taker: Resting, prevention: SelfTradePrevention) -> CancelReason | None:
        lowest, highest = self.band()
        while taker.left:
            makers = self.reached(taker)
            if not makers:
                return None
            maker = makers[0]
            if not lowest <= maker.price <= highest:
                too_far_for_taker = (maker.price > highest) == (taker.sign > 0)
                if too_far_for_taker:
                    return CancelReason.PRICE_BAND
                self.cancel(maker, CancelReason.PRICE_BAND)
            elif maker.account_id == taker.account_id:
                if prevention is not SelfTradePrevention.EXPIRE_TAKER:
                    self.cancel(maker, CancelReason.SELF_TRADE)
                if prevention is not SelfTradePrevention.EXPIRE_MAKER:
                    return CancelReason.SELF_TRADE
            elif (reason := self.trade(taker, maker)) is not None:
                return reason
        return None

    def trade(self, taker: Resting, maker: Resting) -> CancelReason | None:
        wanted = min(taker.left, maker.shown)
        if taker.reduce_only:
            wanted = min(wanted, self.holding(taker.account_id).closable(taker.sign))
            if not wanted:
                return CancelReason.REDUCE_ONLY
        price = maker.price
        taken = self.outcome(taker, price, wanted, taker.taker_fee_ppm)
        if taken is None:
            return CancelReason.UNAFFORDABLE
        # A rebate never exceeds what the taker pays for the same lots.
        maker_fee_ppm = max(maker.maker_fee_ppm, -taker.taker_fee_ppm)
        made = self.outcome(maker, price, taken.lots, maker_fee_ppm)
        if made is not None and made.lots < taken.lots:
            taken = self.outcome(taker, price, made.lots, taker.taker_fee_ppm)
            if taken is None:
                return CancelReason.UNAFFORDABLE
        if made is None:
            self.cancel(maker, CancelReason.UNAFFORDABLE)
            return None
        self.trades += 1
        self.last = price
        legs = [self.settle(taker, taken), self.settle(maker, made)]
        self.events.append(
            Trade(
                trade_id=self.trades,
                execution=ExecutionType.TRADE,
                price_ticks=price,
                size_lots=taken.lots,
                taker_side=Side.LONG if taker.sign > 0 else Side.SHORT,
                taker=legs[0],
                maker=legs[1],
            )
        )
        self.refill(maker)
        self.trim(taker.account_id)
        self.trim(maker.account_id)
        return None

    def refill(self, maker: Resting) -> None:
        """The next part of what it hides, behind all others."""
        if maker.shown or not maker.left:
            return
        self.arrivals += 1
        maker.shown, maker.arrival = min(maker.visible, maker.left), self.arrivals
        told = OrderRefilled(
            order_id=maker.order_id, account_id=maker.account_id, arrival=maker.arrival
        )
        self.events.append(told)

    def settle(self, order: Resting, outcome: Outcome) -> TradeLeg:
        before = self.holding(order.account_id)
        margin_delta = outcome.after.margin - before.margin
        released = order.reserve * outcome.lots
        self.holdings[order.account_id] = outcome.after
        if order.account_id not in self.moved:
            self.moved.append(order.account_id)
        order.shown = max(0, order.shown - outcome.lots)
        order.filled += outcome.lots
        self.shrink(order, outcome.lots)
        return TradeLeg(
            order_id=order.order_id,
            account_id=order.account_id,
            remaining_lots=order.left,
            hold_released_units=released,
            margin_delta_units=margin_delta,
            realized_pnl_units=outcome.pnl,
            fee_units=outcome.fee,
            available_delta_units=released + outcome.pnl - margin_delta - outcome.fee,
        )

    def trim(self, account_id: int) -> None:
        """One reduce-only order after the other, the least likely to fill first."""
        holding = self.holding(account_id)
        mine = [o for o in self.book if o.account_id == account_id and o.reduce_only]
        for order in sorted(mine, key=lambda o: (o.price * o.sign, -o.arrival)):
            total = sum(o.left for o in mine)
            excess = min(order.left, total - holding.closable(order.sign))
            if excess > 0:
                self.cancel(order, CancelReason.REDUCE_ONLY, excess)

    def shrink(self, order: Resting, lots: int) -> None:
        order.left -= lots
        order.shown = min(order.shown, order.left)  # what is hidden goes first
        if not order.left:
            self.book = [o for o in self.book if o is not order]

    def cancel(self, order: Resting, reason: CancelReason, lots: int | None = None) -> None:
        gone = order.left if lots is None else lots
        self.shrink(order, gone)
        self.events.append(
            OrderCancelled(
                order_id=order.order_id,
                account_id=order.account_id,
                reason=reason,
                cancelled_lots=gone,
                remaining_lots=order.left,
                released_units=order.reserve * gone,
            )
        )
