"""What a fill does to one side's position and money.

Theory of operation. A position is three integers: signed lots ``Q``, signed entry cost ``V`` (what
a long paid, minus what a short received; an average price would have to round) and isolated margin
``M``. A fill first closes what opposes it, then opens the rest, so a flip is both in one leg:

close c of q = |Q|   V_c = ⌊V·c/q⌋, M_c = ⌊M·c/q⌋ (all of it when c = q);
                     profit = s·k·c·p − V_c; the wallet gets M_c + profit − fee
open o               V += side·k·o·p; M += what the trader named per lot, or ⌈k·p·o/leverage⌉;
                     paid, with the fee, from the order's reserve; the rest of it goes back

Margins and fees round up. Closing a part rounds its cost and margin down; what that leaves behind
stays in the position, so a fraction of a unit moves between this closing and the next, never
between traders.

A leg is refused, never squeezed, when the trader can't bear it: closing through the position's own
bankruptcy price (the payout would be negative), or opening lots whose reserve does not cover margin
and fee, or whose margin covers neither the market's smallest nor their loss at the mark price.
"""

from matching.core.book import Order
from matching.messages.commands import MarketConfig
from matching.messages.holds import ceil_div, fee_units


class Leg:
    """One side of a fill, worked out but not yet done. Deltas are gains of the account named.

    size_lots may be less than was asked: the closing part, where opening the rest isn't affordable.
    """

    __slots__ = (
        "available_delta_units",
        "entry_cost_units",
        "fee_units",
        "hold_released_units",
        "margin_delta_units",
        "margin_units",
        "position_lots",
        "realized_pnl_units",
        "size_lots",
    )

    def __init__(
        self,
        size_lots: int,
        position_lots: int,
        entry_cost_units: int,
        margin_units: int,
        hold_released_units: int,
        margin_delta_units: int,
        realized_pnl_units: int,
        fee_units: int,
    ) -> None:
        self.size_lots = size_lots
        self.position_lots = position_lots
        self.entry_cost_units = entry_cost_units
        self.margin_units = margin_units
        self.hold_released_units = hold_released_units
        self.margin_delta_units = margin_delta_units
        self.realized_pnl_units = realized_pnl_units
        self.fee_units = fee_units
        self.available_delta_units = (
            hold_released_units + realized_pnl_units - margin_delta_units - fee_units
        )


def reducible_lots(position_lots: int, is_long: bool) -> int:
    """How many lots an order of this direction can close."""
    if is_long:
        return -position_lots if position_lots < 0 else 0
    return position_lots if position_lots > 0 else 0


def opening_margin_units(
    config: MarketConfig, order: Order, price_ticks: int, size_lots: int, mark_ticks: int, fee: int
) -> int:
    """Margin that opening these lots puts into the position; −1 if the order can't afford it.

    It must cover what the market's largest leverage asks and the loss at the mark price, and the
    order's reserve for these lots must cover it and the fee.
    """
    notional = config.units_per_tick_lot * price_ticks * size_lots
    if order.named_margin_per_lot_units:
        margin = order.named_margin_per_lot_units * size_lots
    else:
        margin = ceil_div(notional, order.leverage)
    if margin < ceil_div(notional, config.max_leverage):
        return -1
    against = price_ticks - mark_ticks if order.is_long else mark_ticks - price_ticks
    if margin < config.units_per_tick_lot * against * size_lots:
        return -1
    if order.reserve_per_lot_units * size_lots < margin + fee:
        return -1
    return margin


def plan_leg(
    config: MarketConfig,
    order: Order,
    position_lots: int,
    entry_cost_units: int,
    margin_units: int,
    price_ticks: int,
    size_lots: int,
    fee_ppm: int,
    mark_ticks: int,
) -> Leg | None:
    """The order's side of a fill at this price, or None if its account can't bear it."""
    k = config.units_per_tick_lot
    sign = 1 if order.is_long else -1
    closing = min(size_lots, reducible_lots(position_lots, order.is_long))
    opening = size_lots - closing
    cost, margin = entry_cost_units, margin_units
    pnl = fee = 0
    if closing:
        held = abs(position_lots)
        closed_cost = entry_cost_units * closing // held
        closed_margin = margin_units * closing // held
        fee = fee_units(k, price_ticks, closing, fee_ppm)
        pnl = -sign * k * closing * price_ticks - closed_cost
        if closed_margin + pnl - fee < 0:
            return None
        cost -= closed_cost
        margin -= closed_margin
    if opening:
        opening_fee = fee_units(k, price_ticks, opening, fee_ppm)
        needed = opening_margin_units(config, order, price_ticks, opening, mark_ticks, opening_fee)
        if needed >= 0:
            cost += sign * k * opening * price_ticks
            margin += needed
            fee += opening_fee
        elif closing:
            opening = 0
        else:
            return None
    filled = closing + opening
    return Leg(
        filled,
        position_lots + sign * filled,
        cost,
        margin,
        order.reserve_per_lot_units * filled,
        margin - margin_units,
        pnl,
        fee,
    )
