"""The price an order takes from the book, and what it must hold for it, by the rules alone."""

from collections.abc import Iterable
from fractions import Fraction
from math import ceil

import msgspec
from msgspec import UnsetType

from matching.messages.commands import PlaceOrder
from matching.messages.vocabulary import OrderType, RejectCode, Side
from tests.matching.naive_rules import MILLION, NaiveRules, Resting


def with_price(book: Iterable[Resting], c: PlaceOrder) -> tuple[PlaceOrder, RejectCode | None]:
    """Or why it has none."""
    if isinstance(c.price_match, UnsetType):
        return c, None
    buys = c.side is Side.LONG
    from_bids = buys == c.price_match.startswith("QUEUE")
    prices = sorted({o.price for o in book if (o.sign > 0) == from_bids}, reverse=from_bids)
    place = 4 if c.price_match.endswith("5") else 0
    if place >= len(prices) or c.order_type is OrderType.MARKET:
        return c, RejectCode.NO_PRICE_TO_MATCH
    price = prices[place]
    if (c.price_ticks - price) * (1 if buys else -1) < 0:
        return c, RejectCode.PRICE_OUTSIDE_BAND
    return msgspec.structs.replace(c, price_ticks=price), None


def kept_of_hold(naive: NaiveRules, c: PlaceOrder) -> int:
    """Per lot: all of it, or what the price that was found needs. A sale may fill at any bid, which
    may rise by half a percent before it is there."""
    brought = c.hold_units // c.size_lots
    if isinstance(c.price_match, UnsetType):
        return brought
    assert naive.config is not None
    price = c.price_ticks
    bids = [o.price for o in naive.book if o.sign > 0 and o.price >= price]
    if c.side is Side.SHORT and bids:
        price = ceil(max(bids) * Fraction(1_005_000, MILLION))
    value = naive.config.units_per_tick_lot * price
    margin = c.margin_units // c.size_lots or ceil(Fraction(value, c.leverage))
    loss = naive.loss_at_mark(1 if c.side is Side.LONG else -1, price, 1)
    return min(brought, margin + loss + ceil(Fraction(value * c.taker_fee_ppm, MILLION)))
