"""A second, naive implementation of a whole market: matching, margin, positions and fees.

It answers every command with the very events the engine must answer with. Written from the rules
in fractions and flat lists, it shares no code with the engine; fill-or-kill is decided by trying
on a copy of everything.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor

from matching.messages.commands import (
    CancelAllOrders,
    CancelOrder,
    Command,
    ConfigureMarket,
    MarketConfig,
    PlaceOrder,
    SetMarketState,
    UpdateIndexPrice,
)
from matching.messages.events import (
    CancelRejected,
    Event,
    MarketConfigured,
    MarketStateChanged,
    MarkPriceChanged,
    OrderAccepted,
    OrderCancelled,
    OrderRejected,
    OrderRested,
    PositionChanged,
    Trade,
    TradeLeg,
)
from matching.messages.vocabulary import (
    CancelReason,
    MarketState,
    OrderType,
    RejectCode,
    SelfTradePrevention,
    Side,
    TimeInForce,
)

MILLION = 1_000_000


@dataclass
class Resting:
    order_id: int
    account_id: int
    sign: int  # +1 buys, −1 sells
    price: int
    left: int
    reserve: int
    named: int
    leverage: int
    reduce_only: bool
    arrival: int


@dataclass
class Holding:
    lots: int = 0
    cost: int = 0
    margin: int = 0

    def closable(self, sign: int) -> int:
        return abs(self.lots) if self.lots * sign < 0 else 0


@dataclass
class Outcome:
    """One side of a fill: how much of it, what it leaves, and the money."""

    lots: int
    after: Holding
    pnl: int
    fee: int


@dataclass
class NaiveExchange:
    config: MarketConfig | None = None
    state: MarketState = MarketState.PRE_OPEN
    mark: int = 0
    book: list[Resting] = field(default_factory=list)
    holdings: dict[int, Holding] = field(default_factory=dict)
    seen_orders: set[int] = field(default_factory=set)
    seen_commands: set[int] = field(default_factory=set)
    arrivals: int = 0
    trades: int = 0
    events: list[Event] = field(default_factory=list)
    moved: list[int] = field(default_factory=list)  # accounts whose position changed, in order

    def apply(self, command: Command) -> tuple[Event, ...]:
        self.events, self.moved = [], []
        if isinstance(command, PlaceOrder):
            if command.order_id not in self.seen_orders:
                self.seen_orders.add(command.order_id)
                self.place(command)
        elif isinstance(command, UpdateIndexPrice):
            if self.state is not MarketState.HALTED:
                self.mark = command.index_price_ticks
                self.events.append(
                    MarkPriceChanged(mark_price_ticks=self.mark, index_price_ticks=self.mark)
                )
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

    def other(
        self, command: ConfigureMarket | SetMarketState | CancelOrder | CancelAllOrders
    ) -> None:
        match command:
            case ConfigureMarket(config=config):
                self.config = config
                self.events.append(MarketConfigured(config_version=config.config_version))
            case SetMarketState(state=state):
                self.events.append(MarketStateChanged(state=state, previous_state=self.state))
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
        code = self.refusal(c)
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
        order = Resting(
            c.order_id,
            c.account_id,
            1 if c.side is Side.LONG else -1,
            c.price_ticks,
            c.size_lots,
            c.hold_units // c.size_lots,
            c.margin_units // c.size_lots,
            c.leverage,
            c.reduce_only,
            self.arrivals,
        )
        self.events.append(
            OrderAccepted(
                order_id=c.order_id,
                account_id=c.account_id,
                side=c.side,
                price_ticks=c.price_ticks,
                size_lots=c.size_lots,
                released_units=c.hold_units % c.size_lots,
            )
        )
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
            fee = ceil(Fraction(value * self.config.taker_fee_ppm, MILLION))
            need = margin + self.loss_at_mark(order.sign, order.price, 1) + fee
        released = max(0, order.reserve - need) * order.left
        order.reserve = min(order.reserve, need)
        self.book.append(order)
        self.events.append(
            OrderRested(
                order_id=order.order_id,
                account_id=order.account_id,
                side=Side.LONG if order.sign > 0 else Side.SHORT,
                price_ticks=order.price,
                remaining_lots=order.left,
                released_units=released,
            )
        )
        self.trim(order.account_id)

    def refusal(self, c: PlaceOrder) -> RejectCode | None:
        config = self.config
        if config is None:
            return RejectCode.MARKET_NOT_CONFIGURED
        accepted = {
            MarketState.ACTIVE: True,
            MarketState.POST_ONLY: c.time_in_force is TimeInForce.GTX,
            MarketState.REDUCE_ONLY: c.reduce_only,
        }
        checks: list[tuple[RejectCode, Callable[[], bool]]] = [
            (RejectCode.MARKET_STATE, lambda: not accepted.get(self.state, False)),
            (RejectCode.NO_MARK_PRICE, lambda: self.mark == 0),
            (
                RejectCode.INVALID_SIZE,
                lambda: not config.min_size_lots <= c.size_lots <= config.max_size_lots,
            ),
            (RejectCode.INVALID_LEVERAGE, lambda: c.leverage > config.max_leverage),
            (RejectCode.MIN_NOTIONAL, lambda: not c.reduce_only and self.too_little(c)),
            (RejectCode.PRICE_OUTSIDE_BAND, lambda: self.limit_outside_band(c)),
            (
                RejectCode.REDUCE_ONLY_NO_POSITION,
                lambda: c.reduce_only and not self.closable_by(c),
            ),
            (
                RejectCode.MAX_OPEN_ORDERS,
                lambda: (
                    sum(o.account_id == c.account_id for o in self.book) >= config.max_open_orders
                ),
            ),
            (
                RejectCode.MAX_OPEN_INTEREST,
                lambda: not c.reduce_only and self.too_much_interest(c),
            ),
            (RejectCode.INSUFFICIENT_MARGIN, lambda: not c.reduce_only and self.thin_margin(c)),
            (RejectCode.INSUFFICIENT_HOLD, lambda: not c.reduce_only and self.thin_hold(c)),
        ]
        return next((code for code, refused in checks if refused()), None)

    def closable_by(self, c: PlaceOrder) -> int:
        return self.holding(c.account_id).closable(1 if c.side is Side.LONG else -1)

    def too_little(self, c: PlaceOrder) -> bool:
        assert self.config is not None
        value = self.config.units_per_tick_lot * c.price_ticks * c.size_lots
        return value < self.config.min_notional_units

    def too_much_interest(self, c: PlaceOrder) -> bool:
        assert self.config is not None
        interest = sum(h.lots for h in self.holdings.values() if h.lots > 0)
        opening = c.size_lots - self.closable_by(c)
        return opening > 0 and interest + opening > self.config.max_open_interest_lots

    def limit_outside_band(self, c: PlaceOrder) -> bool:
        lowest, highest = self.band()
        if c.order_type is OrderType.MARKET:
            return False
        return c.price_ticks > highest if c.side is Side.LONG else c.price_ticks < lowest

    def margin_of_one_lot(self, c: PlaceOrder) -> tuple[int, int]:
        """Margin the trader brings, and the price it is measured at."""
        assert self.config is not None
        price = c.price_ticks if c.order_type is OrderType.LIMIT else self.mark
        by_leverage = ceil(Fraction(self.config.units_per_tick_lot * price, c.leverage))
        return (c.margin_units // c.size_lots if c.margin_units else by_leverage), price

    def thin_margin(self, c: PlaceOrder) -> bool:
        assert self.config is not None
        margin, price = self.margin_of_one_lot(c)
        least = Fraction(self.config.units_per_tick_lot * price, self.config.max_leverage)
        sign = 1 if c.side is Side.LONG else -1
        is_limit = c.order_type is OrderType.LIMIT
        return margin < least or (is_limit and margin < self.loss_at_mark(sign, price, 1))

    def thin_hold(self, c: PlaceOrder) -> bool:
        assert self.config is not None
        if c.order_type is OrderType.MARKET:
            return False
        margin, price = self.margin_of_one_lot(c)
        value = self.config.units_per_tick_lot * price
        fee = ceil(Fraction(value * self.config.taker_fee_ppm, MILLION))
        return c.hold_units // c.size_lots < margin + fee

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
        assert self.config is not None
        wanted = min(taker.left, maker.left)
        if taker.reduce_only:
            wanted = min(wanted, self.holding(taker.account_id).closable(taker.sign))
            if not wanted:
                return CancelReason.REDUCE_ONLY
        price = maker.price
        taken = self.outcome(taker, price, wanted, self.config.taker_fee_ppm)
        if taken is None:
            return CancelReason.UNAFFORDABLE
        made = self.outcome(maker, price, taken.lots, self.config.maker_fee_ppm)
        if made is not None and made.lots < taken.lots:
            taken = self.outcome(taker, price, made.lots, self.config.taker_fee_ppm)
            if taken is None:
                return CancelReason.UNAFFORDABLE
        if made is None:
            self.cancel(maker, CancelReason.UNAFFORDABLE)
            return None
        self.trades += 1
        legs = [self.settle(taker, taken), self.settle(maker, made)]
        self.events.append(
            Trade(
                trade_id=self.trades,
                price_ticks=price,
                size_lots=taken.lots,
                taker_side=Side.LONG if taker.sign > 0 else Side.SHORT,
                taker=legs[0],
                maker=legs[1],
            )
        )
        self.trim(taker.account_id)
        self.trim(maker.account_id)
        return None

    def outcome(self, order: Resting, price: int, lots: int, fee_ppm: int) -> Outcome | None:
        """What filling these lots does, or less of them: the close, if the rest can't be opened."""
        assert self.config is not None
        k = self.config.units_per_tick_lot
        held = self.holding(order.account_id)
        after = copy.copy(held)
        close = min(lots, held.closable(order.sign))
        pnl = fee = 0
        if close:
            part = Fraction(close, abs(held.lots))
            cost, margin = floor(held.cost * part), floor(held.margin * part)
            # A long gets the value and gives up its cost; a short pays the value and keeps the
            # money it once received (its negative cost).
            pnl = -order.sign * k * close * price - cost
            fee = ceil(Fraction(k * price * close * fee_ppm, MILLION))
            if margin + pnl < fee:
                return None
            after = Holding(held.lots + order.sign * close, held.cost - cost, held.margin - margin)
        fresh = lots - close
        if fresh:
            value = k * price * fresh
            margin = order.named * fresh or ceil(Fraction(value, order.leverage))
            fresh_fee = ceil(Fraction(value * fee_ppm, MILLION))
            bearable = (
                margin >= Fraction(value, self.config.max_leverage)
                and margin >= self.loss_at_mark(order.sign, price, fresh)
                and order.reserve * fresh >= margin + fresh_fee
            )
            if not bearable:
                return Outcome(close, after, pnl, fee) if close else None
            after.lots += order.sign * fresh
            after.cost += order.sign * value
            after.margin += margin
            fee += fresh_fee
        return Outcome(lots, after, pnl, fee)

    def settle(self, order: Resting, outcome: Outcome) -> TradeLeg:
        before = self.holding(order.account_id)
        margin_delta = outcome.after.margin - before.margin
        released = order.reserve * outcome.lots
        self.holdings[order.account_id] = outcome.after
        if order.account_id not in self.moved:
            self.moved.append(order.account_id)
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

    # -------------------------------------------------------------------------------- helpers

    def holding(self, account_id: int) -> Holding:
        return self.holdings.get(account_id, Holding())

    def loss_at_mark(self, sign: int, price: int, lots: int) -> int:
        assert self.config is not None
        return max(0, self.config.units_per_tick_lot * sign * (price - self.mark) * lots)

    def band(self) -> tuple[int, int]:
        assert self.config is not None
        width = Fraction(self.config.price_band_ppm, MILLION)
        return max(1, ceil(self.mark * (1 - width))), floor(self.mark * (1 + width))

    def shrink(self, order: Resting, lots: int) -> None:
        order.left -= lots
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
