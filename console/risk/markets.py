"""Of each market: what its insurance fund covers, and who holds how much of it."""

from dataclasses import dataclass

from django.db.models import Count, Q, Sum

from console.risk.board import open_lines, ordered
from console.risk.first import SPARE, Found, PositionOrder, largest_of_each_market
from console.risk.lines import MarketMark, PositionLine
from matching.messages.holds import ceil_div
from matching.messages.limits import PPM
from matching.messages.vocabulary import MarketState, Side
from trading.models import Position
from trading.positions.figures import bankruptcy_value_units, value_units

NEAREST = 10
BEYOND_PPM = 10_000
HOLDERS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Cover:
    """``nearest``: the ten positions nearest to liquidation, the nearest first."""

    fund_units: int
    needed_units: int
    nearest: list[PositionLine]

    @property
    def missing_units(self) -> int:
        return max(0, self.needed_units - self.fund_units)


@dataclass(frozen=True, slots=True)
class SideHolders:
    """All who are long in a market, or all who are short: how many, with how much, and the largest.
    Lots are above zero for both."""

    side: Side
    count: int
    lots: int
    largest: list[Position]


@dataclass(frozen=True, slots=True)
class MarketRisk:
    """``sides``: those who are long, then those who are short; both hold the open interest."""

    mark: MarketMark
    cover: Cover
    sides: tuple[SideHolders, SideHolders]

    @property
    def positions(self) -> int:
        return sum(side.count for side in self.sides)

    @property
    def gross_units(self) -> int:
        """Value of all positions at the mark, of either side."""
        lots = sum(side.lots for side in self.sides)
        return value_units(lots, self.mark.rules.units_per_tick_lot, self.mark.mark_ticks)


def needed_units(line: PositionLine) -> int:
    """What the fund pays for one: closed 1 % past the price at which its equity is nothing, or at
    the mark where that is worse, as it can be while nobody is liquidated.

    1 % of its bankruptcy value, rounded up, since k·Q·p − (C − M) at p = 0.99 · (C − M) / (k·Q) is
    just that, and so for a short at 1.01; or what its equity is below zero at the mark. Up to its
    bankruptcy price the engine closes it at its own expense (`matching.core.risk.liquidation`), so
    the fund pays where the mark jumps past it, or the book is thin there.
    """
    value = max(0, bankruptcy_value_units(line.position))
    return max(ceil_div(value * BEYOND_PPM, PPM), -(line.equity_units or 0))


def market_risks(marks: dict[str, MarketMark], by_distance: Found) -> list[MarketRisk]:
    """Of markets that haven't ended: those have no positions. ``by_distance``: at least the ten
    nearest of each."""
    open_marks = {
        market_id: mark
        for market_id, mark in marks.items()
        if not MarketState(mark.market.status.state).has_ended
    }
    nearest, sides = _nearest(marks, by_distance), _sides(list(open_marks))
    return [
        MarketRisk(mark, _cover(mark, nearest.get(market_id, [])), sides[market_id])
        for market_id, mark in open_marks.items()
    ]


def _nearest(marks: dict[str, MarketMark], found: Found) -> dict[str, list[PositionLine]]:
    """Per market. Whose liquidation nothing tells, without a mark or a price for it, isn't near."""
    ids = [
        position_id for ranked in found.values() for *_, position_id in ranked[: NEAREST + SPARE]
    ]
    nearest: dict[str, list[PositionLine]] = {}
    for line in ordered(PositionOrder.DISTANCE, open_lines(ids, marks)):
        if line.distance is not None:
            nearest.setdefault(line.position.market_id, []).append(line)
    return {market_id: lines[:NEAREST] for market_id, lines in nearest.items()}


def _cover(mark: MarketMark, nearest: list[PositionLine]) -> Cover:
    needed = sum(needed_units(line) for line in nearest)
    return Cover(mark.market.status.insurance_units, needed, nearest)


def _sides(market_ids: list[str]) -> dict[str, tuple[SideHolders, SideHolders]]:
    ids = largest_of_each_market(market_ids, HOLDERS_SHOWN)
    rows = Position.objects.filter(pk__in=ids).exclude(position_lots=0).select_related("user")
    largest = sorted(rows, key=lambda row: (-abs(row.position_lots), row.pk))
    totals = _totals()
    return {
        market_id: (
            _side(Side.LONG, market_id, totals, largest),
            _side(Side.SHORT, market_id, totals, largest),
        )
        for market_id in market_ids
    }


Totals = dict[tuple[str, Side], tuple[int, int]]  # of a side of a market: how many, how many lots


def _side(side: Side, market_id: str, totals: Totals, largest: list[Position]) -> SideHolders:
    count, lots = totals.get((market_id, side), (0, 0))
    own = [row for row in largest if (row.market_id, _side_of(row)) == (market_id, side)]
    return SideHolders(side, count, lots, own)


def _side_of(position: Position) -> Side:
    return Side.LONG if position.position_lots > 0 else Side.SHORT


def _totals() -> Totals:
    """From the index alone, which has all open positions by market and size."""
    rows = Position.objects.exclude(position_lots=0).order_by()
    sides = (
        rows.annotate(is_long=Q(position_lots__gt=0))
        .values_list("market_id", "is_long")
        .annotate(count=Count("position_lots"), lots=Sum("position_lots"))
    )
    return {
        (market_id, Side.LONG if is_long else Side.SHORT): (count, abs(int(lots)))
        for market_id, is_long, count, lots in sides
    }
