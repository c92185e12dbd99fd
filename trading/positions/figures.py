"""What a position is at the mark price: the figures that traders and operators are shown, by the
rules the engine acts on (`matching.messages.tiers`)."""

from dataclasses import dataclass

from markets.rules import MarketRules
from matching.messages.tiers import margin_ratio_ppm
from trading.models import Position


@dataclass(frozen=True, slots=True)
class PositionFigures:
    """value_units             signed as the position is
    unrealized_pnl_units    value less entry cost
    initial_margin_units    what must stay of the margin, after an unrealised loss
    removable_margin_units  what may be taken out: a unit more is refused
    margin_ratio_ppm        above one million: liquidatable; None: nothing is left
    """

    value_units: int
    unrealized_pnl_units: int
    initial_margin_units: int
    removable_margin_units: int
    margin_ratio_ppm: int | None


def leverage_of(position: Position, leverage_set: int | None) -> int:
    """The position's leverage: the highest of the orders that opened it, or what its trader has set
    for the market if that is more. 0 where neither is known; the tier decides then."""
    return max(position.leverage, leverage_set or 0)


def position_figures(
    position: Position, rules: MarketRules, mark_ticks: int, leverage_set: int | None
) -> PositionFigures | None:
    """None for a flat position, or without a mark price. ``leverage_set``: its trader's."""
    lots, cost, margin = (
        position.position_lots,
        position.entry_cost_units,
        position.margin_units,
    )
    if not lots or not mark_ticks:
        return None
    tiers = rules.tiers
    value = rules.units_per_tick_lot * mark_ticks * lots
    leverage = leverage_of(position, leverage_set)
    return PositionFigures(
        value_units=value,
        unrealized_pnl_units=value - cost,
        initial_margin_units=tiers.staying_margin_units(abs(value), leverage),
        removable_margin_units=tiers.removable_margin_units(
            lots, cost, margin, mark_ticks, leverage
        ),
        margin_ratio_ppm=margin_ratio_ppm(tiers.required_ppm(abs(value)), margin + value - cost),
    )


def liquidation_price_ticks(position: Position, rules: MarketRules) -> int:
    """The price nearest to the market at which it is liquidatable; 0: none, or it is flat."""
    if not position.position_lots:
        return 0
    return rules.tiers.liquidation_price_ticks(
        position.position_lots, position.entry_cost_units, position.margin_units
    )
