"""Orders: as they are placed, and what became of them."""

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any, Self

import msgspec

from exchange_client.codec import Answer, Asked
from exchange_client.models.words import (
    OrderType,
    PriceMatch,
    SelfTradePrevention,
    Side,
    TimeInForce,
    TriggerBy,
    TriggerKind,
)


def new_id() -> str:
    """A client order id or idempotency key that nobody had before."""
    return uuid.uuid4().hex


class NewTrigger(Asked, frozen=True):
    """`callback` is a trailing stop's, as a share: Decimal("0.01") for 1 %."""

    type: TriggerKind
    by: TriggerBy = "MARK"
    price: Decimal | None = None
    callback: Decimal | None = None


class NewAttached(Asked, frozen=True):
    """A take-profit or stop-loss of an entry: `price` fires it; then a limit order at
    `limit_price`, or a market order. It covers what is filled of its entry."""

    price: Decimal
    by: TriggerBy = "MARK"
    limit_price: Decimal | None = None
    client_order_id: str = msgspec.field(default_factory=new_id)


class NewOther(Asked, frozen=True):
    """A conditional order that makes a pair with the one it comes with: whichever fills or fires
    first cancels the other. It is named by a client order id of its own."""

    side: Side
    order_type: OrderType
    trigger: NewTrigger
    qty: Decimal | None = None
    price: Decimal | None = None
    leverage: int | None = None
    margin: Decimal | None = None
    max_slippage: Decimal | None = None
    time_in_force: TimeInForce | None = None
    reduce_only: bool = False
    close_position: bool = False
    expires_at: datetime | None = None
    client_order_id: str = msgspec.field(default_factory=new_id)


class NewOrder(Asked, frozen=True):
    """An order to place, once: whoever sends the same one again is answered with the first. Made
    with `limit`, `matched`, `market` or `stop`, or by its fields; `leverage` or `margin`, not both.
    """

    market_id: str
    side: Side
    order_type: OrderType
    qty: Decimal | None = None
    price: Decimal | None = None
    price_match: PriceMatch | None = None
    visible_qty: Decimal | None = None
    leverage: int | None = None
    margin: Decimal | None = None
    max_slippage: Decimal | None = None
    time_in_force: TimeInForce | None = None
    post_only: bool = False
    reduce_only: bool = False
    close_position: bool = False
    expires_at: datetime | None = None
    trigger: NewTrigger | None = None
    take_profit: NewAttached | None = None
    stop_loss: NewAttached | None = None
    other: NewOther | None = None
    self_trade_prevention: SelfTradePrevention = "EXPIRE_MAKER"
    client_order_id: str = msgspec.field(default_factory=new_id)

    @classmethod
    def limit(cls, market_id: str, side: Side, qty: Decimal, price: Decimal, **terms: Any) -> Self:
        """Other terms are fields of this struct, by their names here."""
        return cls(
            market_id=market_id, side=side, order_type="limit", qty=qty, price=price, **terms
        )

    @classmethod
    def matched(
        cls, market_id: str, side: Side, qty: Decimal, price_match: PriceMatch, **terms: Any
    ) -> Self:
        """A limit order whose price is the book's when it comes there."""
        return cls(
            market_id=market_id,
            side=side,
            order_type="limit",
            qty=qty,
            price_match=price_match,
            **terms,
        )

    @classmethod
    def market(cls, market_id: str, side: Side, qty: Decimal, **terms: Any) -> Self:
        return cls(market_id=market_id, side=side, order_type="market", qty=qty, **terms)

    @classmethod
    def stop(
        cls, market_id: str, side: Side, price: Decimal, *, by: TriggerBy = "MARK", **terms: Any
    ) -> Self:
        """At the market once the price is there; of the whole position unless a qty is named."""
        terms = terms if terms.get("qty") is not None else {"close_position": True} | terms
        trigger = NewTrigger(type="STOP", by=by, price=price)
        return cls(market_id=market_id, side=side, order_type="market", trigger=trigger, **terms)


class TriggerChange(Asked, frozen=True):
    """Of the condition of an order that waits, also an attached one; what is left out stays."""

    price: Decimal | None = None
    callback: Decimal | None = None


class OrderChange(Asked, frozen=True):
    """Names its order by one of both ids; `qty` is of the whole order, with what is filled. What
    isn't given stays."""

    order_id: int | None = None
    client_order_id: str | None = None
    price: Decimal | None = None
    qty: Decimal | None = None
    visible_qty: Decimal | None = None
    trigger: TriggerChange | None = None


class Trigger(Answer, frozen=True):
    type: str
    by: str
    price: Decimal | None
    callback: Decimal | None
    triggered_at: datetime | None


class Order(Answer, frozen=True):
    """`type` is the side. `qty` and `remaining_qty` are None while it is of a whole position.
    `parent_id` is its entry where it is attached, `other_id` the other of a pair, `algo_id` the
    algo that sent it."""

    id: int
    user_id: int
    market_id: str
    client_order_id: str | None
    type: str
    order_type: str
    time_in_force: str
    qty: Decimal | None
    filled_qty: Decimal
    remaining_qty: Decimal | None
    price: Decimal | None
    max_slippage: Decimal | None
    average_price: Decimal | None
    margin: Decimal | None
    leverage: int | None
    held: Decimal
    reduce_only: bool
    post_only: bool
    close_position: bool
    expires_at: datetime | None
    trigger: Trigger | None
    maker_fee: Decimal
    taker_fee: Decimal
    self_trade_prevention: str
    status: str
    reason: str | None
    created_at: datetime
    updated_at: datetime
    price_match: str | None = None
    parent_id: int | None = None
    other_id: int | None = None
    algo_id: int | None = None
    visible_qty: Decimal | None = None


class Orders(Answer, frozen=True):
    orders: list[Order]
    next_cursor: str | None


class ResultFill(Answer, frozen=True):
    trade_id: int
    role: str
    qty: Decimal
    price: Decimal
    fee: Decimal
    realized_pnl: Decimal


class OrderResult(Answer, frozen=True):
    """What the order met as it arrived at the engine; `seq` is the account channel's."""

    status: str
    reason: str | None
    filled_qty: Decimal
    remaining_qty: Decimal | None
    average_price: Decimal | None
    fee: Decimal
    fills: list[ResultFill]
    seq: int | None


class Placed(Answer, frozen=True):
    """`result` only where it was waited for and came in time."""

    message: str
    order_id: int
    status: str
    result: OrderResult | None = None
    take_profit_id: int | None = None
    stop_loss_id: int | None = None
    other_id: int | None = None


class Required(Answer, frozen=True):
    margin: Decimal
    open_loss: Decimal
    fee: Decimal
    total: Decimal
    already_held: Decimal | None = None


class BatchItem(Answer, frozen=True):
    """`ok` with an `order_id`, or a `code` that says why not."""

    ok: bool
    message: str
    order_id: int | None = None
    status: str | None = None
    code: str | None = None
    field: str | None = None
    required: Required | None = None
    available: Decimal | None = None
    result: OrderResult | None = None
    take_profit_id: int | None = None
    stop_loss_id: int | None = None
    other_id: int | None = None


class Batch(Answer, frozen=True):
    """In the order asked."""

    results: list[BatchItem]


class ExpectedFills(Answer, frozen=True):
    qty: Decimal
    average_price: Decimal | None
    slippage: Decimal | None
    fee: Decimal
    realized_pnl: Decimal


class PositionAfter(Answer, frozen=True):
    type: str | None
    qty: Decimal
    average_price: Decimal | None
    margin: Decimal
    leverage: Decimal | None
    liquidation_price: Decimal | None


class Preview(Answer, frozen=True):
    """What an order would do against the book as it is."""

    outcome: str
    worst_price: Decimal
    required: Required
    available: Decimal
    affordable: bool
    maker_fee: Decimal
    taker_fee: Decimal
    expected: ExpectedFills
    position: PositionAfter | None
    max_qty: Decimal | None


class Cancelling(Answer, frozen=True):
    message: str
    market_ids: list[str]
    protective: bool


class CountdownSent(Answer, frozen=True):
    message: str
    market_id: str
    command_id: int
    protective: bool
