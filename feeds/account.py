"""What one account hears: its own orders, fills and positions, nobody else's side of a trade.

All that one entry means to the account travels in one message, so that the sequence a client
remembers never stands in the middle of an entry.
"""

from collections.abc import Collection
from typing import Any

from msgspec import UnsetType

from feeds.labels import Labels, OwnOrder
from feeds.protocol import ACCOUNT_CHANNEL
from feeds.scale import Scale
from ledger.insurance import insurance_share
from markets.conversions import average_price_text, ppb_text, units_text
from matching.messages.conditional_events import (
    ConditionalAmended,
    CoverChanged,
    OrderAttached,
)
from matching.messages.events import (
    ActivationRejected,
    AmendRejected,
    CancelRejected,
    CountdownSet,
    Event,
    FundingSettled,
    MarginAdjusted,
    MarginAdjustmentRejected,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderRefilled,
    OrderRejected,
    OrderRested,
    OrderTriggered,
    OrderWaiting,
    OutputEntry,
    PositionChanged,
    PositionLiquidated,
    PositionSettled,
    Trade,
    TradeLeg,
)
from matching.messages.vocabulary import (
    ExecutionType,
    OrderStatus,
    OrderType,
    RejectCode,
    Role,
    Side,
)
from trading.positions.figures import liquidated_margin_ratio_ppm

Conditional = OrderWaiting | OrderTriggered | ConditionalAmended | OrderAttached | CoverChanged


def accounts_of(entry: OutputEntry) -> set[int]:
    """Accounts that have something to hear of this entry."""
    accounts: set[int] = set()
    for event in entry.events:
        accounts |= accounts_in(event)
    return accounts


def accounts_in(event: Event) -> set[int]:
    """Whom it concerns."""
    match event:
        case Trade():
            return {event.taker.account_id, event.maker.account_id} - {0}
        case FundingSettled():
            return {payment.account_id for payment in event.payments}
        case PositionSettled():
            return {event.leg.account_id}
        case _:
            return {getattr(event, "account_id", 0)} - {0}


def orders_of(entry: OutputEntry, accounts: Collection[int]) -> set[OwnOrder]:
    """Orders of these accounts that the entry tells of."""
    legs = [leg for e in entry.events if isinstance(e, Trade) for leg in (e.taker, e.maker)]
    told = [
        (getattr(source, "account_id", 0), getattr(source, "order_id", 0))
        for source in (*entry.events, *legs)
    ]
    return {(account, order) for account, order in told if order and account in accounts}


def account_message(
    entry: OutputEntry, account_id: int, scale: Scale, labels: Labels
) -> dict[str, Any] | None:
    """None if the entry does not concern the account. ``labels``: those of `orders_of` as far as
    they are known; events of others don't say theirs."""
    events: list[dict[str, Any]] = []
    fired: dict[int, OrderTriggered] = {}  # in this entry
    for event in entry.events:
        if isinstance(event, OrderTriggered):
            fired[event.order_id] = event
        if isinstance(event, OrderAccepted) and _has_no_limit(event, fired):
            events += _accepted_without_limit(event, account_id, scale)
        elif isinstance(event, Trade):
            events += _fills(event, account_id, scale)
        elif isinstance(event, FundingSettled):
            events += _payments(event, account_id, scale)
        elif isinstance(event, PositionSettled):
            events += _settled(event, account_id, scale)
        elif getattr(event, "account_id", None) == account_id:
            events += [shown] if (shown := _own(event, scale)) else []
    if not events:
        return None
    _label(events, account_id, labels)
    return {
        "channel": ACCOUNT_CHANNEL,
        "type": "events",
        "marketId": scale.market_id,
        "seq": entry.seq,
        "timeMs": entry.time_ms,
        "events": events,
    }


def _label(events: list[dict[str, Any]], account_id: int, labels: Labels) -> None:
    for shown in events:
        own = account_id, shown.get("orderId") or 0
        if own in labels:
            label = labels[own]
            shown["clientOrderId"] = label.client_order_id
            if label.algo_id is not None:
                shown["algoId"] = label.algo_id


def _has_no_limit(event: OrderAccepted, fired: dict[int, OrderTriggered]) -> bool:
    """A market order that only reduces has none when its condition comes true, so that a gap does
    not leave the position unprotected: what the engine is given is out of the reach of any price
    band (see `trading.orders.draft`)."""
    trigger = fired.get(event.order_id)
    if trigger is None or trigger.needs_hold:
        return False
    if event.side is Side.SHORT:
        return event.price_ticks <= 1
    return event.price_ticks >= 2 * trigger.reference_ticks


def _accepted_without_limit(
    event: OrderAccepted, account_id: int, scale: Scale
) -> list[dict[str, Any]]:
    shown = _own(event, scale) if event.account_id == account_id else None
    return [shown | {"price": None}] if shown else []


def _fills(trade: Trade, account_id: int, scale: Scale) -> list[dict[str, Any]]:
    maker_side = Side.SHORT if trade.taker_side is Side.LONG else Side.LONG
    sides = ((trade.taker, trade.taker_side, Role.TAKER), (trade.maker, maker_side, Role.MAKER))
    return [
        {
            "event": "Fill",
            "tradeId": trade.trade_id,
            "execution": trade.execution,
            "side": side,
            "role": role,
            "price": scale.price(trade.price_ticks),
            "qty": scale.size(trade.size_lots),
            "fee": units_text(leg.fee_units),
            "realizedPnl": units_text(leg.realized_pnl_units),
        }
        | _fund(leg.insurance_delta_units, trade.execution)
        | _order_of(leg, scale)
        for leg, side, role in sides
        if leg.account_id == account_id
    ]


def _fund(delta_units: int, execution: ExecutionType) -> dict[str, Any]:
    """What passed between the account and the insurance fund."""
    is_liquidation = execution is ExecutionType.LIQUIDATION
    fund = insurance_share(delta_units, is_liquidation=is_liquidation)
    return {
        "liquidationFee": units_text(fund.liquidation_fee_units),
        "insuranceCover": units_text(fund.cover_units),
        "lossShare": units_text(fund.loss_share_units),
    }


def _order_of(leg: TradeLeg, scale: Scale) -> dict[str, Any]:
    """A forced fill has no order of the account."""
    if not leg.order_id:
        return {"orderId": None, "clientOrderId": None, "remainingQty": None, "status": None}
    status = OrderStatus.OPEN if leg.remaining_lots else OrderStatus.FILLED
    return _order(leg.order_id, status) | {"remainingQty": scale.size(leg.remaining_lots)}


def _payments(event: FundingSettled, account_id: int, scale: Scale) -> list[dict[str, Any]]:
    return [
        {
            "event": "FundingSettled",
            "rate": ppb_text(event.rate_ppb),
            "markPrice": scale.price(event.mark_price_ticks),
            "amountPerLot": units_text(event.per_lot_units),
            "amount": units_text(payment.amount_units),
            "fromProfit": units_text(payment.from_profit_units),
            "margin": units_text(payment.margin_units),
        }
        for payment in event.payments
        if payment.account_id == account_id
    ]


def _settled(event: PositionSettled, account_id: int, scale: Scale) -> list[dict[str, Any]]:
    if event.leg.account_id != account_id:
        return []
    return [
        {
            "event": "PositionSettled",
            "price": scale.price(event.price_ticks),
            "qty": scale.size(abs(event.position_lots)),
            "realizedPnl": units_text(event.leg.realized_pnl_units),
            "returned": units_text(event.leg.available_delta_units),
        }
        | _fund(event.leg.insurance_delta_units, ExecutionType.SETTLE)
    ]


def _own(event: Event, scale: Scale) -> dict[str, Any] | None:
    shown: dict[str, Any] = {"event": type(event).__name__}
    match event:
        case OrderAccepted():
            shown |= _order(event.order_id, OrderStatus.OPEN)
            shown |= {"side": event.side, "price": scale.price(event.price_ticks)}
            shown |= {"qty": scale.size(event.size_lots)}
        case OrderRested():
            shown |= _order(event.order_id, OrderStatus.OPEN)
            shown |= {"side": event.side, "price": scale.price(event.price_ticks)}
            shown |= {"remainingQty": scale.size(event.remaining_lots)}
        case OrderRefilled():
            shown |= _order(event.order_id, OrderStatus.OPEN)
        case OrderRejected():
            shown |= _order(event.order_id, OrderStatus.REJECTED) | {"reason": event.code}
        case OrderCancelled():
            final = event.reason.final_status
            shown |= _order(event.order_id, OrderStatus.OPEN if event.remaining_lots else final)
            is_sized = not event.of_whole_position
            shown |= {"reason": event.reason}
            shown |= {"cancelledQty": scale.size(event.cancelled_lots) if is_sized else None}
            shown |= {"remainingQty": scale.size(event.remaining_lots) if is_sized else None}
        case OrderAmended():
            shown |= _order(event.order_id, OrderStatus.OPEN) | _amended(event, scale)
        case CancelRejected() | AmendRejected() | ActivationRejected():
            shown |= {"orderId": event.order_id, "reason": event.code}
        case PositionChanged():
            shown |= _position(event, scale)
        case (
            OrderWaiting()
            | OrderTriggered()
            | ConditionalAmended()
            | OrderAttached()
            | CoverChanged()
        ):
            shown |= _conditional(event, scale)
        case _:
            return _own_money(event, scale)
    return shown


def _amended(event: OrderAmended, scale: Scale) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "price": scale.price(event.price_ticks),
        "qty": scale.size(event.size_lots),
        "remainingQty": scale.size(event.remaining_lots),
        "keptPriority": event.kept_priority,
    }
    if not isinstance(event.visible_lots, UnsetType):
        shown |= {"visibleQty": scale.size(event.visible_lots)}
    return shown


def _conditional(event: Conditional, scale: Scale) -> dict[str, Any]:
    shown: dict[str, Any] = _order(event.order_id, OrderStatus.WAITING)
    match event:
        case OrderAttached():
            shown |= {"status": OrderStatus.ASLEEP, "parentId": event.parent_id}
        case CoverChanged():
            shown |= {} if event.covered_lots else {"status": OrderStatus.ASLEEP}
            shown |= {"qty": scale.size(event.covered_lots)}
        case OrderTriggered():
            shown |= {"referencePrice": scale.price(event.reference_ticks)}
            shown |= {"qty": scale.size(event.size_lots)}
            shown |= {"price": scale.price(event.price_ticks)} if event.price_ticks else {}
        case ConditionalAmended():
            shown |= _amended_condition(event, scale)
            if not event.arrival:
                shown |= {"status": OrderStatus.ASLEEP}
    return shown


def _own_money(event: Event, scale: Scale) -> dict[str, Any] | None:
    """Of the position's margin, the countdown and liquidations; None for what is not told."""
    shown: dict[str, Any] = {"event": type(event).__name__}
    match event:
        case MarginAdjusted():
            shown |= {"amount": units_text(event.amount_units)}
            shown |= {"margin": units_text(event.margin_units)}
        case MarginAdjustmentRejected():
            shown |= {"reason": event.code, "released": units_text(event.released_units)}
            if event.code is RejectCode.INSUFFICIENT_MARGIN:
                shown |= {"removable": units_text(event.removable_units)}
        case CountdownSet():
            shown |= {"dueMs": event.due_ms, "protective": event.protective}
        case PositionLiquidated():
            shown |= {"markPrice": scale.price(event.mark_price_ticks)}
            shown |= {"qty": scale.size(abs(event.position_lots))}
            shown |= {"leftQty": scale.size(abs(event.left_lots))}
            shown |= {"equity": units_text(event.equity_units)}
            shown |= {"maintenance": units_text(event.maintenance_units)}
            shown |= {"feeReserve": units_text(event.fee_reserve_units)}
            shown |= {"marginRatio": _margin_ratio(event)}
            shown |= {"liquidationFee": units_text(event.fee_units)}
            shown |= {"returned": units_text(event.returned_units)}
        case _:
            return None
    return shown


def _margin_ratio(event: PositionLiquidated) -> str | None:
    required = event.maintenance_units + event.fee_reserve_units
    ratio_ppm = liquidated_margin_ratio_ppm(required, event.equity_units)
    return None if ratio_ppm is None else units_text(ratio_ppm)


def _order(order_id: int, status: OrderStatus) -> dict[str, Any]:
    return {"orderId": order_id, "status": status}


def _amended_condition(event: ConditionalAmended, scale: Scale) -> dict[str, Any]:
    is_limit = event.order_type is OrderType.LIMIT
    at, callback_ppm = event.trigger_price_ticks, event.callback_ppm
    return {
        "price": scale.price(event.price_ticks) if is_limit else None,
        "qty": None if event.of_whole_position else scale.size(event.size_lots),
        "trigger": {
            "price": scale.price(at) if at else None,
            "callback": units_text(callback_ppm) if callback_ppm else None,
        },
    }


def _position(event: PositionChanged, scale: Scale) -> dict[str, Any]:
    size_lots = abs(event.position_lots)
    side = Side.LONG if event.position_lots > 0 else Side.SHORT
    average = average_price_text(
        abs(event.entry_cost_units), size_lots, scale.units_per_tick_lot, scale.tick_size
    )
    return {
        "type": side if size_lots else None,
        "qty": scale.size(size_lots),
        "margin": units_text(event.margin_units),
        "averagePrice": average if size_lots else None,
    }
