"""⑤ What projectors do to the row of an order, and what must hold when they do."""

from matching.messages.vocabulary import OrderStatus
from persistence.projection.batch import Batch, ProjectedOrder

PENDING = OrderStatus.PENDING.value
ASLEEP = OrderStatus.ASLEEP.value
WAITING = OrderStatus.WAITING.value
OPEN = OrderStatus.OPEN.value


def open_order(batch: Batch, order_id: int, account_id: int) -> ProjectedOrder:
    row = batch.order_of(order_id, account_id)
    if row.status != OPEN:
        raise batch.poison(f"order {order_id} is {row.status}, not open")
    return row


def require_remaining(batch: Batch, row: ProjectedOrder, remaining_lots: int) -> None:
    if row.remaining_lots != remaining_lots:
        raise batch.poison(
            f"order {row.id} has {row.remaining_lots} lots left, not {remaining_lots} as told"
        )


def release(batch: Batch, row: ProjectedOrder, released_units: int) -> None:
    row.held_units -= released_units
    if row.held_units < 0:
        raise batch.poison(f"order {row.id} gives back {-row.held_units} units it does not hold")


def require_finished_holds_nothing(batch: Batch, row: ProjectedOrder) -> None:
    if row.held_units:
        raise batch.poison(f"order {row.id} is {row.status} and still holds {row.held_units} units")
