"""Rules for a new market, from its price and how far it moves on a usual day. Pure.

Prices are in the settlement currency per unit of the base asset, moves and rates in millionths
(ppm) or as fractions where said, money in units. Every rule is a starting point that an operator
can type over; each function says why its rule is what it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from markets.models import LeverageTier, Market
from matching.messages.limits import MAX_SIZE_LOTS, MONEY_UNITS_PER_CURRENCY, PPM
from matching.messages.tiers import TierTable


class Liquidity(StrEnum):
    """How much is traded elsewhere, which is how much of a position can be closed quickly."""

    MAJOR = "major"
    LIQUID = "liquid"
    THIN = "thin"


@dataclass(frozen=True)
class ClassTerms:
    """Of a class of assets. ``depth`` is what the book usually takes without moving much, in the
    settlement currency; open interest and largest order are multiples of it."""

    daily_move_ppm: int
    depth: int
    maker_fee_ppm: int
    taker_fee_ppm: int
    index_stale_ms: int


TERMS = {
    Liquidity.MAJOR: ClassTerms(40_000, 50_000, 200, 500, 10_000),
    Liquidity.LIQUID: ClassTerms(70_000, 10_000, 200, 500, 10_000),
    Liquidity.THIN: ClassTerms(150_000, 2_000, 500, 1_000, 30_000),
}
DAILY_MOVE_MIN_PPM, DAILY_MOVE_MAX_PPM = 1_000, PPM
STEP_MIN_EXPONENT = -10  # ten decimals are what a row keeps
STEP_MAX_EXPONENT = 9
LEVERAGES = (50, 25, 10, 5, 3, 2, 1)
DEPTHS_OF_TIERS = (0, 1, 5, 20, 100)  # where tiers begin, in depths
DEPTHS_OF_ORDER, DEPTHS_OF_OPEN_INTEREST = 20, 10_000


@dataclass(frozen=True)
class Suggestion:
    """The rows, not saved; the market has neither name nor assets."""

    market: Market
    tiers: list[LeverageTier]


def suggested(price: Decimal, liquidity: Liquidity, daily_move_ppm: int = 0) -> Suggestion:
    """``price`` above zero; ``daily_move_ppm`` 0: as is usual of the class."""
    terms = TERMS[liquidity]
    move = min(max(daily_move_ppm or terms.daily_move_ppm, DAILY_MOVE_MIN_PPM), DAILY_MOVE_MAX_PPM)
    tiers = tiers_of_move(move, terms.depth)
    market = Market(
        tick_size=tick_of_price(price),
        lot_size=lot_of_price(price),
        min_size_lots=1,
        min_notional_units=5 * MONEY_UNITS_PER_CURRENCY,
        maker_fee_ppm=terms.maker_fee_ppm,
        taker_fee_ppm=terms.taker_fee_ppm,
        index_stale_ms=terms.index_stale_ms,
        price_band_ppm=price_band_of_move(move),
        max_slippage_ppm=slippage_of_move(move),
        mark_clamp_ppm=within(move, 20_000, 200_000),
        circuit_breaker_ppm=within(5 * move, 200_000, 750_000),
        funding_cap_ppm=tiers[0].maintenance_ppm * 3 // 4,
        impact_notional_units=200 * tiers[0].max_leverage * MONEY_UNITS_PER_CURRENCY,
    )
    market.max_size_lots = lots_worth(market, price, DEPTHS_OF_ORDER * terms.depth)
    market.max_open_interest_lots = lots_worth(market, price, DEPTHS_OF_OPEN_INTEREST * terms.depth)
    return Suggestion(market, tiers)


def suggested_like(
    other: Market, tiers: Sequence[LeverageTier], other_price: Decimal, price: Decimal
) -> Suggestion:
    """The rates, times, limits in money and tiers of another market as they are; tick and lot by
    the price, sizes of the same value. ``other_price`` 0: the other has no price yet, and sizes are
    as many lots as there."""
    market = Market()
    for field in Market._meta.concrete_fields:
        setattr(market, field.attname, getattr(other, field.attname))
    market.config_version = 1
    market.tick_size, market.lot_size = tick_of_price(price), lot_of_price(price)
    market.min_size_lots = 1
    if other_price:
        for name in ("max_size_lots", "max_open_interest_lots"):
            value = getattr(other, name) * other.lot_size * other_price
            setattr(market, name, lots_worth(market, price, int(value)))
    rows = [
        LeverageTier(
            floor_units=tier.floor_units,
            max_leverage=tier.max_leverage,
            maintenance_ppm=tier.maintenance_ppm,
        )
        for tier in tiers
    ]
    return Suggestion(market, rows)


def tick_of_price(price: Decimal) -> Decimal:
    """A power of ten between a hundred-thousandth and a ten-thousandth of the price: fine enough
    that a tick is less than any fee, coarse enough that orders meet at the same prices instead of
    stepping before each other by nothing. At least 10⁻¹⁰, the finest a row keeps."""
    return _power_of_ten(price.adjusted() - 4)


def lot_of_price(price: Decimal) -> Decimal:
    """A power of ten that is worth 1 to 10 of the settlement currency: any sum a trader has in mind
    is a size. With `tick_of_price` a tick of a lot is a ten-thousandth, a whole number of money
    units, at every price down to the finest tick; below that it is more."""
    return _power_of_ten(-price.adjusted())


def _power_of_ten(exponent: int) -> Decimal:
    return Decimal(1).scaleb(min(max(exponent, STEP_MIN_EXPONENT), STEP_MAX_EXPONENT))


def lots_worth(market: Market, price: Decimal, value: int) -> int:
    """As many lots as are worth about so much, to one digit, so that the limit is a size a person
    can keep in mind; at least one, at most what an order may have."""
    lots = int(Decimal(value) / (price * market.lot_size))
    power = int("1".ljust(len(str(lots)), "0"))
    return min(max(1, lots // power * power), MAX_SIZE_LOTS)


def within(value: int, lowest: int, highest: int) -> int:
    return min(max(value, lowest), highest)


def price_band_of_move(move_ppm: int) -> int:
    """Two usual days: no honest trade is further from the mark, a slip of the finger is."""
    return within(2 * move_ppm, 50_000, 500_000)


def slippage_of_move(move_ppm: int) -> int:
    """A quarter of a day's move: more than a market order pays in an orderly book, less than what
    its sender would dispute."""
    return within(move_ppm // 4, 5_000, 50_000)


def tiers_of_move(move_ppm: int, depth: int) -> list[LeverageTier]:
    """The smallest positions have at least half of a usual day's move as initial margin; each next
    tier, from more of the book's depth on, takes the next lower leverage, for a larger position is
    closed at worse prices. Maintenance is half of the initial margin, so that there are some per
    cent between the first warning and the liquidation, and again between that and bankruptcy."""
    most = max(1, 2 * PPM // move_ppm)
    leverages = [leverage for leverage in LEVERAGES if leverage <= most]
    return [
        LeverageTier(
            floor_units=depths * depth * MONEY_UNITS_PER_CURRENCY,
            max_leverage=leverage,
            maintenance_ppm=PPM // (2 * leverage),
        )
        for depths, leverage in zip(DEPTHS_OF_TIERS, leverages, strict=False)
    ]


POSITIONS_INSURED = 10


def advised_insurance_units(market: Market, table: TierTable, price_ticks: int) -> int:
    """What the fund should hold before strangers trade: ten positions as large as the first tier
    lets them be, each closed past its bankruptcy price by as far as the mark may leave the index,
    to whole units of currency, rounded up."""
    largest = market.max_open_interest_lots * market.units_per_tick_lot * price_ticks
    value = min(largest, table.tiers[1].floor_units) if len(table.tiers) > 1 else largest
    needed = POSITIONS_INSURED * value * market.mark_clamp_ppm
    return -(-needed // (PPM * MONEY_UNITS_PER_CURRENCY)) * MONEY_UNITS_PER_CURRENCY
