"""An account as its own channel tells it: orders, positions and money, without asking again.

It begins with a snapshot and applies each message once, by its sequence. Money is what fills,
funding and settlement made of it; what comes or goes otherwise (deposits, transfers, withdrawals)
is no matter of the account channel, so after one of those `Feed.resync` takes another snapshot.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_EVEN, Decimal

from exchange_client.feeds import account_events as told
from exchange_client.models.account import Snapshot
from exchange_client.models.words import LIVE_STATUSES

_ZERO = Decimal(0)
_UNIT = Decimal("0.000001")  # all money is in whole ones


@dataclass(frozen=True)
class OpenOrder:
    """What is not known of an order that waits for its trigger is None."""

    order_id: int
    market_id: str
    client_order_id: str | None = None
    status: str = "pending"
    side: str | None = None
    price: Decimal | None = None
    remaining_qty: Decimal | None = None


@dataclass(frozen=True)
class HeldPosition:
    """``qty`` is below zero for a short, and so is its ``cost``: what it was entered at."""

    qty: Decimal = _ZERO
    cost: Decimal = _ZERO
    margin: Decimal = _ZERO
    average_price: Decimal | None = None

    @classmethod
    def of(
        cls, side: str | None, qty: Decimal, average_price: Decimal | None, margin: Decimal
    ) -> "HeldPosition":
        signed = -qty if side == "SHORT" else qty
        exact = signed * (average_price or _ZERO)
        cost = exact.quantize(_UNIT, rounding=ROUND_HALF_EVEN)
        return cls(signed, cost, margin, average_price)

    def unrealized_pnl(self, mark_price: Decimal) -> Decimal:
        return self.qty * mark_price - self.cost


@dataclass
class AccountView:
    """``seq``: market by market, the last entry it has. ``money``: all there is but unrealised
    profit, whether it is available, held by orders or margin."""

    seq: dict[str, int] = field(default_factory=dict)
    money: Decimal = _ZERO
    orders: dict[int, OpenOrder] = field(default_factory=dict)
    positions: dict[str, HeldPosition] = field(default_factory=dict)

    def position(self, market_id: str) -> HeldPosition:
        return self.positions.get(market_id, HeldPosition())

    def open_orders(self, market_id: str | None = None) -> list[OpenOrder]:
        return [one for one in self.orders.values() if market_id in {None, one.market_id}]

    def equity(self, mark_prices: Mapping[str, Decimal]) -> Decimal:
        """Raises KeyError for a position whose mark isn't given."""
        gained = (
            held.unrealized_pnl(mark_prices[market_id])
            for market_id, held in self.positions.items()
            if held.qty
        )
        return self.money + sum(gained, _ZERO)

    def begin(self, snapshot: Snapshot) -> None:
        equity = snapshot.equity
        self.seq = dict(snapshot.seq)
        self.money = equity.available + equity.locked + equity.margin
        self.positions = {
            one.market_id: HeldPosition.of(one.type, one.qty, one.average_price, one.margin)
            for one in snapshot.positions
        }
        self.orders = {
            one.id: OpenOrder(
                one.id,
                one.market_id,
                one.client_order_id,
                one.status,
                one.type,
                one.price,
                one.remaining_qty,
            )
            for one in snapshot.orders
        }

    def apply(
        self, market_id: str, seq: int, events: Sequence[told.KnownEvent | told.OtherEvent]
    ) -> bool:
        """False for what it has already."""
        if seq <= self.seq.get(market_id, 0):
            return False
        self.seq[market_id] = seq
        for event in events:
            if isinstance(event, told.OrderEvent):
                self._on_order(market_id, event)
            else:
                self._on_money(market_id, event)
        return True

    def _on_order(self, market_id: str, event: told.OrderEvent) -> None:
        known = self.orders.get(event.order_id) or OpenOrder(event.order_id, market_id)
        if event.client_order_id is not None:
            known = replace(known, client_order_id=event.client_order_id)
        match event:
            case told.CancelRejected() | told.AmendRejected() | told.ActivationRejected():
                return  # the order is as it was
            case told.OrderAccepted(side=side, price=price, qty=qty):
                known = replace(known, side=side, price=price, remaining_qty=qty)
            case told.OrderRested(side=side, price=price, remaining_qty=qty):
                known = replace(known, side=side, price=price, remaining_qty=qty)
            case told.OrderTriggered(price=price, qty=qty):
                known = replace(known, price=price or known.price, remaining_qty=qty)
            case told.OrderAmended(price=price, remaining_qty=qty):
                known = replace(known, price=price, remaining_qty=qty)
            case told.CoverChanged(qty=qty):
                known = replace(known, remaining_qty=qty)
            case told.ConditionalAmended(price=price, qty=qty):
                known = replace(known, price=price, remaining_qty=qty)
            case told.OrderCancelled(remaining_qty=qty):
                known = replace(known, remaining_qty=qty)
        self._keep(replace(known, status=event.status))

    def _keep(self, order: OpenOrder) -> None:
        if order.status in LIVE_STATUSES:
            self.orders[order.order_id] = order
        else:
            self.orders.pop(order.order_id, None)

    def _on_money(self, market_id: str, event: told.AccountEvent | told.OtherEvent) -> None:
        held = self.position(market_id)
        match event:
            case told.Fill():
                self.money += event.net
                self._on_fill(market_id, event)
            case told.PositionChanged():
                changed = HeldPosition.of(event.type, event.qty, event.average_price, event.margin)
                self.positions[market_id] = changed
            case told.MarginAdjusted():
                self.positions[market_id] = replace(held, margin=event.margin)
            case told.FundingSettled():
                self.money += event.amount + event.from_profit
                cost = held.cost + event.from_profit
                self.positions[market_id] = replace(held, cost=cost, margin=event.margin)
            case told.PositionSettled():
                self.money += event.net
                self.positions[market_id] = HeldPosition()

    def _on_fill(self, market_id: str, event: told.Fill) -> None:
        if event.order_id is None:
            return
        known = self.orders.get(event.order_id) or OpenOrder(event.order_id, market_id)
        known = replace(known, side=event.side, remaining_qty=event.remaining_qty)
        if event.client_order_id is not None:
            known = replace(known, client_order_id=event.client_order_id)
        self._keep(replace(known, status=event.status or "filled"))
