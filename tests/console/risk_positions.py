"""Positions by chance in markets that differ in ticks, tiers and marks, and what they come to by
definitions that share nothing with the exchange's own: slices of tiers, and a search for prices."""

import random
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

from django.utils import timezone

from accounts.models import User
from markets.models import LeverageTier, Market, MarketStatus
from markets.rules import forget_markets
from matching.messages.vocabulary import MarketState
from tests.admin.factories import NOW, make_user
from tests.builders.markets import build_market
from trading.models import Position

UNIT = 10**6
# Of each market: tick, lot, mark in ticks, and its tiers: floor in units, leverage, maintenance.
MARKETS: dict[str, tuple[str, str, int, tuple[tuple[int, int, int], ...]]] = {
    "BTC-PERP": ("0.1", "0.001", 25_100, ((0, 50, 10_000), (500 * UNIT, 25, 20_000))),
    "COARSE-PERP": ("1", "0.1", 23, ((0, 10, 50_000),)),
    "ETH-PERP": (
        "0.01",
        "0.01",
        300_017,
        ((0, 100, 5_000), (300 * UNIT, 50, 10_000), (2_000 * UNIT, 20, 25_000)),
    ),
}


def make_markets() -> dict[str, Market]:
    for market_id, (tick, lot, mark, tiers) in MARKETS.items():
        market = build_market(market_id, tick_size=Decimal(tick), lot_size=Decimal(lot))
        market.save()
        for floor, leverage, maintenance in tiers:
            LeverageTier.objects.create(
                market=market, floor_units=floor, max_leverage=leverage, maintenance_ppm=maintenance
            )
        set_mark(market_id, mark)
    forget_markets()
    return Market.objects.in_bulk()


def set_mark(market_id: str, ticks: int, age: timedelta = timedelta(), **fields: object) -> None:
    MarketStatus.objects.filter(pk=market_id).update(
        state=MarketState.ACTIVE,
        mark_price_ticks=ticks,
        mark_price_at=timezone.now() - age if ticks else None,
        **fields,
    )


def make_position(user: User, market: Market, lots: int, cost: int, margin: int) -> Position:
    return Position.objects.create(
        user=user,
        market=market,
        position_lots=lots,
        entry_cost_units=cost,
        margin_units=margin,
        seq=7,
        updated_at=NOW,
    )


def make_positions(count: int, seed: int = 7) -> list[Position]:
    """Longs and shorts near and far from liquidation, some beyond it, some without margin; one long
    in thirty can't be liquidated at any price."""
    chance, markets = random.Random(seed), make_markets()
    traders = [make_user() for _ in range(count // 2)]
    places = [(trader, market_id) for trader in traders for market_id in MARKETS]
    made = []
    for number, (trader, market_id) in enumerate(chance.sample(places, count)):
        market, mark = markets[market_id], MARKETS[market_id][2]
        lots = chance.choice((-1, 1)) * chance.randint(1, 400)
        value = market.units_per_tick_lot * mark * abs(lots)
        cost = value * chance.randint(850_000, 1_150_000) // 10**6
        margin = 2 * cost if number % 30 == 7 else cost * chance.randint(0, 300_000) // 10**6
        sign = 1 if lots > 0 else -1
        made.append(make_position(trader, market, lots, sign * cost, margin))
    return made


# --- by definition --------------------------------------------------------------------------------


def mark_of(position: Position) -> int:
    return MARKETS[position.market_id][2]


def value_of(position: Position, ticks: int | None = None) -> int:
    price = mark_of(position) if ticks is None else ticks
    return position.market.units_per_tick_lot * position.position_lots * price


def profit_of(position: Position, ticks: int | None = None) -> int:
    return value_of(position, ticks) - position.entry_cost_units


def equity_of(position: Position, ticks: int | None = None) -> int:
    return position.margin_units + profit_of(position, ticks)


def leverage_of(position: Position) -> Fraction:
    return Fraction(abs(value_of(position)), position.margin_units)


def is_liquidatable(position: Position, ticks: int) -> bool:
    """With a rate on each slice of its value, as income is taxed."""
    value, tiers = abs(value_of(position, ticks)), MARKETS[position.market_id][3]
    ends = [floor for floor, _, _ in tiers[1:]] + [10**18]
    needed = Fraction(0)
    for (floor, _, maintenance_ppm), end in zip(tiers, ends, strict=True):
        needed += Fraction(max(0, min(value, end) - floor) * maintenance_ppm, 10**6)
    needed += Fraction(value * position.market.liquidation_fee_ppm, 10**6)
    return equity_of(position, ticks) < needed


def liquidation_ticks(position: Position) -> int | None:
    """The tick nearest to the market at which it is; None: there is none above zero."""
    if position.position_lots > 0:
        return _last(lambda ticks: ticks == 0 or is_liquidatable(position, ticks)) or None
    return _last(lambda ticks: not is_liquidatable(position, ticks)) + 1


def distance_of(position: Position) -> Fraction | None:
    found, mark = liquidation_ticks(position), mark_of(position)
    if found is None:
        return None
    gap = mark - found if position.position_lots > 0 else found - mark
    return Fraction(gap, mark)


def _last(holds: Callable[[int], bool]) -> int:
    """The last tick for which it holds, as it does for 0 and up to some tick."""
    low, high = 0, 10**9
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if holds(middle) else (low, middle - 1)
    return low


def price_of_nothing(position: Position) -> Fraction:
    """At which its equity is nothing; zero or less for a long that owes nothing."""
    per_tick = position.market.units_per_tick_lot * position.position_lots
    return Fraction(position.entry_cost_units - position.margin_units, per_tick)
