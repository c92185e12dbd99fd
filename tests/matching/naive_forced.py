"""What the naive exchange knows of an order that closes a position by force."""

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

import msgspec

from matching.messages.events import PositionLiquidated, TradeLeg
from matching.messages.vocabulary import SelfTradePrevention
from tests.matching.naive_money import NaiveExchange
from tests.matching.naive_rules import MILLION, Holding, Outcome, Resting


@dataclass
class NaiveForced(NaiveExchange):
    """``is_solvent`` and ``to_fund`` are of the forced order at hand: whether its position was
    worth something, and what the fill planned last gives to the fund."""

    insurance: int = 0
    is_solvent: bool = True
    to_fund: int = 0

    def force(self, event: PositionLiquidated) -> None:
        """The order that closes the position in the book, down to the limit."""
        taker = Resting(
            order_id=0,
            account_id=event.account_id,
            sign=-1 if event.position_lots > 0 else 1,
            price=event.limit_ticks,
            left=abs(event.position_lots),
            reserve=0,
            named=0,
            leverage=1,
            reduce_only=True,
            arrival=0,
            maker_fee_ppm=0,
            taker_fee_ppm=0,
        )
        self.is_solvent = event.equity_units > 0
        self.take(taker, SelfTradePrevention.EXPIRE_MAKER)

    def outcome(self, order: Resting, price: int, lots: int, fee_ppm: int) -> Outcome | None:
        if order.order_id:
            return super().outcome(order, price, lots, fee_ppm)
        return self.forced_outcome(order, price, lots)

    def forced_outcome(self, order: Resting, price: int, lots: int) -> Outcome | None:
        """Its cash stays in the margin, less the fee to the fund; a bankrupt one's loss beyond its
        share of the margin is the fund's, as long as it can pay. None where nobody can."""
        assert self.config is not None
        held = self.holding(order.account_id)
        part = Fraction(lots, abs(held.lots))
        cost, share = floor(held.cost * part), floor(held.margin * part)
        value = self.config.units_per_tick_lot * price * lots
        pnl = -order.sign * value - cost
        margin = held.margin + pnl
        to_fund = 0
        if self.is_solvent:
            if margin < 0:
                return None
            fee = ceil(Fraction(value * self.config.liquidation_fee_ppm, MILLION))
            to_fund = min(fee, margin)
            margin -= to_fund
        elif share + pnl < 0:
            to_fund = share + pnl
            if self.insurance + to_fund < 0:
                return None
            margin = held.margin - share
        left = held.lots + order.sign * lots
        self.to_fund = to_fund
        return Outcome(lots, Holding(left, held.cost - cost, margin if left else 0), pnl, 0)

    def settle(self, order: Resting, outcome: Outcome) -> TradeLeg:
        leg = super().settle(order, outcome)
        if order.order_id:
            return leg
        # The plan of the lots that were filled is the one made last.
        self.insurance += self.to_fund
        return msgspec.structs.replace(
            leg,
            insurance_delta_units=self.to_fund,
            available_delta_units=leg.available_delta_units - self.to_fund,
        )
