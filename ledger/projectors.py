"""⑤ Events onto rows, in memory: what ③ decided, written down. One function per event.

Nothing is computed here that the engine computed already; where an event and the row it speaks of
contradict each other, the entry is poison and the market's persistence stops in front of it.
"""

from collections.abc import Callable, Iterable
from typing import Any, get_args

from ledger.batch import Batch, FillRow, OrderRow
from ledger.posting_rules import POSTING_RULES
from matching.messages.events import (
    CancelRejected,
    CommandRejected,
    Event,
    MarketConfigured,
    MarketStateChanged,
    MarkPriceChanged,
    OrderAccepted,
    OrderCancelled,
    OrderRejected,
    OrderRested,
    OutputEntry,
    PositionChanged,
    Trade,
    TradeLeg,
)
from matching.messages.vocabulary import OrderStatus, RejectCode, Role, Side

PENDING = OrderStatus.PENDING.value
OPEN = OrderStatus.OPEN.value
FILLED = OrderStatus.FILLED.value
OPPOSITE = {Side.LONG: Side.SHORT, Side.SHORT: Side.LONG}


def project_order_accepted(batch: Batch, _entry: OutputEntry, event: OrderAccepted) -> None:
    row = batch.order_of(event.order_id, event.account_id)
    if row.status != PENDING:
        raise batch.poison(f"order {row.id} is {row.status} and can't be accepted")
    row.status = OPEN
    _release(batch, row, event.released_units)
    batch.post(event)


def project_order_rejected(batch: Batch, _entry: OutputEntry, event: OrderRejected) -> None:
    """Only a pending order can be refused: for any other, the refusal answers a second delivery
    of a command that took effect, and there is nothing left to give back."""
    known = batch.orders.get(event.order_id)
    if known is None or known.status != PENDING:
        return
    row = batch.order_of(event.order_id, event.account_id)
    row.status = OrderStatus.REJECTED.value
    row.reason = event.code.value
    row.cancelled_lots = row.size_lots
    _release(batch, row, event.released_units)
    _require_finished_holds_nothing(batch, row)
    batch.post(event)


def project_order_rested(batch: Batch, _entry: OutputEntry, event: OrderRested) -> None:
    row = _open_order(batch, event.order_id, event.account_id)
    _require_remaining(batch, row, event.remaining_lots)
    row.arrival = event.arrival
    _release(batch, row, event.released_units)
    batch.post(event)


def project_order_cancelled(batch: Batch, _entry: OutputEntry, event: OrderCancelled) -> None:
    row = _open_order(batch, event.order_id, event.account_id)
    row.cancelled_lots += event.cancelled_lots
    _require_remaining(batch, row, event.remaining_lots)
    _release(batch, row, event.released_units)
    if not event.remaining_lots:
        row.status = event.reason.final_status.value
        row.reason = event.reason.value
        _require_finished_holds_nothing(batch, row)
    batch.post(event)


def project_trade(batch: Batch, _entry: OutputEntry, event: Trade) -> None:
    taker_side = event.taker_side
    _project_leg(batch, event, event.taker, Role.TAKER.value, taker_side)
    _project_leg(batch, event, event.maker, Role.MAKER.value, OPPOSITE[taker_side])
    batch.market_status().last_price_ticks = event.price_ticks
    batch.post(event)


def _project_leg(batch: Batch, trade: Trade, leg: TradeLeg, role: str, side: Side) -> None:
    row = _open_order(batch, leg.order_id, leg.account_id)
    if row.side != side:
        raise batch.poison(f"order {row.id} is {row.side} and can't trade {side}")
    row.filled_lots += trade.size_lots
    row.filled_cost_units += batch.units_per_tick_lot * trade.price_ticks * trade.size_lots
    _require_remaining(batch, row, leg.remaining_lots)
    _release(batch, row, leg.hold_released_units)
    if not leg.remaining_lots:
        row.status = FILLED
        _require_finished_holds_nothing(batch, row)
    batch.fills.append(
        FillRow(
            trade.trade_id,
            role,
            leg.order_id,
            leg.account_id,
            row.side,
            trade.price_ticks,
            trade.size_lots,
            leg.fee_units,
            leg.realized_pnl_units,
            batch.seq,
            batch.time_text,
        )
    )
    batch.position_of(leg.account_id).realized_pnl_units += leg.realized_pnl_units
    batch.traded.add(leg.account_id)


def project_position_changed(batch: Batch, _entry: OutputEntry, event: PositionChanged) -> None:
    row = batch.position_of(event.account_id)
    row.position_lots = event.position_lots
    row.entry_cost_units = event.entry_cost_units
    row.margin_units = event.margin_units
    row.seq = batch.seq
    row.updated_ms = batch.time_ms
    batch.traded.discard(event.account_id)


def project_market_configured(batch: Batch, _entry: OutputEntry, event: MarketConfigured) -> None:
    batch.market_status().applied_config_version = event.config_version


def project_market_state_changed(
    batch: Batch, _entry: OutputEntry, event: MarketStateChanged
) -> None:
    batch.market_status().state = event.state.value


def project_mark_price_changed(batch: Batch, _entry: OutputEntry, event: MarkPriceChanged) -> None:
    status = batch.market_status()
    status.mark_price_ticks = event.mark_price_ticks
    status.index_price_ticks = event.index_price_ticks
    status.mark_price_ms = batch.time_ms


def project_cancel_rejected(_batch: Batch, _entry: OutputEntry, _event: CancelRejected) -> None:
    """The order is as it was."""


def project_command_rejected(batch: Batch, entry: OutputEntry, event: CommandRejected) -> None:
    if event.code is RejectCode.MALFORMED:
        batch.malformed.append(entry)


def _open_order(batch: Batch, order_id: int, account_id: int) -> OrderRow:
    row = batch.order_of(order_id, account_id)
    if row.status != OPEN:
        raise batch.poison(f"order {order_id} is {row.status}, not open")
    return row


def _require_remaining(batch: Batch, row: OrderRow, remaining_lots: int) -> None:
    if row.size_lots - row.filled_lots - row.cancelled_lots != remaining_lots:
        raise batch.poison(
            f"order {row.id} has {row.remaining_lots} lots left, not {remaining_lots} as told"
        )


def _release(batch: Batch, row: OrderRow, released_units: int) -> None:
    row.held_units -= released_units
    if row.held_units < 0:
        raise batch.poison(f"order {row.id} gives back {-row.held_units} units it does not hold")


def _require_finished_holds_nothing(batch: Batch, row: OrderRow) -> None:
    if row.held_units:
        raise batch.poison(f"order {row.id} is {row.status} and still holds {row.held_units} units")


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
                case OrderAccepted() | OrderRejected() | OrderRested() | OrderCancelled():
                    order_ids.add(event.order_id)
    return order_ids


def project(batch: Batch, entries: Iterable[OutputEntry]) -> None:
    """Apply the entries to the batch's rows. Raises PoisonEntry; the batch is then worthless."""
    for entry in entries:
        batch.begin_entry(entry)
        for event in entry.events:
            PROJECTORS[type(event)](batch, entry, event)
        batch.end_entry()
