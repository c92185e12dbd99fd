"""⑤ Events of an order onto its row: accepted, rested, cancelled, fired, amended, refused."""

from msgspec import UnsetType

from matching.messages.conditional_events import (
    ConditionalAmended,
    CoverChanged,
    OrderAttached,
)
from matching.messages.events import (
    ActivationRejected,
    AmendRejected,
    CancelRejected,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderRefilled,
    OrderRejected,
    OrderRested,
    OrderTriggered,
    OrderWaiting,
    OutputEntry,
)
from matching.messages.holds import margin_of_size
from matching.messages.vocabulary import OrderStatus
from persistence.projection.batch import Batch, ProjectedOrder
from persistence.projection.order_changes import (
    ASLEEP,
    OPEN,
    PENDING,
    WAITING,
    open_order,
    release,
    require_finished_holds_nothing,
    require_remaining,
)
from persistence.projection.outcomes import (
    HoldRequest,
)
from persistence.projection.second_deliveries import is_second_delivery


def project_order_waiting(batch: Batch, _entry: OutputEntry, event: OrderWaiting) -> None:
    row = batch.order_of(event.order_id, event.account_id)
    if row.status != PENDING:
        raise batch.poison(f"order {row.id} is {row.status} and can't begin to wait")
    row.status = WAITING
    row.arrival = event.arrival
    release(batch, row, event.released_units)
    batch.post(event)


def project_order_attached(batch: Batch, _entry: OutputEntry, event: OrderAttached) -> None:
    row = batch.order_of(event.order_id, event.account_id)
    if row.status != PENDING:
        raise batch.poison(f"order {row.id} is {row.status} and can't be attached")
    row.status = ASLEEP
    release(batch, row, event.released_units)
    batch.post(event)


def project_cover_changed(batch: Batch, _entry: OutputEntry, event: CoverChanged) -> None:
    """Awake its size is what it covers; asleep it keeps the last."""
    row = batch.order_of(event.order_id, event.account_id)
    if row.status not in (ASLEEP, WAITING):
        raise batch.poison(f"order {row.id} is {row.status} and covers nothing")
    row.is_amended = True
    row.status = WAITING if event.covered_lots else ASLEEP
    row.arrival = event.arrival
    row.size_lots = event.covered_lots or row.size_lots


def project_order_triggered(batch: Batch, _entry: OutputEntry, event: OrderTriggered) -> None:
    """It executes in this entry, or gets its hold when the batch is written (`trigger_holds`)."""
    row = batch.order_of(event.order_id, event.account_id)
    if row.status != WAITING or row.triggered_ms is not None:
        raise batch.poison(f"order {row.id} is {row.status} and can't be triggered")
    row.triggered_ms = batch.time_ms
    row.is_amended = True
    row.price_ticks = event.price_ticks or row.price_ticks
    if event.needs_hold:
        mark = batch.status.mark_price_ticks if batch.status else None
        batch.perps.hold_requests.append(HoldRequest(row.id, mark or 0, batch.seq, batch.time_text))
    else:
        row.size_lots = event.size_lots


def project_order_amended(batch: Batch, _entry: OutputEntry, event: OrderAmended) -> None:
    """Size becomes what is filled and what is left: lots cancelled before are part of no order any
    more. A margin named for the whole order stays the same per lot."""
    row = open_order(batch, event.order_id, event.account_id)
    row.is_amended = True
    row.price_ticks = event.price_ticks
    row.margin_units = margin_of_size(row.margin_units, row.size_lots, event.size_lots)
    row.size_lots = event.size_lots
    row.cancelled_lots = 0
    if not isinstance(event.visible_lots, UnsetType):
        row.visible_lots = event.visible_lots
    row.hold_units += event.brought_units
    row.held_units += event.brought_units
    require_remaining(batch, row, event.remaining_lots)
    release(batch, row, event.released_units)
    batch.post(event)


def project_conditional_amended(
    batch: Batch, _entry: OutputEntry, event: ConditionalAmended
) -> None:
    """A margin named for the whole order stays the same per lot."""
    row = batch.order_of(event.order_id, event.account_id)
    if row.status not in (ASLEEP, WAITING) or row.triggered_ms is not None:
        raise batch.poison(f"order {row.id} is {row.status} and has no condition to amend")
    row.is_amended = True
    row.price_ticks = event.price_ticks
    row.margin_units = margin_of_size(row.margin_units, row.size_lots, event.size_lots)
    row.size_lots = event.size_lots
    row.trigger_price_ticks = event.trigger_price_ticks
    row.trigger_callback_ppm = event.callback_ppm
    row.arrival = event.arrival


def project_amend_rejected(batch: Batch, entry: OutputEntry, event: AmendRejected) -> None:
    if not is_second_delivery(batch, entry, event.code):
        batch.post(event)


def project_activation_rejected(
    batch: Batch, entry: OutputEntry, event: ActivationRejected
) -> None:
    if is_second_delivery(batch, entry, event.code):
        return
    row = batch.order_of(event.order_id, event.account_id)
    release(batch, row, event.released_units)
    batch.post(event)


def project_order_accepted(batch: Batch, _entry: OutputEntry, event: OrderAccepted) -> None:
    row = batch.order_of(event.order_id, event.account_id)
    if not (row.status == PENDING or _has_fired(row)):
        raise batch.poison(f"order {row.id} is {row.status} and can't be accepted")
    row.status = OPEN
    if event.price_ticks != row.price_ticks:  # which it took from the book
        row.price_ticks = event.price_ticks
        row.is_amended = True
    release(batch, row, event.released_units)
    batch.post(event)


def project_order_rejected(batch: Batch, _entry: OutputEntry, event: OrderRejected) -> None:
    """Only a pending order can be refused, or one that waited and has fired: for any other, the
    refusal answers a second delivery of a command that took effect, and there is nothing left to
    give back."""
    known = batch.orders.get(event.order_id)
    if known is None or not (known.status == PENDING or _has_fired(known)):
        return
    row = batch.order_of(event.order_id, event.account_id)
    row.status = OrderStatus.REJECTED.value
    row.reason = event.code.value
    row.cancelled_lots = row.size_lots
    release(batch, row, event.released_units)
    require_finished_holds_nothing(batch, row)
    batch.post(event)


def project_order_rested(batch: Batch, _entry: OutputEntry, event: OrderRested) -> None:
    row = open_order(batch, event.order_id, event.account_id)
    require_remaining(batch, row, event.remaining_lots)
    row.arrival = event.arrival
    release(batch, row, event.released_units)
    batch.post(event)


def project_order_refilled(batch: Batch, _entry: OutputEntry, event: OrderRefilled) -> None:
    """What it shows now follows from what is filled of it."""
    row = open_order(batch, event.order_id, event.account_id)
    row.arrival = event.arrival


def project_order_cancelled(batch: Batch, _entry: OutputEntry, event: OrderCancelled) -> None:
    """A waiting order holds nothing, but its hold may be on its way: what the engine has not seen
    it gives back when it comes, as ActivationRejected."""
    row = batch.order_of(event.order_id, event.account_id)
    waited = row.status in (ASLEEP, WAITING)
    if not waited:
        row = open_order(batch, event.order_id, event.account_id)
    row.cancelled_lots += event.cancelled_lots
    require_remaining(batch, row, event.remaining_lots)
    release(batch, row, event.released_units)
    if not event.remaining_lots:
        row.status = event.reason.final_status.value
        row.reason = event.reason.value
        if not waited:
            require_finished_holds_nothing(batch, row)
    batch.post(event)


def project_cancel_rejected(_batch: Batch, _entry: OutputEntry, _event: CancelRejected) -> None:
    """The order is as it was."""


def _has_fired(row: ProjectedOrder) -> bool:
    return row.status == WAITING and row.triggered_ms is not None
