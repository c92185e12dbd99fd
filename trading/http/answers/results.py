"""① What became of an order by the engine's decision, for whoever waited for it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from itertools import chain

from markets.conversions import average_price_text, lots_text, ticks_text, units_text
from markets.rules import MarketRules, market_rules
from matching.messages.conditional_events import ConditionalAmended
from matching.messages.events import (
    AmendRejected,
    CancelRejected,
    Event,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderRejected,
    OrderRested,
    OrderWaiting,
    OutputEntry,
    Trade,
    TradeLeg,
)
from matching.messages.vocabulary import CancelReason, OrderStatus, RejectCode, Role
from trading.archive.shown import fills_shown
from trading.archive.traders import OfTrader
from trading.http.answers.answer import Answer
from trading.models import LIVE_STATUSES, Fill, Order


class ResultFill(Answer, frozen=True):
    """The order's side of a trade. `realizedPnl` is before the fee."""

    trade_id: int
    role: str
    qty: str
    price: str
    fee: str
    realized_pnl: str


class OrderResult(Answer, frozen=True):
    """What the engine made of the order in the moment it arrived there; for one that was placed
    before, how it stands now. `reason` says why it was rejected, cancelled or expired.
    `remainingQty` may still fill; null while it waits for its trigger. `fee` is of all fills.
    `seq` is the market's sequence of the decision, the one of the account channel; null for an
    order that was placed before."""

    status: str
    reason: str | None
    filled_qty: str
    remaining_qty: str | None
    average_price: str | None
    fee: str
    fills: list[ResultFill]
    seq: int | None


class ChangeResult(Answer, frozen=True):
    """What the engine made of a cancel or an amendment. `done` false: it refused, and `reason` says
    why; of a cancel that was done `reason` is the order's. `status` is the order's after it, where
    the entry tells."""

    done: bool
    status: str | None
    reason: str | None
    seq: int


@dataclass(slots=True)
class _Decided:
    """An order as the events of one entry leave it."""

    status: OrderStatus = OrderStatus.PENDING
    reason: CancelReason | RejectCode | None = None
    remaining_lots: int = 0
    fills: list[tuple[Trade, TradeLeg, Role]] = field(default_factory=list)


def result_of_entry(entry: OutputEntry, order_id: int, rules: MarketRules) -> OrderResult:
    """Of the entry that decided it."""
    decided = _decided(entry, order_id)
    fills = [
        ResultFill(
            trade_id=trade.trade_id,
            role=role,
            qty=lots_text(trade.size_lots, rules.lot_size),
            price=ticks_text(trade.price_ticks, rules.tick_size),
            fee=units_text(leg.fee_units),
            realized_pnl=units_text(leg.realized_pnl_units),
        )
        for trade, leg, role in decided.fills
    ]
    filled_lots = sum(trade.size_lots for trade, _, _ in decided.fills)
    cost_tick_lots = sum(trade.size_lots * trade.price_ticks for trade, _, _ in decided.fills)
    is_waiting = decided.status is OrderStatus.WAITING
    return OrderResult(
        status=decided.status,
        reason=decided.reason,
        filled_qty=lots_text(filled_lots, rules.lot_size),
        remaining_qty=None if is_waiting else lots_text(decided.remaining_lots, rules.lot_size),
        average_price=average_price(cost_tick_lots * rules.units_per_tick_lot, filled_lots, rules),
        fee=units_text(sum(leg.fee_units for _, leg, _ in decided.fills)),
        fills=fills,
        seq=entry.seq,
    )


def change_of_entry(entry: OutputEntry, order_id: int) -> ChangeResult:
    """Of the entry in which the change was done or refused."""
    own = [event for event in entry.events if getattr(event, "order_id", None) == order_id]
    refused = [one for one in own if isinstance(one, CancelRejected | AmendRejected)]
    if refused:
        return ChangeResult(done=False, status=None, reason=refused[0].code, seq=entry.seq)
    decided = _decided(entry, order_id)
    return ChangeResult(done=True, status=decided.status, reason=decided.reason, seq=entry.seq)


def _decided(entry: OutputEntry, order_id: int) -> _Decided:
    found = _Decided()
    for event in entry.events:
        if isinstance(event, Trade):
            _fill(found, event, order_id)
        elif getattr(event, "order_id", None) == order_id:
            _follow(found, event)
    return found


def _follow(found: _Decided, event: Event) -> None:
    match event:
        case OrderRejected():
            found.status, found.reason = OrderStatus.REJECTED, event.code
        case OrderWaiting():
            found.status = OrderStatus.WAITING
        case ConditionalAmended():
            found.status = OrderStatus.WAITING if event.arrival else OrderStatus.ASLEEP
        case OrderAccepted():
            found.status, found.remaining_lots = OrderStatus.OPEN, event.size_lots
        case OrderAmended():
            found.status, found.remaining_lots = OrderStatus.OPEN, event.remaining_lots
        case OrderRested():
            found.remaining_lots = event.remaining_lots
        case OrderCancelled():
            found.remaining_lots, found.reason = event.remaining_lots, event.reason
            if not event.remaining_lots:
                found.status = event.reason.final_status
        case _:
            pass


def _fill(found: _Decided, trade: Trade, order_id: int) -> None:
    for leg, role in ((trade.taker, Role.TAKER), (trade.maker, Role.MAKER)):
        if leg.order_id == order_id:
            found.fills.append((trade, leg, role))
            found.remaining_lots = leg.remaining_lots
            if not leg.remaining_lots:
                found.status = OrderStatus.FILLED


def results_of_rows(order_ids: Collection[int]) -> dict[int, OrderResult]:
    """Of orders that were placed before, as far as their engines have decided: how they stand."""
    orders = Order.objects.filter(pk__in=order_ids).exclude(status=OrderStatus.PENDING)
    decided = list(orders)
    fills = _fills_of(decided)
    return {order.pk: _result_of_rows(order, fills[order.pk]) for order in decided}


def _fills_of(orders: Collection[Order]) -> dict[int, list[Fill]]:
    """By order, oldest first; from files, too, where the table has less than was filled."""
    found = _in_table(orders)
    short = [o for o in orders if sum(f.size_lots for f in found[o.pk]) != o.filled_lots]
    if not short:
        return found
    of_each = (OfTrader(order.user_id, order_id=order.pk).all() for order in short)
    with fills_shown(chain.from_iterable(of_each)):
        return _in_table(orders)


def _in_table(orders: Collection[Order]) -> dict[int, list[Fill]]:
    fills: dict[int, list[Fill]] = {order.pk: [] for order in orders}
    for fill in Fill.objects.filter(order_id__in=fills).order_by("pk") if orders else ():
        fills[fill.order_id or 0].append(fill)
    return fills


def _result_of_rows(order: Order, fills: Iterable[Fill]) -> OrderResult:
    rules = market_rules(order.market_id)
    own = list(fills)
    remaining_lots = order.remaining_lots if order.status in LIVE_STATUSES else 0
    is_waiting = order.status == OrderStatus.WAITING
    return OrderResult(
        status=order.status,
        reason=order.reason or None,
        filled_qty=lots_text(order.filled_lots, rules.lot_size),
        remaining_qty=None if is_waiting else lots_text(remaining_lots, rules.lot_size),
        average_price=average_price(order.filled_cost_units, order.filled_lots, rules),
        fee=units_text(sum(fill.fee_units for fill in own)),
        fills=[
            ResultFill(
                trade_id=fill.trade_id,
                role=fill.role,
                qty=lots_text(fill.size_lots, rules.lot_size),
                price=ticks_text(fill.price_ticks, rules.tick_size),
                fee=units_text(fill.fee_units),
                realized_pnl=units_text(fill.realized_pnl_units),
            )
            for fill in own
        ],
        seq=None,
    )


def average_price(cost_units: int, size_lots: int, rules: MarketRules) -> str | None:
    if not size_lots:
        return None
    return average_price_text(cost_units, size_lots, rules.units_per_tick_lot, rules.tick_size)
