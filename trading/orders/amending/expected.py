"""An order as the engine will have it once all is done that its trader has asked for already.

Theory of operation. An amendment changes what it names, and it is judged, and its hold worked out,
by the order that it will meet. That is not its row: amendments before it are committed and sent,
and the ledger has not written yet what became of them. So they are done here to a copy of the row,
one after the other and each to what it names, as the engine will do it.

Nothing is decided by that. The engine changes what is named of the order that it has. Where it
refused one of those before, the next may bring less than it needs: then it is refused, too, and
its trader told; what an amendment brings beyond need goes back.
"""

import copy
from collections.abc import Sequence

from msgspec import UnsetType

from matching.messages.commands import AmendConditional, AmendOrder
from matching.messages.holds import margin_of_size
from trading.commands.outbox import command_of_row
from trading.models import Order, OutboxCommand


def as_expected(order: Order, on_their_way: Sequence[OutboxCommand]) -> Order:
    """A copy, which is not to be saved."""
    expected = order
    for row in on_their_way:
        match command_of_row(row):
            case AmendOrder() as amendment:
                expected = _amended(expected, amendment)
            case AmendConditional() as amendment:
                expected = _condition_amended(expected, amendment)
    return expected


def as_changed(order: Order, price_ticks: int, size_lots: int, visible_lots: int) -> Order:
    """A copy, likewise. A margin named for the whole order stays the same per lot."""
    changed = copy.copy(order)
    changed.price_ticks, changed.visible_lots = price_ticks, visible_lots
    changed.margin_units = margin_of_size(order.margin_units, order.size_lots, size_lots)
    changed.size_lots, changed.cancelled_lots = size_lots, 0
    return changed


def _amended(order: Order, amendment: AmendOrder) -> Order:
    price_ticks, size_lots = amendment.price_ticks, amendment.size_lots
    if amendment.keeps_price is True:
        price_ticks = order.price_ticks
    if amendment.keeps_size is True:
        size_lots = order.filled_lots + order.remaining_lots
    if size_lots <= order.filled_lots:
        return order  # more was filled since: it is refused
    visible_lots = amendment.visible_lots
    if isinstance(visible_lots, UnsetType):
        visible_lots = order.visible_lots
    amended = as_changed(order, price_ticks, size_lots, visible_lots)
    amended.held_units += amendment.hold_units
    if amendment.keeps_price is not True:
        amended.price_match = None
    return amended


def _condition_amended(order: Order, amendment: AmendConditional) -> Order:
    price_ticks = amendment.price_ticks or order.price_ticks
    size_lots = amendment.size_lots or order.size_lots
    amended = as_changed(order, price_ticks, size_lots, order.visible_lots)
    amended.trigger_price_ticks = amendment.trigger_price_ticks or order.trigger_price_ticks
    amended.trigger_callback_ppm = amendment.callback_ppm or order.trigger_callback_ppm
    return amended
