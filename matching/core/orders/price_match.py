"""The price of an order that names a place in the book instead of one.

Theory of operation. QUEUE is the best price of the order's own side, OPPONENT that of the other;
with _5 it is the fifth price from there. The engine alone knows the book the order meets, so it
decides when the command comes, once: from then on the order is a limit order like any other. Its
hold was made for the worst price it may get; what the price it got doesn't need goes back at once.

An order is refused where the book has no such price or the price is worse than its hold was made
for, and so is one that is no limit order.
"""

from itertools import islice

import msgspec
from msgspec import UnsetType

from matching.core.market.state import State
from matching.messages.commands import MarketConfig, PlaceOrder
from matching.messages.holds import order_reserve
from matching.messages.vocabulary import OrderType, PriceMatch, RejectCode, Side


def priced(state: State, command: PlaceOrder) -> tuple[PlaceOrder, RejectCode | None]:
    """The order with the price it gets, or as it is and why it gets none."""
    if isinstance(command.price_match, UnsetType):
        return command, None
    is_long = command.side is Side.LONG
    price_ticks = _price_ticks(state, command.price_match, is_long)
    if not price_ticks or command.order_type is OrderType.MARKET:
        return command, RejectCode.NO_PRICE_TO_MATCH
    worst = command.price_ticks
    if price_ticks > worst if is_long else price_ticks < worst:
        return command, RejectCode.PRICE_OUTSIDE_BAND
    return msgspec.structs.replace(command, price_ticks=price_ticks), None


def _price_ticks(state: State, price_match: PriceMatch, is_long: bool) -> int:
    """0 if the book has none there."""
    side = state.book.side(is_long if price_match.is_own_side else not is_long)
    for level in islice(side.levels(), price_match.level - 1, None):
        return level.price_ticks
    return 0


def reserve_needed(state: State, config: MarketConfig, command: PlaceOrder) -> int:
    """Per lot, at most what was held: as if the order had been sent with the price it got."""
    held = command.hold_units // command.size_lots
    if isinstance(command.price_match, UnsetType) or not held:
        return held
    reserve = order_reserve(
        units_per_tick_lot=config.units_per_tick_lot,
        taker_fee_ppm=command.taker_fee_ppm,
        side=command.side,
        order_type=command.order_type,
        price_ticks=command.price_ticks,
        mark_ticks=state.mark_price_ticks,
        best_bid_ticks=state.book.best_bid_ticks(),
        named_margin_per_lot_units=command.margin_units // command.size_lots,
        leverage=command.leverage,
    )
    return min(held, reserve.per_lot_units)
