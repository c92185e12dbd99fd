"""Closing a position now, or a part of it: a reduce-only order of its other side.

It is an order like any other, and its trader's own. What the position has become meanwhile decides:
the engine trims the order to what there is to close.
"""

from msgspec import Struct

from common.errors import DomainError, ErrorCode
from markets.conversions import lots_text
from markets.rules import MarketRules, market_rules
from matching.messages.vocabulary import OrderStatus, OrderType, Side
from trading import selectors
from trading.models import Order
from trading.orders.place import PlacedOrder, place_order
from trading.orders.repeats import conflict_with
from trading.orders.request import ClosingOrder, OptionalNumber


class Closing(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """All of the position where `qty` is left out; at the market where `price` is. `maxSlippage` as
    of an order."""

    qty: OptionalNumber = None
    price: OptionalNumber = None
    max_slippage: OptionalNumber = None
    client_order_id: str | None = None


def close_position(user_id: int, market_id: str, closing: Closing) -> PlacedOrder:
    """Raises DomainError, also where there is no position. A client order id that was used before
    answers the order that closed under it, if the same was asked for."""
    rules = market_rules(market_id)
    if (first := _first_under(user_id, closing.client_order_id)) is not None:
        again = closing_order(rules, 1 if first.side == Side.SHORT else -1, closing)
        if (conflict := conflict_with(first, again)) is not None:
            raise conflict
        status = OrderStatus(first.status)
        return PlacedOrder(first.pk, first.market_id, status, repeated=True)
    position = selectors.open_position(user_id, market_id)
    if position is None:
        message = f"There is no position in {market_id} to close."
        raise DomainError(ErrorCode.NO_POSITION, message)
    return place_order(user_id, closing_order(rules, position.position_lots, closing))


def closing_order(rules: MarketRules, position_lots: int, closing: Closing) -> ClosingOrder:
    """The largest order there may be, of a position that is larger."""
    lots = max(rules.min_size_lots, min(abs(position_lots), rules.max_size_lots))
    is_whole = closing.qty is None
    return ClosingOrder(
        market_id=rules.id,
        side=Side.SHORT if position_lots > 0 else Side.LONG,
        order_type=OrderType.MARKET if closing.price is None else OrderType.LIMIT,
        qty=lots_text(lots, rules.lot_size) if is_whole else closing.qty,
        is_whole=is_whole,
        price=closing.price,
        max_slippage=closing.max_slippage,
        reduce_only=True,
        client_order_id=closing.client_order_id,
    )


def _first_under(user_id: int, client_order_id: str | None) -> Order | None:
    if client_order_id is None:
        return None
    (first,) = selectors.orders_named([(user_id, client_order_id)])
    return first
