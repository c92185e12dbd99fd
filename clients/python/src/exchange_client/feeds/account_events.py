"""What the account channel tells, event by event."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from exchange_client.codec import decode


class AccountEvent(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="event", tag=str
):
    pass


class OrderEvent(AccountEvent, frozen=True, kw_only=True):
    """`client_order_id` is None of an order that was given none, `algo_id` of one that no algo
    sent."""

    order_id: int
    client_order_id: str | None = None
    algo_id: int | None = None
    status: str = ""


class OrderAccepted(OrderEvent, frozen=True, kw_only=True):
    """`price` is None of one that may fill anywhere in the price band."""

    side: str
    price: Decimal | None
    qty: Decimal


class OrderRested(OrderEvent, frozen=True, kw_only=True):
    side: str
    price: Decimal
    remaining_qty: Decimal


class OrderRefilled(OrderEvent, frozen=True, kw_only=True):
    """The book shows its next part, behind all others."""


class OrderRejected(OrderEvent, frozen=True, kw_only=True):
    reason: str


class OrderCancelled(OrderEvent, frozen=True, kw_only=True):
    """All of it, or a part: then something remains. Both are None of a whole position's."""

    reason: str
    cancelled_qty: Decimal | None
    remaining_qty: Decimal | None


class OrderWaiting(OrderEvent, frozen=True, kw_only=True):
    pass


class OrderAttached(OrderEvent, frozen=True, kw_only=True):
    """To the entry whose fills it will cover."""

    parent_id: int


class CoverChanged(OrderEvent, frozen=True, kw_only=True):
    """What is filled of its entry, and not closed since, is another quantity now."""

    qty: Decimal


class ConditionalAmended(OrderEvent, frozen=True, kw_only=True):
    """An order that waits: `price` is None of a market order, `qty` of a whole position."""

    price: Decimal | None
    qty: Decimal | None


class OrderTriggered(OrderEvent, frozen=True, kw_only=True):
    reference_price: Decimal
    qty: Decimal
    price: Decimal | None = None


class OrderAmended(OrderEvent, frozen=True, kw_only=True):
    price: Decimal
    qty: Decimal
    remaining_qty: Decimal
    kept_priority: bool
    visible_qty: Decimal | None = None


class CancelRejected(OrderEvent, frozen=True, kw_only=True):
    reason: str


class AmendRejected(OrderEvent, frozen=True, kw_only=True):
    reason: str


class ActivationRejected(OrderEvent, frozen=True, kw_only=True):
    reason: str


class Fill(AccountEvent, frozen=True, kw_only=True):
    """A liquidation's or deleveraging's has no order."""

    order_id: int | None
    client_order_id: str | None = None
    algo_id: int | None = None
    status: str | None
    trade_id: int
    execution: str
    side: str
    role: str
    price: Decimal
    qty: Decimal
    remaining_qty: Decimal | None
    fee: Decimal
    liquidation_fee: Decimal
    insurance_cover: Decimal
    loss_share: Decimal
    realized_pnl: Decimal

    @property
    def net(self) -> Decimal:
        """What the account has more for it, in money."""
        costs = self.fee + self.liquidation_fee + self.loss_share
        return self.realized_pnl + self.insurance_cover - costs


class PositionChanged(AccountEvent, frozen=True, kw_only=True):
    """`type` is the side; None once it is closed."""

    type: str | None
    qty: Decimal
    margin: Decimal
    average_price: Decimal | None


class MarginAdjusted(AccountEvent, frozen=True, kw_only=True):
    amount: Decimal
    margin: Decimal


class MarginAdjustmentRejected(AccountEvent, frozen=True, kw_only=True):
    reason: str
    released: Decimal
    removable: Decimal | None = None


class CountdownSet(AccountEvent, frozen=True, kw_only=True):
    due_ms: int
    protective: bool


class PositionLiquidated(AccountEvent, frozen=True, kw_only=True):
    mark_price: Decimal
    qty: Decimal
    left_qty: Decimal
    equity: Decimal
    maintenance: Decimal
    fee_reserve: Decimal
    margin_ratio: Decimal | None
    liquidation_fee: Decimal
    returned: Decimal


class FundingSettled(AccountEvent, frozen=True, kw_only=True):
    """`amount` below zero was paid; `from_profit` of the unrealised profit was realised for it."""

    rate: Decimal
    mark_price: Decimal
    amount_per_lot: Decimal
    amount: Decimal
    from_profit: Decimal
    margin: Decimal


class PositionSettled(AccountEvent, frozen=True, kw_only=True):
    price: Decimal
    qty: Decimal
    realized_pnl: Decimal
    returned: Decimal
    liquidation_fee: Decimal
    insurance_cover: Decimal
    loss_share: Decimal

    @property
    def net(self) -> Decimal:
        costs = self.liquidation_fee + self.loss_share
        return self.realized_pnl + self.insurance_cover - costs


class OtherEvent(msgspec.Struct, frozen=True):
    """Of a kind that this version does not know."""

    event: str
    body: dict[str, Any]


KnownEvent = (
    OrderAccepted
    | OrderRested
    | OrderRefilled
    | OrderRejected
    | OrderCancelled
    | OrderWaiting
    | OrderAttached
    | CoverChanged
    | ConditionalAmended
    | OrderTriggered
    | OrderAmended
    | CancelRejected
    | AmendRejected
    | ActivationRejected
    | Fill
    | PositionChanged
    | MarginAdjusted
    | MarginAdjustmentRejected
    | CountdownSet
    | PositionLiquidated
    | FundingSettled
    | PositionSettled
)
_KINDS = {kind.__name__: kind for kind in KnownEvent.__args__}


class _Named(msgspec.Struct):
    event: str


def events_of(written: Sequence[msgspec.Raw]) -> tuple[KnownEvent | OtherEvent, ...]:
    """Raises UnexpectedAnswer for a known event that lacks something."""
    return tuple(_event_of(bytes(raw)) for raw in written)


def _event_of(raw: bytes) -> KnownEvent | OtherEvent:
    name = decode(raw, _Named).event
    kind = _KINDS.get(name)
    return decode(raw, kind) if kind else OtherEvent(name, decode(raw, dict[str, Any]))
