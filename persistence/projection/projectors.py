"""⑤ Events onto rows, in memory: what ③ decided, written down. One function per event.

Nothing is computed here that the engine computed already; where an event and the row it speaks of
contradict each other, the entry is poison and the market's persistence stops in front of it.
"""

from collections.abc import Callable, Iterable
from typing import Any, get_args

from ledger.posting_rules import POSTING_RULES
from matching.messages.conditional_events import (
    ConditionalAmended,
    CoverChanged,
    OrderAttached,
)
from matching.messages.events import (
    ActivationRejected,
    AmendRejected,
    CancelRejected,
    CommandRejected,
    CountdownSet,
    Event,
    FundingSettled,
    InsuranceFunded,
    MarginAdjusted,
    MarginAdjustmentRejected,
    MarketConfigured,
    MarketStateChanged,
    MarkPriceChanged,
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
)
from persistence.projection.batch import Batch
from persistence.projection.funding import project_funding_settled
from persistence.projection.market import (
    project_command_rejected,
    project_countdown_set,
    project_insurance_funded,
    project_mark_price_changed,
    project_market_configured,
    project_market_state_changed,
)
from persistence.projection.orders import (
    project_activation_rejected,
    project_amend_rejected,
    project_cancel_rejected,
    project_conditional_amended,
    project_cover_changed,
    project_order_accepted,
    project_order_amended,
    project_order_attached,
    project_order_cancelled,
    project_order_refilled,
    project_order_rejected,
    project_order_rested,
    project_order_triggered,
    project_order_waiting,
)
from persistence.projection.positions import (
    project_margin_adjusted,
    project_margin_adjustment_rejected,
    project_position_changed,
    project_position_liquidated,
    project_position_settled,
    project_trade,
)

Projector = Callable[[Batch, OutputEntry, Any], None]
PROJECTORS: dict[type, Projector] = {
    OrderAccepted: project_order_accepted,
    OrderRejected: project_order_rejected,
    OrderRested: project_order_rested,
    OrderRefilled: project_order_refilled,
    OrderCancelled: project_order_cancelled,
    Trade: project_trade,
    PositionChanged: project_position_changed,
    MarketConfigured: project_market_configured,
    MarketStateChanged: project_market_state_changed,
    MarkPriceChanged: project_mark_price_changed,
    CancelRejected: project_cancel_rejected,
    CommandRejected: project_command_rejected,
    OrderWaiting: project_order_waiting,
    OrderTriggered: project_order_triggered,
    OrderAmended: project_order_amended,
    OrderAttached: project_order_attached,
    CoverChanged: project_cover_changed,
    ConditionalAmended: project_conditional_amended,
    AmendRejected: project_amend_rejected,
    ActivationRejected: project_activation_rejected,
    MarginAdjusted: project_margin_adjusted,
    MarginAdjustmentRejected: project_margin_adjustment_rejected,
    InsuranceFunded: project_insurance_funded,
    FundingSettled: project_funding_settled,
    PositionLiquidated: project_position_liquidated,
    PositionSettled: project_position_settled,
    CountdownSet: project_countdown_set,
}


def require_closed(table: dict[type, Any], name: str) -> None:
    """An event without its row in the table must stop the program, not a market at night."""
    events = set(get_args(Event))
    if set(table) != events:
        wrong = ", ".join(sorted(event.__name__ for event in set(table) ^ events))
        raise TypeError(f"{name} and the events of the contract differ: {wrong}")


require_closed(PROJECTORS, "PROJECTORS")
require_closed(POSTING_RULES, "POSTING_RULES")


def order_ids_of(entries: Iterable[OutputEntry]) -> set[int]:
    """Orders whose rows the entries need."""
    order_ids = set()
    for entry in entries:
        for event in entry.events:
            match event:
                case Trade():
                    order_ids.add(event.taker.order_id)
                    order_ids.add(event.maker.order_id)
                case (
                    OrderAccepted()
                    | OrderRejected()
                    | OrderRested()
                    | OrderRefilled()
                    | OrderCancelled()
                    | OrderWaiting()
                    | OrderTriggered()
                    | OrderAmended()
                    | OrderAttached()
                    | CoverChanged()
                    | ConditionalAmended()
                    | ActivationRejected()
                ):
                    order_ids.add(event.order_id)
    order_ids.discard(0)  # legs without an order
    return order_ids


def project(batch: Batch, entries: Iterable[OutputEntry]) -> None:
    """Apply the entries to the batch's rows. Raises PoisonEntry; the batch is then worthless."""
    for entry in entries:
        batch.begin_entry(entry)
        for event in entry.events:
            PROJECTORS[type(event)](batch, entry, event)
        batch.end_entry()
