"""Actions → HTTP calls of the public API."""

import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from simulator.actions import (
    Action,
    AdjustMargin,
    Amend,
    Cancel,
    CancelMany,
    Place,
    PlaceMany,
    SetCountdown,
    SetLeverage,
    Trigger,
)


class Call(NamedTuple):
    method: str
    path: str
    body: dict[str, Any] | None = None


def call_of(action: Action) -> Call:
    match action:
        case Place():
            return Call("POST", "/order", order_body(action))
        case PlaceMany(orders=orders):
            return Call("POST", "/orders/batch", {"orders": [order_body(one) for one in orders]})
        case Amend(order_id=order_id, price=price):
            return Call("PATCH", f"/order/{order_id}", {"price": _text(price)})
        case Cancel(order_id=order_id):
            return Call("DELETE", f"/order/{order_id}")
        case CancelMany(order_ids=order_ids):
            return Call("DELETE", f"/orders/batch?orderIds={','.join(map(str, order_ids))}")
        case AdjustMargin(market_id=market_id, amount=amount):
            path = f"/user/positions/{market_id}/margin"
            return Call("POST", path, {"amount": _text(amount)})
        case SetLeverage(market_id=market_id, leverage=leverage):
            return Call("POST", f"/user/leverage/{market_id}", {"leverage": leverage})
        case SetCountdown(market_id=market_id, countdown_ms=countdown_ms):
            body = {"marketId": market_id, "countdownMs": countdown_ms}
            return Call("POST", "/orders/countdown", body)


def order_body(place: Place) -> dict[str, Any]:
    body: dict[str, Any] = {
        "marketId": place.market_id,
        "side": place.side,
        "orderType": place.order_type,
        "clientOrderId": str(uuid.uuid4()),
    }
    if place.qty is None:
        body["closePosition"] = True
    else:
        body["qty"] = _text(place.qty)
    if place.price is not None:
        body["price"] = _text(place.price)
    if place.leverage is not None:
        body["leverage"] = place.leverage
    if place.post_only:
        body["postOnly"] = True
    else:
        body["timeInForce"] = place.time_in_force
    if place.reduce_only and place.qty is not None:
        body["reduceOnly"] = True
    if place.expires_in_s is not None:
        expires_at = datetime.now(UTC) + timedelta(seconds=place.expires_in_s)
        body["expiresAt"] = expires_at.isoformat(timespec="milliseconds")
    if place.trigger is not None:
        body["trigger"] = _trigger_body(place.trigger)
    return body


def _trigger_body(trigger: Trigger) -> dict[str, str]:
    body = {"type": trigger.kind, "by": trigger.by}
    if trigger.price is not None:
        body["price"] = _text(trigger.price)
    if trigger.callback is not None:
        body["callback"] = _text(trigger.callback)
    return body


def _text(number: Decimal) -> str:
    return format(number, "f")
