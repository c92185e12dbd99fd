"""⑤ Events of positions onto their rows: fills, margin, forced closings, settlement."""

from matching.messages.events import (
    MarginAdjusted,
    MarginAdjustmentRejected,
    OutputEntry,
    PositionChanged,
    PositionLiquidated,
    PositionSettled,
    Trade,
    TradeLeg,
)
from matching.messages.limits import MAX_LEVERAGE
from matching.messages.vocabulary import ExecutionType, OrderStatus, Role, Side
from persistence.projection.batch import (
    NOT_MOVED,
    Batch,
    FillRow,
    PositionMove,
    ProjectedOrder,
    ProjectedPosition,
)
from persistence.projection.lives import ending_of
from persistence.projection.order_changes import (
    open_order,
    release,
    require_finished_holds_nothing,
    require_remaining,
)
from persistence.projection.outcomes import (
    LiquidationRow,
    SettlementRow,
)
from persistence.projection.second_deliveries import is_second_delivery


def project_margin_adjusted(batch: Batch, _entry: OutputEntry, event: MarginAdjusted) -> None:
    batch.traded.add(event.account_id)
    batch.post(event)


def project_margin_adjustment_rejected(
    batch: Batch, entry: OutputEntry, event: MarginAdjustmentRejected
) -> None:
    if not is_second_delivery(batch, entry, event.code):
        batch.post(event)


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


FILLED = OrderStatus.FILLED.value
OPPOSITE = {Side.LONG: Side.SHORT, Side.SHORT: Side.LONG}


def project_trade(batch: Batch, _entry: OutputEntry, event: Trade) -> None:
    taker_side = event.taker_side
    _project_leg(batch, event, event.taker, Role.TAKER, taker_side)
    _project_leg(batch, event, event.maker, Role.MAKER, OPPOSITE[taker_side])
    if event.execution is not ExecutionType.ADL:  # whose price is made, not agreed
        batch.count_trade(event)
        batch.market_status().last_price_ticks = event.price_ticks
    batch.post(event)


def _project_leg(batch: Batch, trade: Trade, leg: TradeLeg, role: Role, side: Side) -> None:
    moved = batch.moved.get(leg.account_id)
    if moved is None:
        moved = batch.moved[leg.account_id] = PositionMove()
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


def _project_order_leg(
    batch: Batch, trade: Trade, leg: TradeLeg, side: Side, moved: PositionMove
) -> None:
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


def _leverage_of(batch: Batch, row: ProjectedOrder, price_ticks: int) -> int:
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


def _take_leverage(row: ProjectedPosition, moved: PositionMove, lots: int) -> None:
    """Of the orders whose side the position is on now, if there is more of it than before."""
    before = lots - moved.lots
    if not lots or before * lots <= 0:
        row.is_new, row.leverage = True, 0
    if abs(lots) > abs(before) or before * lots < 0:
        brought = moved.leverage_long if lots > 0 else moved.leverage_short
        row.leverage = max(row.leverage, brought)
