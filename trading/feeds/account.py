"""What one account hears: its own orders, fills and positions, nobody else's side of a trade.

All that one entry means to the account travels in one message, so that the sequence a client
remembers never stands in the middle of an entry.
"""

from typing import Any

from matching.messages.events import (
    CancelRejected,
    Event,
    OrderAccepted,
    OrderCancelled,
    OrderRejected,
    OrderRested,
    OutputEntry,
    PositionChanged,
    Trade,
)
from matching.messages.vocabulary import OrderStatus, Role, Side
from trading.conversions import average_price_text, units_text
from trading.feeds.protocol import ACCOUNT_CHANNEL
from trading.feeds.scale import Scale


def accounts_of(entry: OutputEntry) -> set[int]:
    """Accounts that have something to hear of this entry."""
    accounts: set[int] = set()
    for event in entry.events:
        if isinstance(event, Trade):
            accounts |= {event.taker.account_id, event.maker.account_id}
        else:
            accounts.add(getattr(event, "account_id", 0))
    return accounts - {0}


def account_message(entry: OutputEntry, account_id: int, scale: Scale) -> dict[str, Any] | None:
    """None if the entry does not concern the account."""
    events: list[dict[str, Any]] = []
    for event in entry.events:
        if isinstance(event, Trade):
            events += _fills(event, account_id, scale)
        elif getattr(event, "account_id", None) == account_id:
            events += [shown] if (shown := _own(event, scale)) else []
    if not events:
        return None
    return {
        "channel": ACCOUNT_CHANNEL,
        "type": "events",
        "marketId": scale.market_id,
        "seq": entry.seq,
        "timeMs": entry.time_ms,
        "events": events,
    }


def _fills(trade: Trade, account_id: int, scale: Scale) -> list[dict[str, Any]]:
    maker_side = Side.SHORT if trade.taker_side is Side.LONG else Side.LONG
    sides = ((trade.taker, trade.taker_side, Role.TAKER), (trade.maker, maker_side, Role.MAKER))
    return [
        {
            "event": "Fill",
            "tradeId": trade.trade_id,
            "orderId": leg.order_id,
            "side": side,
            "role": role,
            "price": scale.price(trade.price_ticks),
            "qty": scale.size(trade.size_lots),
            "remainingQty": scale.size(leg.remaining_lots),
            "status": OrderStatus.OPEN if leg.remaining_lots else OrderStatus.FILLED,
            "fee": units_text(leg.fee_units),
            "realizedPnl": units_text(leg.realized_pnl_units),
        }
        for leg, side, role in sides
        if leg.account_id == account_id
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
        case OrderRejected():
            shown |= _order(event.order_id, OrderStatus.REJECTED) | {"reason": event.code}
        case OrderCancelled():
            final = event.reason.final_status
            shown |= _order(event.order_id, OrderStatus.OPEN if event.remaining_lots else final)
            shown |= {"reason": event.reason, "cancelledQty": scale.size(event.cancelled_lots)}
            shown |= {"remainingQty": scale.size(event.remaining_lots)}
        case CancelRejected():
            shown |= {"orderId": event.order_id, "reason": event.code}
        case PositionChanged():
            shown |= _position(event, scale)
        case _:
            return None
    return shown


def _order(order_id: int, status: OrderStatus) -> dict[str, Any]:
    return {"orderId": order_id, "status": status}


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
