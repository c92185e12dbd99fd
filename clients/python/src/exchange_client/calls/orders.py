"""Placing, changing and ending orders. All of them may be repeated: orders have client order ids,
and the rest says how something is to be."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from exchange_client.calls.call import Call, body_of, path_of, query_of
from exchange_client.codec import Asked, encodable
from exchange_client.models import orders as models
from exchange_client.models.orders import NewOrder, OrderChange, TriggerChange, new_id
from exchange_client.models.words import Side


class _NewOrders(Asked, frozen=True):
    orders: Sequence[NewOrder]
    wait: str | None = None


class _Changes(Asked, frozen=True):
    orders: Sequence[OrderChange]


def place_order(order: NewOrder, *, wait: bool = False) -> Call[models.Placed]:
    """With `wait` the answer comes when the engine has decided, at most 2 s later."""
    body = encodable(order) | {"wait": "result"} if wait else order
    return Call("POST", "/order", models.Placed, body=body)


def preview_order(order: NewOrder) -> Call[models.Preview]:
    """What it would hold and fill; nothing is placed."""
    return Call("POST", "/order/preview", models.Preview, body=order)


def place_orders(orders: Sequence[NewOrder], *, wait: bool = False) -> Call[models.Batch]:
    """Up to 100; each fares on its own."""
    body = _NewOrders(orders=orders, wait="result" if wait else None)
    return Call("POST", "/orders/batch", models.Batch, body=body)


def amend_order(
    order_id: int | None = None,
    *,
    client_order_id: str | None = None,
    price: Decimal | None = None,
    qty: Decimal | None = None,
    visible_qty: Decimal | None = None,
    trigger: TriggerChange | None = None,
) -> Call[models.Placed]:
    """`visible_qty` is of one that rests, `trigger` of one that waits, also attached to an
    entry. What isn't given stays."""
    path, query = _named(order_id, client_order_id)
    body = body_of(price=price, qty=qty, visible_qty=visible_qty, trigger=trigger)
    return Call("PATCH", path, models.Placed, query, body)


def amend_orders(changes: Sequence[OrderChange]) -> Call[models.Batch]:
    return Call("PATCH", "/orders/batch", models.Batch, body=_Changes(orders=changes))


def cancel_order(
    order_id: int | None = None, *, client_order_id: str | None = None
) -> Call[models.Placed]:
    path, query = _named(order_id, client_order_id)
    return Call("DELETE", path, models.Placed, query)


def cancel_orders(
    order_ids: Sequence[int] = (), *, client_order_ids: Sequence[str] = ()
) -> Call[models.Batch]:
    """Up to 100, by one of both kinds of ids."""
    if bool(order_ids) == bool(client_order_ids):
        raise ValueError("Give order_ids or client_order_ids, one of both.")
    query = query_of(order_ids=order_ids or None, client_order_ids=client_order_ids or None)
    return Call("DELETE", "/orders/batch", models.Batch, query)


def cancel_all(
    market_id: str | None = None, *, side: Side | None = None, protective: bool | None = None
) -> Call[models.Cancelling]:
    """Those that protect a position stay, unless `protective`."""
    query = query_of(market_id=market_id, side=side, protective=protective)
    return Call("DELETE", "/orders", models.Cancelling, query)


def set_countdown(
    market_id: str, countdown_ms: int, *, protective: bool | None = None
) -> Call[models.CountdownSent]:
    """Cancels the market's orders unless it is sent again in time; 0 stops it."""
    body = body_of(market_id=market_id, countdown_ms=countdown_ms, protective=protective)
    return Call("POST", "/orders/countdown", models.CountdownSent, body=body)


def close_position(
    market_id: str,
    *,
    qty: Decimal | None = None,
    price: Decimal | None = None,
    max_slippage: Decimal | None = None,
    client_order_id: str | None = None,
) -> Call[models.Placed]:
    """All of it or `qty`, at the market or at `price`."""
    body = body_of(
        qty=qty,
        price=price,
        max_slippage=max_slippage,
        client_order_id=client_order_id or new_id(),
    )
    path = path_of("/user/positions/{}/close", market_id)
    return Call("POST", path, models.Placed, body=body)


def order(order_id: int | None = None, *, client_order_id: str | None = None) -> Call[models.Order]:
    path, query = _named(order_id, client_order_id)
    return Call("GET", path, models.Order, query)


def orders(
    *,
    market_id: str | None = None,
    status: str | Sequence[str] | None = None,
    client_order_id: str | None = None,
    from_: datetime | None = None,
    to: datetime | None = None,
    limit: int | None = None,
) -> Call[models.Orders]:
    query = query_of(
        market_id=market_id,
        status=status,
        client_order_id=client_order_id,
        from_=from_,
        to=to,
        limit=limit,
    )
    return Call("GET", "/user/orders", models.Orders, query)


def _named(order_id: int | None, client_order_id: str | None) -> tuple[str, dict[str, str] | None]:
    if (order_id is None) == (client_order_id is None):
        raise ValueError("Give order_id or client_order_id, one of both.")
    if order_id is not None:
        return path_of("/order/{}", order_id), None
    return "/order", query_of(client_order_id=client_order_id)
