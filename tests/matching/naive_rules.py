"""What the naive exchange knows of margin: whether an order is refused, and what a fill does."""

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor

from msgspec import UNSET, UnsetType

from matching.messages.commands import LeverageTier, MarketConfig, PlaceOrder
from matching.messages.vocabulary import (
    MarketState,
    OrderType,
    RejectCode,
    Side,
    TimeInForce,
)

MILLION = 1_000_000
MAX_VALUE_UNITS = 10_000_000_000 * MILLION  # of an order at its limit: ten billion USD


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
    maker_fee_ppm: int
    taker_fee_ppm: int
    visible: int = 0  # at most, 0 for all
    shown: int = 0  # of what is left, while it rests
    filled: int = 0


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
class NaiveRules:
    """The market as it stands, and the questions that are asked of it."""

    config: MarketConfig | None = None
    state: MarketState = MarketState.PRE_OPEN
    stale: bool = False  # the index: an active market takes only orders that rest
    mark: int = 0
    book: list[Resting] = field(default_factory=list)
    holdings: dict[int, Holding] = field(default_factory=dict)

    def refusal(self, c: PlaceOrder) -> RejectCode | None:
        config = self.config
        if config is None:
            return RejectCode.MARKET_NOT_CONFIGURED
        accepted = {
            MarketState.ACTIVE: not self.stale or c.time_in_force is TimeInForce.GTX,
            MarketState.POST_ONLY: c.time_in_force is TimeInForce.GTX,
            MarketState.REDUCE_ONLY: c.reduce_only and not self.stale,
        }
        checks: list[tuple[RejectCode, Callable[[], bool]]] = [
            (RejectCode.MARKET_STATE, lambda: not accepted.get(self.state, False)),
            (RejectCode.NO_MARK_PRICE, lambda: self.mark == 0),
            (
                RejectCode.MAX_OPEN_ORDERS,
                lambda: (
                    sum(o.account_id == c.account_id for o in self.book) >= config.max_open_orders
                ),
            ),
            (
                RejectCode.INVALID_SIZE,
                lambda: (
                    not c.close_position
                    and not config.min_size_lots <= c.size_lots <= config.max_size_lots
                ),
            ),
            (
                RejectCode.INVALID_TIME_IN_FORCE,
                lambda: c.order_type is OrderType.MARKET and c.time_in_force is TimeInForce.GTX,
            ),
            (
                RejectCode.INVALID_LEVERAGE,
                lambda: not c.reduce_only and c.leverage > config.tiers[0].max_leverage,
            ),
            (
                RejectCode.INVALID_TIME_IN_FORCE,
                lambda: (
                    c.visible_lots is not UNSET
                    and (c.order_type is OrderType.MARKET or c.time_in_force != "GTC")
                ),
            ),
            (RejectCode.INVALID_SIZE, lambda: self.shows_too_little_or_much(c)),
            (RejectCode.INVALID_SIZE, lambda: self.value_at_limit(c) > MAX_VALUE_UNITS),
            (RejectCode.MIN_NOTIONAL, lambda: not c.reduce_only and self.too_little(c)),
            (RejectCode.PRICE_OUTSIDE_BAND, lambda: self.limit_outside_band(c)),
            (
                RejectCode.REDUCE_ONLY_NO_POSITION,
                lambda: c.reduce_only and not self.closable_by(c),
            ),
            (
                RejectCode.MAX_OPEN_INTEREST,
                lambda: not c.reduce_only and self.too_much_interest(c),
            ),
            (RejectCode.MAX_POSITION, lambda: not c.reduce_only and self.too_large(c)),
            (RejectCode.INSUFFICIENT_MARGIN, lambda: not c.reduce_only and self.thin_margin(c)),
            (RejectCode.INSUFFICIENT_HOLD, lambda: not c.reduce_only and self.thin_hold(c)),
        ]
        return next((code for code, refused in checks if refused()), None)

    def shows_too_little_or_much(self, c: PlaceOrder) -> bool:
        """A hundred parts at most, each an order's size."""
        assert self.config is not None
        if isinstance(c.visible_lots, UnsetType):
            return False
        too_small = c.visible_lots < self.config.min_size_lots
        return too_small or not c.visible_lots <= c.size_lots <= 100 * c.visible_lots

    def closable_by(self, c: PlaceOrder) -> int:
        return self.holding(c.account_id).closable(1 if c.side is Side.LONG else -1)

    def value_at_limit(self, c: PlaceOrder) -> int:
        assert self.config is not None
        return self.config.units_per_tick_lot * c.price_ticks * c.size_lots

    def too_little(self, c: PlaceOrder) -> bool:
        assert self.config is not None
        return self.value_at_limit(c) < self.config.min_notional_units

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

    def below_tier(self, c: PlaceOrder) -> bool:
        """Whether the margin is less than the tier of the position asks that the order would make
        if all of it were filled."""
        assert self.config is not None
        margin, price = self.margin_of_one_lot(c)
        value = self.config.units_per_tick_lot * price
        sign = 1 if c.side is Side.LONG else -1
        after = abs(self.holding(c.account_id).lots + sign * c.size_lots)
        return margin < Fraction(value, self.tier(value * after).max_leverage)

    def too_large(self, c: PlaceOrder) -> bool:
        """By leverage; who named a margin named too little."""
        return not c.margin_units and self.below_tier(c)

    def thin_margin(self, c: PlaceOrder) -> bool:
        margin, price = self.margin_of_one_lot(c)
        sign = 1 if c.side is Side.LONG else -1
        is_limit = c.order_type is OrderType.LIMIT
        if c.margin_units and (margin == 0 or self.below_tier(c)):
            return True
        return is_limit and margin < self.loss_at_mark(sign, price, 1)

    def tier(self, notional: int) -> LeverageTier:
        assert self.config is not None
        return [t for t in self.config.tiers if t.floor_units <= notional][-1]

    def maintenance(self, notional: int) -> Fraction:
        """Each tier's rate on the part of the notional that lies in it."""
        assert self.config is not None
        tiers = self.config.tiers
        total = Fraction(0)
        for number, tier in enumerate(tiers):
            top = tiers[number + 1].floor_units if number + 1 < len(tiers) else notional
            part = max(0, min(notional, top) - tier.floor_units)
            total += Fraction(part * tier.maintenance_ppm, MILLION)
        return total

    def liquidatable(self, held: Holding, mark: int) -> bool:
        assert self.config is not None
        if not held.lots:
            return False
        value = self.config.units_per_tick_lot * mark * held.lots
        fee = Fraction(abs(value) * self.config.liquidation_fee_ppm, MILLION)
        return held.margin + value - held.cost < self.maintenance(abs(value)) + fee

    def may_keep(self, held: Holding, margin: int, leverage: int) -> bool:
        """Whether a trader may leave no more margin than this in the position: worth nothing for a
        profit and all of it for a loss, it carries the position's value at its leverage, and would
        not be liquidated."""
        assert self.config is not None
        value = self.config.units_per_tick_lot * self.mark * held.lots
        worth = margin + min(0, value - held.cost)
        most = self.tier(abs(value)).max_leverage
        used = min(leverage, most) if leverage else most
        bare = Holding(held.lots, value, worth)  # as if it had been opened at the mark
        return worth >= Fraction(abs(value), used) and not self.liquidatable(bare, self.mark)

    def thin_hold(self, c: PlaceOrder) -> bool:
        assert self.config is not None
        if c.order_type is OrderType.MARKET:
            return False
        margin, price = self.margin_of_one_lot(c)
        value = self.config.units_per_tick_lot * price
        fee = ceil(Fraction(value * c.taker_fee_ppm, MILLION))
        return c.hold_units // c.size_lots < margin + fee

    def outcome(self, order: Resting, price: int, lots: int, fee_ppm: int) -> Outcome | None:
        """What filling these lots does, or less of them: the close, if the rest can't be opened."""
        assert self.config is not None
        k = self.config.units_per_tick_lot
        held = self.holding(order.account_id)
        after = held
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
            opened = Holding(
                after.lots + order.sign * fresh,
                after.cost + order.sign * value,
                after.margin + margin,
            )
            tier = self.tier(k * price * abs(opened.lots))
            bearable = (
                margin >= Fraction(value, tier.max_leverage)
                and margin >= self.loss_at_mark(order.sign, price, fresh)
                and order.reserve * fresh >= margin + fresh_fee
                and not self.liquidatable(opened, self.mark)
            )
            if not bearable:
                return Outcome(close, after, pnl, fee) if close else None
            after = opened
            fee += fresh_fee
        return Outcome(lots, after, pnl, fee)

    def holding(self, account_id: int) -> Holding:
        return self.holdings.get(account_id, Holding())

    def loss_at_mark(self, sign: int, price: int, lots: int) -> int:
        assert self.config is not None
        return max(0, self.config.units_per_tick_lot * sign * (price - self.mark) * lots)

    def band(self) -> tuple[int, int]:
        assert self.config is not None
        width = Fraction(self.config.price_band_ppm, MILLION)
        return max(1, ceil(self.mark * (1 - width))), floor(self.mark * (1 + width))
