"""⑤ Events of the perpetual rules onto rows: conditional and amended orders, funding, forced
closings, margin, countdowns, settlement. As `projectors`, of which this is the second half."""

from matching.messages.events import (
    ActivationRejected,
    AmendRejected,
    CountdownSet,
    FundingSettled,
    InsuranceFunded,
    MarginAdjusted,
    MarginAdjustmentRejected,
    MarketStateChanged,
    MarkPriceChanged,
    OrderAmended,
    OrderTriggered,
    OrderWaiting,
    OutputEntry,
    PositionLiquidated,
    PositionSettled,
)
from matching.messages.vocabulary import ExecutionType, MarketState, RejectCode, Role, Side
from persistence.projection.batch import Batch, PositionRow
from persistence.projection.batch_perps import (
    FundingRow,
    HoldRequest,
    LiquidationRow,
    PaymentRow,
    SettlementRow,
)
from persistence.projection.order_changes import (
    PENDING,
    WAITING,
    open_order,
    release,
    require_remaining,
)
from persistence.writing.lives import ending_of


def project_order_waiting(batch: Batch, _entry: OutputEntry, event: OrderWaiting) -> None:
    row = batch.order_of(event.order_id, event.account_id)
    if row.status != PENDING:
        raise batch.poison(f"order {row.id} is {row.status} and can't begin to wait")
    row.status = WAITING
    row.arrival = event.arrival
    release(batch, row, event.released_units)
    batch.post(event)


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
    row.margin_units = row.margin_units // row.size_lots * event.size_lots
    row.size_lots = event.size_lots
    row.cancelled_lots = 0
    row.hold_units += event.brought_units
    row.held_units += event.brought_units
    require_remaining(batch, row, event.remaining_lots)
    release(batch, row, event.released_units)
    batch.post(event)


def project_amend_rejected(batch: Batch, entry: OutputEntry, event: AmendRejected) -> None:
    if not _is_second_delivery(batch, entry, event.code):
        batch.post(event)


def project_activation_rejected(
    batch: Batch, entry: OutputEntry, event: ActivationRejected
) -> None:
    if _is_second_delivery(batch, entry, event.code):
        return
    row = batch.order_of(event.order_id, event.account_id)
    release(batch, row, event.released_units)
    batch.post(event)


def project_margin_adjusted(batch: Batch, _entry: OutputEntry, event: MarginAdjusted) -> None:
    batch.traded.add(event.account_id)
    batch.post(event)


def project_margin_adjustment_rejected(
    batch: Batch, entry: OutputEntry, event: MarginAdjustmentRejected
) -> None:
    if not _is_second_delivery(batch, entry, event.code):
        batch.post(event)


def _is_second_delivery(batch: Batch, entry: OutputEntry, code: RejectCode) -> bool:
    """A command refused as too old after it took effect: what it brought is not there twice."""
    if code is not RejectCode.TOO_OLD:
        return False
    first_seq = batch.applied_commands.get(entry.command_id, entry.seq)
    return first_seq != entry.seq or entry.command_id in batch.perps.applied_before


def too_old_commands_of(entries: list[OutputEntry]) -> list[int]:
    """Commands of which it must be known whether an earlier batch saw them."""
    return [
        entry.command_id
        for entry in entries
        for event in entry.events
        if getattr(event, "code", None) is RejectCode.TOO_OLD and entry.command_id
    ]


def project_insurance_funded(batch: Batch, _entry: OutputEntry, event: InsuranceFunded) -> None:
    batch.post(event)


def project_funding_settled(batch: Batch, _entry: OutputEntry, event: FundingSettled) -> None:
    status = batch.market_status()
    interval_rate = event.interval_rate_ppb
    status.funding_rate_ppb = event.rate_ppb if interval_rate is None else interval_rate
    status.funding_since_ms = status.funding_accrued_ppb = 0
    status.funding_is_split = False
    status.funding_carry = event.carry
    status.next_funding_ms = event.next_funding_ms
    status.premium_sum_ppb = 0
    status.premium_count = 0
    payments = []
    for payment in event.payments:
        row = batch.position_of(payment.account_id)
        lots = -payment.amount_units // event.per_lot_units
        _set_position(batch, row, lots, payment.entry_cost_units, payment.margin_units)
        row.realized_pnl_units += payment.from_profit_units
        batch.lives.fund(payment.account_id, payment.amount_units, payment.from_profit_units)
        payments.append(
            PaymentRow(payment.account_id, lots, payment.amount_units, payment.from_profit_units)
        )
    paid_units = sum(p.amount_units for p in payments if p.amount_units > 0)
    batch.perps.fundings.append(
        FundingRow(
            batch.seq,
            event.funding_time_ms,
            batch.time_ms,
            event.rate_ppb,
            event.mark_price_ticks,
            event.per_lot_units,
            paid_units,
            event.carry,
            payments,
        )
    )
    batch.post(event)


def _set_position(
    batch: Batch, row: PositionRow, lots: int, entry_cost_units: int, margin_units: int
) -> None:
    row.position_lots = lots
    row.entry_cost_units = entry_cost_units
    row.margin_units = margin_units
    row.seq = batch.seq
    row.updated_ms = batch.time_ms


def project_position_liquidated(
    batch: Batch, _entry: OutputEntry, event: PositionLiquidated
) -> None:
    liquidations = batch.perps.liquidations
    ordinal = 1
    if liquidations and liquidations[-1].seq == batch.seq:
        ordinal = liquidations[-1].ordinal + 1
    liquidations.append(
        LiquidationRow(
            event.account_id,
            batch.seq,
            ordinal,
            batch.time_text,
            event.mark_price_ticks,
            event.position_lots,
            event.entry_cost_units,
            event.margin_units,
            event.equity_units,
            event.maintenance_units,
            event.fee_reserve_units,
            event.limit_ticks,
            event.cancelled_orders,
            event.filled_lots,
            event.deleveraged_lots,
            event.fee_units,
            event.insurance_paid_units,
            event.left_lots,
            event.returned_units,
        )
    )


def project_position_settled(batch: Batch, _entry: OutputEntry, event: PositionSettled) -> None:
    leg = event.leg
    batch.perps.settlements.append(
        SettlementRow(
            leg.account_id,
            batch.seq,
            batch.time_text,
            event.price_ticks,
            event.position_lots,
            leg.realized_pnl_units,
            leg.insurance_delta_units,
            leg.available_delta_units,
        )
    )
    side = (Side.SHORT if event.position_lots > 0 else Side.LONG).value  # what closes it
    value_units = batch.units_per_tick_lot * event.price_ticks
    ending = ending_of(leg, ExecutionType.SETTLE, Role.TAKER)
    batch.lives.fill(batch.moment, leg, side, abs(event.position_lots), value_units, ending)
    batch.position_of(leg.account_id).realized_pnl_units += leg.realized_pnl_units
    batch.traded.add(leg.account_id)
    batch.post(event)


def project_countdown_set(batch: Batch, _entry: OutputEntry, event: CountdownSet) -> None:
    batch.perps.countdowns[event.account_id] = (event.due_ms, event.protective)


def project_mark_price_changed(batch: Batch, _entry: OutputEntry, event: MarkPriceChanged) -> None:
    """A price that was taken arms the breaker; one that went stale changes nothing else."""
    status = batch.market_status()
    status.mark_price_ticks = event.mark_price_ticks
    status.index_price_ticks = event.index_price_ticks
    status.index_ms = event.index_ms
    if status.first_index_ms is None:
        status.first_index_ms = event.index_ms
    status.index_stale = event.index_stale
    status.premium_sum_ppb = event.premium_sum_ppb
    status.premium_count = event.premium_count
    status.next_funding_ms = event.next_funding_ms
    if not event.index_stale:
        status.mark_price_ms = batch.time_ms
        status.breaker_armed = True


def project_market_state_changed(
    batch: Batch, _entry: OutputEntry, event: MarketStateChanged
) -> None:
    """An operator who ends a halt has seen the jump: the next mark price is taken whatever it is.
    Settlement ends all countdowns."""
    status = batch.market_status()
    status.state = event.state.value
    status.state_reason = event.reason.value
    if event.state is MarketState.SETTLED:
        batch.perps.countdowns.clear()
        batch.perps.countdowns_over = True
    elif event.previous_state is MarketState.HALTED:
        status.breaker_armed = False
