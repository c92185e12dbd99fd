"""An order, and a change of one, as its trader asks for it: nothing but its shape is known to be
right. JSON spells the names in camelCase.
"""

from enum import StrEnum
from typing import Annotated, Any

from msgspec import Meta, Struct

from matching.messages.vocabulary import (
    OrderType,
    PriceMatch,
    SelfTradePrevention,
    Side,
    TimeInForce,
    TriggerBy,
    TriggerKind,
)

# A JSON number or its text; `markets.conversions` reads it without loss.
Number = Annotated[Any, Meta(extra_json_schema={"type": ["string", "number"]})]
OptionalNumber = Annotated[Any, Meta(extra_json_schema={"type": ["string", "number", "null"]})]
# RFC 3339 with its zone, read by `markets.conversions.time_asked_ms`.
OptionalTime = Annotated[
    Any, Meta(extra_json_schema={"type": ["string", "null"], "format": "date-time"})
]


class NewTrigger(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What a conditional order waits for. `price` fires it; of a trailing stop it activates it and
    may be left out, and `callback` is how far back from the best price it fires, 0.01 for 1 %."""

    type: TriggerKind
    by: TriggerBy = TriggerBy.MARK
    price: OptionalNumber = None
    callback: OptionalNumber = None


class NewAttached(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A take-profit or stop-loss of an entry. `price` fires it; it is then a limit order at
    `limitPrice`, or a market order where that is left out."""

    price: Number
    by: TriggerBy = TriggerBy.MARK
    limit_price: OptionalNumber = None
    client_order_id: str | None = None


class NewOther(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A conditional order that makes a pair with the order it comes with: whichever of the two
    fills or fires first cancels the other. Its fields are those of an order."""

    side: Side
    order_type: OrderType
    trigger: NewTrigger
    qty: OptionalNumber = None
    price: OptionalNumber = None
    margin: OptionalNumber = None
    leverage: OptionalNumber = None
    max_slippage: OptionalNumber = None
    time_in_force: TimeInForce | None = None
    reduce_only: bool = False
    close_position: bool = False
    expires_at: OptionalTime = None
    client_order_id: str | None = None


class NewOrder(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """An order as a trader sends it. `margin` is for the whole order; or `leverage` decides it, or
    the leverage set for the market. `maxSlippage` is how far from the mark price a market order may
    fill, 0.005 for 0.5 %; the market's if it is left out. With `priceMatch` a limit order gets its
    price from the book when it comes there, no further from the mark than `maxSlippage`.
    With `visibleQty` the book shows no more than that of it at a time.
    `takeProfit` and `stopLoss` sleep until its first fill and cover what is filled of it. `other`
    makes a pair with it, of which one cancels the other."""

    market_id: str
    side: Side
    order_type: OrderType
    qty: OptionalNumber = None
    price: OptionalNumber = None
    price_match: PriceMatch | None = None
    visible_qty: OptionalNumber = None
    margin: OptionalNumber = None
    leverage: OptionalNumber = None
    max_slippage: OptionalNumber = None
    time_in_force: TimeInForce | None = None
    post_only: bool = False
    reduce_only: bool = False
    close_position: bool = False
    expires_at: OptionalTime = None
    trigger: NewTrigger | None = None
    take_profit: NewAttached | None = None
    stop_loss: NewAttached | None = None
    other: NewOther | None = None
    client_order_id: str | None = None
    self_trade_prevention: SelfTradePrevention = SelfTradePrevention.EXPIRE_MAKER


class ClosingOrder(NewOrder, frozen=True, kw_only=True):
    """One that closes a position (`trading.positions.close`). ``is_whole``: its trader named no
    `qty`, and it is what the position had."""

    is_whole: bool = False


class Wait(StrEnum):
    """How far an order's answer waits for it; without it only until the order is on its way."""

    RESULT = "result"


class OrderToPlace(NewOrder, frozen=True, kw_only=True):
    """An order by itself. With `wait` it is answered once its engine has decided, or after 2 s."""

    wait: Wait | None = None


class TriggerChanges(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Of the condition of an order that waits. What is not given stays."""

    price: OptionalNumber = None
    callback: OptionalNumber = None


class OrderChanges(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What is not given stays. `qty` is of the whole order, with what is filled; no more than
    `visibleQty` of it is shown at a time. `trigger` is of an order that waits for its price; its
    `price` is then the limit it will have."""

    price: OptionalNumber = None
    qty: OptionalNumber = None
    visible_qty: OptionalNumber = None
    trigger: TriggerChanges | None = None


class Amendment(OrderChanges, frozen=True, kw_only=True):
    """Changes of one order of a batch, which either id names."""

    order_id: int | None = None
    client_order_id: str | None = None
