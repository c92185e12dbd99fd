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
and fee, whose margin is below what the tier of the resulting position asks or below their loss at
the mark price, or that would leave the position liquidatable at once.
"""

from matching.core.book.book import Order
from matching.messages.holds import ceil_div, fee_units
from matching.messages.tiers import TierTable


class Leg:
    """One side of a fill, worked out but not yet done. Deltas are gains of the account named.

    size_lots may be less than was asked: the closing part, where opening the rest isn't affordable.
    """

    __slots__ = (
        "available_delta_units",
        "entry_cost_units",
        "fee_units",
        "hold_released_units",
        "insurance_delta_units",
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
        insurance_delta_units: int = 0,
    ) -> None:
        self.size_lots = size_lots
        self.position_lots = position_lots
        self.entry_cost_units = entry_cost_units
        self.margin_units = margin_units
        self.hold_released_units = hold_released_units
        self.margin_delta_units = margin_delta_units
        self.realized_pnl_units = realized_pnl_units
        self.fee_units = fee_units
        self.insurance_delta_units = insurance_delta_units
        self.available_delta_units = (
            hold_released_units
            + realized_pnl_units
            - margin_delta_units
            - fee_units
            - insurance_delta_units
        )


def reducible_lots(position_lots: int, is_long: bool) -> int:
    """How many lots an order of this direction can close."""
    if is_long:
        return -position_lots if position_lots < 0 else 0
    return position_lots if position_lots > 0 else 0


def opening_margin_units(
    tiers: TierTable,
    order: Order,
    position_lots: int,
    price_ticks: int,
    size_lots: int,
    mark_ticks: int,
    fee: int,
) -> int:
    """Margin that opening these lots puts into the position; −1 if the order can't afford it.

    ``position_lots`` is the resulting position: its notional at this price decides the tier.
    """
    notional = tiers.k * price_ticks * size_lots
    if order.named_margin_per_lot_units:
        margin = order.named_margin_per_lot_units * size_lots
    else:
        margin = ceil_div(notional, order.leverage)
    tier = tiers.tier_of(tiers.k * price_ticks * abs(position_lots))
    if margin < ceil_div(notional, tier.max_leverage):
        return -1
    against = price_ticks - mark_ticks if order.is_long else mark_ticks - price_ticks
    if margin < tiers.k * against * size_lots:
        return -1
    if order.reserve_per_lot_units * size_lots < margin + fee:
        return -1
    return margin


def plan_leg(
    tiers: TierTable,
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
    k = tiers.k
    sign = 1 if order.is_long else -1
    closing = min(size_lots, reducible_lots(position_lots, order.is_long))
    opening = size_lots - closing
    cost, margin = entry_cost_units, margin_units
    pnl = fee = 0
    if closing:
        closed_cost, closed_margin = share_of(
            position_lots, entry_cost_units, margin_units, closing
        )
        fee = fee_units(k, price_ticks, closing, fee_ppm)
        pnl = -sign * k * closing * price_ticks - closed_cost
        if closed_margin + pnl - fee < 0:
            return None
        cost -= closed_cost
        margin -= closed_margin
    if opening:
        opening_fee = fee_units(k, price_ticks, opening, fee_ppm)
        after_lots = position_lots + sign * size_lots
        needed = opening_margin_units(
            tiers, order, after_lots, price_ticks, opening, mark_ticks, opening_fee
        )
        opened_cost = cost + sign * k * opening * price_ticks
        if needed >= 0 and not tiers.is_liquidatable(
            after_lots, opened_cost, margin + needed, mark_ticks
        ):
            cost = opened_cost
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


def share_of(
    position_lots: int, entry_cost_units: int, margin_units: int, closing_lots: int
) -> tuple[int, int]:
    """Entry cost and margin of the part that closes, both rounded down; all of them when it is the
    whole."""
    held = abs(position_lots)
    return entry_cost_units * closing_lots // held, margin_units * closing_lots // held
