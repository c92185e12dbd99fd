"""Many orders in one call and one transaction. Each fares on its own: a bad one never fails
another."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from exchange_site.api import ApiError, invalid, to_struct
from matching.messages.commands import Command
from trading.models import Order
from trading.publisher import publish_all_committed
from trading.services.cancelling import cancel_order
from trading.services.placing import PlacedOrder, insert_order
from trading.services.terms import NewOrder

BATCH_MAX = 100


@transaction.atomic
def place_orders(user_id: int, orders: Sequence[Any]) -> list[PlacedOrder | ApiError]:
    """Decoded JSON of `NewOrder`, up to `BATCH_MAX`. Results in the order of the orders. Raises
    ApiError for too many or none."""
    _check_size("orders", len(orders))
    results: list[PlacedOrder | ApiError] = []
    commands: list[tuple[str, Command]] = []
    for body in orders:
        try:
            new = to_struct(body, NewOrder)
            placed, command = insert_order(user_id, new)
        except ApiError as error:
            results.append(error)
            continue
        results.append(placed)
        if command is not None:
            commands.append((new.market_id, command))
    transaction.on_commit(lambda: publish_all_committed(commands))
    return results


@transaction.atomic
def cancel_orders(user_id: int, order_ids: Sequence[int]) -> list[Order | ApiError]:
    """Raises ApiError for too many or none."""
    _check_size("orderIds", len(order_ids))
    results: list[Order | ApiError] = []
    for order_id in order_ids:
        try:
            results.append(cancel_order(user_id, order_id))
        except ApiError as error:
            results.append(error)
    return results


def _check_size(field: str, count: int) -> None:
    if not 1 <= count <= BATCH_MAX:
        raise invalid(field, f"Send 1 to {BATCH_MAX} of {field}.", "BATCH_SIZE")
