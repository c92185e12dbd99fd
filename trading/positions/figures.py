"""What a position is at the mark price: the figures that traders and operators are shown, by the
rules the engine acts on (`matching.messages.tiers`). Whoever shows one takes it from here.

With k money units per tick and lot, size Q (below zero for a short), entry cost C, margin M and
mark price m:

==================  ================================================================================
value               k·m·Q, signed as the position is
unrealised profit   k·m·Q − C; there is none without a mark price
equity              M + k·m·Q − C
leverage            k·m·|Q| / M: at the mark, and of the margin as it is; not the leverage that
                    orders name and the trader sets, which is a bound (`leverage_chosen`)
margin ratio        what the position must have over its equity
distance            how far the mark has to go until it is liquidatable, as a part of the mark
bankruptcy value    C − M of a long, M − C of a short: worth that much, its equity is nothing. No
                    liquidation fee is in it: whoever has nothing left pays none
                    (`matching.core.risk.liquidation`, rule 4)
==================  ================================================================================
"""

from dataclasses import dataclass
from fractions import Fraction

from markets.conversions import ratio_text
from markets.rules import MarketRules
from matching.messages.limits import PPM
from matching.messages.tiers import margin_ratio_ppm
from trading.models import Position


@dataclass(frozen=True, slots=True)
class PositionFigures:
    """value_units             signed as the position is
    unrealized_pnl_units    value less entry cost
    leverage                value over margin, as text to a millionth; None without margin
    initial_margin_units    what must stay of the margin, after an unrealised loss
    removable_margin_units  what may be taken out: a unit more is refused
    margin_ratio_ppm        above one million: liquidatable; None: nothing is left
    """

    value_units: int
    unrealized_pnl_units: int
    leverage: str | None
    initial_margin_units: int
    removable_margin_units: int
    margin_ratio_ppm: int | None


def value_units(position_lots: int, units_per_tick_lot: int, mark_ticks: int) -> int:
    """At the mark price; below zero for a short, as its entry cost is."""
    return units_per_tick_lot * mark_ticks * position_lots


def unrealized_pnl_units(
    position_lots: int, entry_cost_units: int, units_per_tick_lot: int, mark_ticks: int
) -> int:
    """Value at the mark price less entry cost; zero without a mark price."""
    if not mark_ticks:
        return 0
    return value_units(position_lots, units_per_tick_lot, mark_ticks) - entry_cost_units


def leverage_chosen(position: Position, leverage_set: int | None) -> int:
    """The highest leverage of the orders that opened the position, or what its trader has set for
    the market if that is more. 0 where neither is known; the tier decides then."""
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
    value = value_units(lots, rules.units_per_tick_lot, mark_ticks)
    pnl = unrealized_pnl_units(lots, cost, rules.units_per_tick_lot, mark_ticks)
    chosen = leverage_chosen(position, leverage_set)
    return PositionFigures(
        value_units=value,
        unrealized_pnl_units=pnl,
        leverage=ratio_text(abs(value), margin),
        initial_margin_units=tiers.staying_margin_units(abs(value), chosen),
        removable_margin_units=tiers.removable_margin_units(lots, cost, margin, mark_ticks, chosen),
        margin_ratio_ppm=margin_ratio_ppm(tiers.required_ppm(abs(value)), margin + pnl),
    )


def liquidated_margin_ratio_ppm(required_units: int, equity_units: int) -> int | None:
    """Of a position that was liquidated, from what the engine says it had to have (maintenance
    margin and fee reserve) and had. None: nothing was left."""
    return margin_ratio_ppm(required_units * PPM, equity_units)


def liquidation_price_ticks(position: Position, rules: MarketRules) -> int:
    """The price nearest to the market at which it is liquidatable; 0: none, or it is flat."""
    if not position.position_lots:
        return 0
    return rules.tiers.liquidation_price_ticks(
        position.position_lots, position.entry_cost_units, position.margin_units
    )


def liquidation_distance(
    position_lots: int, liquidation_ticks: int, mark_ticks: int
) -> Fraction | None:
    """From the mark to a `liquidation_price_ticks`, as a part of the mark, exactly: down for a
    long, up for a short. Zero or less: it is liquidatable now. None without such a price, or
    without a mark."""
    if not liquidation_ticks or not mark_ticks:
        return None
    way = 1 if position_lots > 0 else -1
    return Fraction(way * (mark_ticks - liquidation_ticks), mark_ticks)


def bankruptcy_value_units(position: Position) -> int:
    """Zero or less for a long that owes nothing: it always has equity."""
    debt = position.entry_cost_units - position.margin_units
    return debt if position.position_lots > 0 else -debt
