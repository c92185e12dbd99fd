"""A position as the pages show it, with the mark it is valued at."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from markets.conversions import to_ms
from markets.models import Market
from markets.rules import MarketRules, all_market_rules
from trading.models import Position
from trading.positions.figures import (
    PositionFigures,
    liquidation_distance,
    liquidation_price_ticks,
    position_figures,
)


@dataclass(frozen=True, slots=True)
class MarketMark:
    """A market and its mark price as the ledger recorded it, with the positions. ``age_ms``: since
    the engine took it; None without one."""

    market: Market
    rules: MarketRules
    mark_ticks: int
    age_ms: int | None

    @property
    def is_stale(self) -> bool:
        """The engine says so, or nobody has said anything for as long as an index price may be old:
        the engine is away, the market is paused, persistence is behind."""
        if self.age_ms is None:
            return False
        return self.market.status.index_stale or self.age_ms > self.market.index_stale_ms


@dataclass(frozen=True, slots=True)
class PositionLine:
    """``figures`` None: no mark. ``liquidation_ticks`` 0: no such price."""

    position: Position
    mark: MarketMark
    figures: PositionFigures | None
    liquidation_ticks: int
    distance: Fraction | None

    @property
    def equity_units(self) -> int | None:
        if self.figures is None:
            return None
        return self.position.margin_units + self.figures.unrealized_pnl_units


def market_marks(now: datetime) -> dict[str, MarketMark]:
    """By market id, in the order of the ids."""
    rules = all_market_rules()
    markets = Market.objects.select_related("status").order_by("pk")
    return {
        market.pk: _mark(market, rules[market.pk], now) for market in markets if market.pk in rules
    }


def _mark(market: Market, rules: MarketRules, now: datetime) -> MarketMark:
    ticks, taken_at = market.status.mark_price_ticks, market.status.mark_price_at
    age_ms = max(0, to_ms(now) - to_ms(taken_at)) if ticks and taken_at else None
    return MarketMark(market, rules, ticks, age_ms)


def lines_of(
    positions: Iterable[Position],
    marks: dict[str, MarketMark],
    leverages: dict[str, int] | None = None,
) -> list[PositionLine]:
    """Of open positions, in their order; one of a market made this second is left for the next
    look. ``leverages``: what their trader set, by market."""
    return [
        _line(position, marks[position.market_id], (leverages or {}).get(position.market_id))
        for position in positions
        if position.market_id in marks
    ]


def _line(position: Position, mark: MarketMark, leverage_set: int | None) -> PositionLine:
    position.market = mark.market  # as read once
    liquidation_ticks = liquidation_price_ticks(position, mark.rules)
    return PositionLine(
        position=position,
        mark=mark,
        figures=position_figures(position, mark.rules, mark.mark_ticks, leverage_set),
        liquidation_ticks=liquidation_ticks,
        distance=liquidation_distance(position.position_lots, liquidation_ticks, mark.mark_ticks),
    )
