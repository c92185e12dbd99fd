"""How much money an order must carry. Shared by the API, which holds it, and the engine, which
checks it, so that the rule exists once.

Per lot, an order reserves

    margin part + open loss + taker fee

at the worst price P it can fill at (Binance USDⓈ-M, "cost required to open a position"). The margin
part is what the trader named, or ``⌈k·P/leverage⌉``; the open loss ``k·max(0, side·(P − mark))``;
the fee ``⌈k·P·taker⌉``; ``k`` is money units per tick and lot. Everything rounds up, against the
trader, and per lot, so that any part of an order is covered by its share of the hold.

P of a long is its limit. A short fills at bids at or above its limit, so while it may take, P is
what the best bid could be; once it rests, P is its limit. So a short at one tick holds its share.

The limit of a market order is as far from the mark as its slippage allows. Its open loss is counted
there on both sides, so a market order to sell reserves about what the same order to buy does:
margin and fee where it would fill best, open loss where it would fill worst.
"""

from matching.messages.limits import MAX_PRICE_TICKS, PPM
from matching.messages.vocabulary import OrderType, Side

# How far bids may rise between the API's look at the book and the engine's, before a taking short
# finds its hold short and loses its remainder. Costs nothing but a moment's larger hold.
TAKING_SHORT_CUSHION_PPM = 5_000


def ceil_div(numerator: int, denominator: int) -> int:
    """Quotient rounded towards +∞; the denominator is positive."""
    return -(-numerator // denominator)


def band_edges(mark_ticks: int, band_ppm: int) -> tuple[int, int]:
    """Lowest and highest price a fill may have, in ticks, both inclusive; the lowest is ≥ 1."""
    lower = ceil_div(mark_ticks * (PPM - band_ppm), PPM)
    upper = mark_ticks * (PPM + band_ppm) // PPM
    return max(1, lower), upper


def slippage_limit_ticks(side: Side, mark_ticks: int, max_slippage_ppm: int, band_ppm: int) -> int:
    """The worst price of a market order: mark·(1 ± slippage), rounded towards the mark, so never
    further from it than was allowed; and never outside the price band."""
    lower, upper = band_edges(mark_ticks, min(max_slippage_ppm, band_ppm))
    return min(upper, MAX_PRICE_TICKS) if side is Side.LONG else lower


def margin_per_lot(
    units_per_tick_lot: int, price_ticks: int, named_margin_per_lot_units: int, leverage: int
) -> int:
    """Margin one lot brings into the position when it opens at this price."""
    if named_margin_per_lot_units:
        return named_margin_per_lot_units
    return ceil_div(units_per_tick_lot * price_ticks, leverage)


def margin_of_size(margin_units: int, before_lots: int, after_lots: int) -> int:
    """The margin named for a whole order, of other lots: the same per lot, rounded down. Where
    there are as many it is what was named, whether or not that divides."""
    return margin_units if after_lots == before_lots else margin_units // before_lots * after_lots


def fee_units(units_per_tick_lot: int, price_ticks: int, size_lots: int, fee_ppm: int) -> int:
    """Fee on a fill, rounded up."""
    return ceil_div(units_per_tick_lot * price_ticks * size_lots * fee_ppm, PPM)


def open_loss_per_lot(
    units_per_tick_lot: int, side: Side, price_ticks: int, mark_ticks: int
) -> int:
    """Loss at the mark price of one lot opened at this price; never negative."""
    distance = price_ticks - mark_ticks if side is Side.LONG else mark_ticks - price_ticks
    return units_per_tick_lot * max(0, distance)


def worst_price_ticks(
    side: Side, order_type: OrderType, price_ticks: int, mark_ticks: int, best_bid_ticks: int
) -> int:
    """P: the highest price the order may fill at, as far as the API can know.

    ``price_ticks`` of a market order is its slippage limit. ``best_bid_ticks`` is 0 for no bids.
    """
    if side is Side.LONG:
        return price_ticks
    bid = max(best_bid_ticks, mark_ticks if order_type is OrderType.MARKET else 0)
    if bid < price_ticks:
        return price_ticks
    return ceil_div(bid * (PPM + TAKING_SHORT_CUSHION_PPM), PPM)


def reserve_per_lot(
    *,
    units_per_tick_lot: int,
    taker_fee_ppm: int,
    side: Side,
    worst_ticks: int,
    mark_ticks: int,
    named_margin_per_lot_units: int,
    leverage: int,
) -> int:
    """Hold per lot, in money units. Reduce-only orders hold nothing and don't come here."""
    margin = margin_per_lot(units_per_tick_lot, worst_ticks, named_margin_per_lot_units, leverage)
    loss = open_loss_per_lot(units_per_tick_lot, side, worst_ticks, mark_ticks)
    return margin + loss + fee_units(units_per_tick_lot, worst_ticks, 1, taker_fee_ppm)


class Reserve:
    """What one lot of an order reserves, by part, in money units."""

    __slots__ = ("fee_units", "margin_units", "open_loss_units")

    def __init__(self, margin_units: int, open_loss_units: int, fee_units: int) -> None:
        self.margin_units = margin_units
        self.open_loss_units = open_loss_units
        self.fee_units = fee_units

    @property
    def per_lot_units(self) -> int:
        return self.margin_units + self.open_loss_units + self.fee_units


def order_reserve(
    *,
    units_per_tick_lot: int,
    taker_fee_ppm: int,
    side: Side,
    order_type: OrderType,
    price_ticks: int,
    mark_ticks: int,
    best_bid_ticks: int,
    named_margin_per_lot_units: int,
    leverage: int,
) -> Reserve:
    """What a lot of an order that arrives must reserve; arguments as of `worst_price_ticks`."""
    k = units_per_tick_lot
    worst = worst_price_ticks(side, order_type, price_ticks, mark_ticks, best_bid_ticks)
    loss_at = price_ticks if order_type is OrderType.MARKET else worst
    return Reserve(
        margin_per_lot(k, worst, named_margin_per_lot_units, leverage),
        open_loss_per_lot(k, side, loss_at, mark_ticks),
        fee_units(k, worst, 1, taker_fee_ppm),
    )
