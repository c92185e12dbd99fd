"""Many orders in one call. Each fares on its own: a bad one never fails another."""

from collections.abc import Sequence
from typing import Any

import redis
import structlog
from django.db import InterfaceError, OperationalError

from common.errors import DomainError, ErrorCode, invalid
from common.http.bodies import to_struct
from common.http.errors import internal_error, to_api_error
from matching.messages.limits import MAX_ID
from trading.models import Order
from trading.orders.amending.amend import amend_order
from trading.orders.cancel import cancel_together
from trading.orders.opening import from_blocked
from trading.orders.place import PlacedOrder, Result, place_together
from trading.orders.request import Amendment, NewOrder
from trading.selectors import OrderState, order_ids_under

log = structlog.get_logger(__name__)

BATCH_MAX = 100
SERVERS_AWAY = (OperationalError, InterfaceError, redis.RedisError)


def place_orders(
    user_id: int, orders: Sequence[Any], *, is_blocked: bool = False
) -> list[PlacedOrder | DomainError]:
    """Decoded JSON of `NewOrder`, up to `BATCH_MAX`. Results in the order of the orders. Raises
    DomainError for too many or none, and what Postgres raised if that became of all.
    ``is_blocked``: the country they come from."""
    bodies = read_batch(orders)
    if is_blocked:
        bodies = from_blocked(bodies)
    news = [new for new in bodies if isinstance(new, NewOrder)]
    return batch_results(bodies, place_together([(user_id, new) for new in news]))


def read_batch(orders: Sequence[Any]) -> list[NewOrder | DomainError]:
    """Each as far as it can be read. Raises DomainError for too many or none."""
    check_batch_size("orders", len(orders))
    bodies: list[NewOrder | DomainError] = []
    for body in orders:
        try:
            bodies.append(to_struct(body, NewOrder))
        except Exception as error:  # noqa: BLE001  it is this order's alone
            bodies.append(told(error))
    return bodies


def batch_results(
    bodies: Sequence[NewOrder | DomainError], placed: Sequence[Result]
) -> list[PlacedOrder | DomainError]:
    """Of all bodies, from the results of those that could be read. Raises as `place_orders`."""
    away = [r for r in placed if isinstance(r, SERVERS_AWAY)]
    if away and len(away) == len(bodies):
        raise away[0]
    results = iter(placed)
    return [_of(next(results)) if isinstance(new, NewOrder) else new for new in bodies]


def _of(result: Result) -> PlacedOrder | DomainError:
    return told(result) if isinstance(result, Exception) else result


def told(fault: Exception) -> DomainError:
    """What the sender of an item hears of what went wrong with it; logged if the fault is ours."""
    error = to_api_error(fault)
    if error is None:
        log.error("batch_item_failed", exc_info=fault)
        error = internal_error()
    return error


def amend_orders(
    user_id: int, changes: Sequence[Any], *, is_blocked: bool = False
) -> list[Order | DomainError]:
    """Decoded JSON of `Amendment`, up to `BATCH_MAX`, in their order. Raises DomainError for too
    many or none. ``is_blocked``: the country they come from."""
    check_batch_size("orders", len(changes))
    return [_amended(user_id, body, is_blocked=is_blocked) for body in changes]


def _amended(user_id: int, body: Any, *, is_blocked: bool) -> Order | DomainError:
    try:
        return amended(user_id, to_struct(body, Amendment), is_blocked=is_blocked)
    except Exception as error:  # noqa: BLE001  it is this order's alone
        return told(error)


def amended(user_id: int, change: Amendment, *, is_blocked: bool) -> Order:
    """By either id. Raises DomainError."""
    return amend_order(user_id, _order_id(user_id, change), change, is_blocked=is_blocked)


def _order_id(user_id: int, change: Amendment) -> int:
    """Raises DomainError; 0, which no order has, for a client order id that none has."""
    if (change.order_id is None) is (change.client_order_id is None):
        message = "Name each order by order_id or by client_order_id."
        raise invalid("order_id", message, ErrorCode.MISSING_FIELD).naming(
            "order_id", "client_order_id"
        )
    if change.client_order_id is not None:
        (found,) = order_ids_under(user_id, [change.client_order_id])
        return found
    order_id = change.order_id or 0
    return order_id if 0 < order_id <= MAX_ID else 0


def cancel_orders(user_id: int, order_ids: Sequence[int]) -> list[OrderState | DomainError]:
    """Up to `BATCH_MAX`."""
    return cancel_results(cancel_together([(user_id, order_id) for order_id in order_ids]))


def cancel_results(
    results: Sequence[OrderState | Exception],
) -> list[OrderState | DomainError]:
    return [told(result) if isinstance(result, Exception) else result for result in results]


def check_batch_size(field: str, count: int) -> None:
    """Raises DomainError."""
    if not 1 <= count <= BATCH_MAX:
        raise invalid(field, f"Send 1 to {BATCH_MAX} of {field}.", ErrorCode.BATCH_SIZE)
