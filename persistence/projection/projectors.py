"""⑤ Events onto rows, in memory: what ③ decided, written down. One function per event.

Nothing is computed here that the engine computed already; where an event and the row it speaks of
contradict each other, the entry is poison and the market's persistence stops in front of it.
"""

from collections.abc import Callable, Iterable
from typing import Any, get_args

from ledger.posting_rules import POSTING_RULES
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
from matching.messages.limits import MAX_LEVERAGE
from matching.messages.vocabulary import ExecutionType, OrderStatus, RejectCode, Role, Side
from persistence.projection.batch import NOT_MOVED, Batch, FillRow, Moved, OrderRow, PositionRow
from persistence.projection.order_changes import (
    OPEN,
    PENDING,
    WAITING,
    open_order,
    release,
    require_finished_holds_nothing,
    require_remaining,
)
from persistence.projection.projectors_perps import (
    project_activation_rejected,
    project_amend_rejected,
    project_countdown_set,
    project_funding_settled,
    project_insurance_funded,
    project_margin_adjusted,
    project_margin_adjustment_rejected,
    project_mark_price_changed,
    project_market_state_changed,
    project_order_amended,
    project_order_triggered,
    project_order_waiting,
    project_position_liquidated,
    project_position_settled,
)
from persistence.writing.lives import ending_of

FILLED = OrderStatus.FILLED.value
OPPOSITE = {Side.LONG: Side.SHORT, Side.SHORT: Side.LONG}


def project_order_accepted(batch: Batch, _entry: OutputEntry, event: OrderAccepted) -> None:
    row = batch.order_of(event.order_id, event.account_id)
    if not (row.status == PENDING or _has_fired(row)):
        raise batch.poison(f"order {row.id} is {row.status} and can't be accepted")
    row.status = OPEN
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


def project_order_cancelled(batch: Batch, _entry: OutputEntry, event: OrderCancelled) -> None:
    """A waiting order holds nothing, but its hold may be on its way: what the engine has not seen
    it gives back when it comes, as ActivationRejected."""
    row = batch.order_of(event.order_id, event.account_id)
    waited = row.status == WAITING
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


def project_trade(batch: Batch, _entry: OutputEntry, event: Trade) -> None:
    taker_side = event.taker_side
    _project_leg(batch, event, event.taker, Role.TAKER, taker_side)
    _project_leg(batch, event, event.maker, Role.MAKER, OPPOSITE[taker_side])
    if event.execution is not ExecutionType.ADL:  # whose price is made, not agreed
        batch.count_trade(event.price_ticks, event.size_lots)
        batch.market_status().last_price_ticks = event.price_ticks
    batch.post(event)


def _project_leg(batch: Batch, trade: Trade, leg: TradeLeg, role: Role, side: Side) -> None:
    moved = batch.moved.get(leg.account_id)
    if moved is None:
        moved = batch.moved[leg.account_id] = Moved()
    moved.lots += trade.size_lots if side is Side.LONG else -trade.size_lots
    if leg.order_id:
        _project_order_leg(batch, trade, leg, side, moved)
    batch.fills.append(
        FillRow(
            trade.trade_id,
            role.value,
            trade.execution.value,
            leg.order_id or None,
            leg.account_id,
            side.value,
            trade.price_ticks,
            trade.size_lots,
            leg.fee_units,
            leg.realized_pnl_units,
            leg.insurance_delta_units,
            batch.seq,
            batch.time_text,
        )
    )
    value_units = batch.units_per_tick_lot * trade.price_ticks
    ending = ending_of(leg, trade.execution, role)
    batch.lives.fill(batch.moment, leg, side.value, trade.size_lots, value_units, ending)
    batch.position_of(leg.account_id).realized_pnl_units += leg.realized_pnl_units
    batch.traded.add(leg.account_id)


def _project_order_leg(batch: Batch, trade: Trade, leg: TradeLeg, side: Side, moved: Moved) -> None:
    row = open_order(batch, leg.order_id, leg.account_id)
    if row.side != side:
        raise batch.poison(f"order {row.id} is {row.side} and can't trade {side}")
    leverage = _leverage_of(batch, row, trade.price_ticks)
    if side is Side.LONG:
        moved.leverage_long = max(moved.leverage_long, leverage)
    else:
        moved.leverage_short = max(moved.leverage_short, leverage)
    row.filled_lots += trade.size_lots
    row.filled_cost_units += batch.units_per_tick_lot * trade.price_ticks * trade.size_lots
    require_remaining(batch, row, leg.remaining_lots)
    release(batch, row, leg.hold_released_units)
    if not leg.remaining_lots:
        row.status = FILLED
        require_finished_holds_nothing(batch, row)


def _leverage_of(batch: Batch, row: OrderRow, price_ticks: int) -> int:
    """Of a margin named, what one lot at this price is worth over it, rounded up: initial margin
    at that is never more than what was named."""
    named_units = row.margin_units // row.size_lots
    if not named_units:
        return row.leverage
    worth_units = batch.units_per_tick_lot * price_ticks
    return min(MAX_LEVERAGE, max(1, -(-worth_units // named_units)))


def project_position_changed(batch: Batch, _entry: OutputEntry, event: PositionChanged) -> None:
    row = batch.position_of(event.account_id)
    _take_leverage(row, batch.moved.get(event.account_id, NOT_MOVED), event.position_lots)
    row.position_lots = event.position_lots
    row.entry_cost_units = event.entry_cost_units
    row.margin_units = event.margin_units
    row.seq = batch.seq
    row.updated_ms = batch.time_ms
    batch.traded.discard(event.account_id)


def _take_leverage(row: PositionRow, moved: Moved, lots: int) -> None:
    """Of the orders whose side the position is on now, if there is more of it than before."""
    before = lots - moved.lots
    if not lots or before * lots <= 0:
        row.is_new, row.leverage = True, 0
    if abs(lots) > abs(before) or before * lots < 0:
        brought = moved.leverage_long if lots > 0 else moved.leverage_short
        row.leverage = max(row.leverage, brought)


def project_market_configured(batch: Batch, _entry: OutputEntry, event: MarketConfigured) -> None:
    status = batch.market_status()
    status.applied_config_version = event.config_version
    change = event.funding_change
    if change is not None:
        status.funding_since_ms = change.since_ms
        status.funding_is_split = True
        status.funding_accrued_ppb = change.accrued_ppb
        status.funding_rate_ppb = change.rate_ppb
        status.next_funding_ms = change.next_funding_ms
        status.premium_sum_ppb = status.premium_count = 0


def project_cancel_rejected(_batch: Batch, _entry: OutputEntry, _event: CancelRejected) -> None:
    """The order is as it was."""


def project_command_rejected(batch: Batch, entry: OutputEntry, event: CommandRejected) -> None:
    if event.code is RejectCode.MALFORMED:
        batch.malformed.append(entry)


def _has_fired(row: OrderRow) -> bool:
    return row.status == WAITING and row.triggered_ms is not None


Projector = Callable[[Batch, OutputEntry, Any], None]

PROJECTORS: dict[type, Projector] = {
    OrderAccepted: project_order_accepted,
    OrderRejected: project_order_rejected,
    OrderRested: project_order_rested,
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
                    | OrderCancelled()
                    | OrderWaiting()
                    | OrderTriggered()
                    | OrderAmended()
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
