"""What persisting a fill looks like in idiomatic Django: one transaction each, rows locked, objects
saved. The baseline of `benchmarks.persist`; it writes the rows that the ledger writes.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction

from ledger.models import Account, AccountKind, JournalEntry, Posting, Wallet
from ledger.posting_rules import POSTING_RULES, Movement
from markets.models import MarketStatus
from matching.messages.events import (
    Event,
    OrderAccepted,
    OrderCancelled,
    OrderRested,
    OutputEntry,
    PositionChanged,
    Trade,
    TradeLeg,
)
from matching.messages.vocabulary import OrderStatus, Role, Side
from persistence.models import MarketCursor
from trading.models import Fill, Order, Position

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def persist(market_id: str, entries: Iterable[OutputEntry]) -> None:
    for entry in entries:
        positions = {e.account_id: e for e in entry.events if isinstance(e, PositionChanged)}
        with transaction.atomic():
            for event in entry.events:
                if isinstance(event, OrderAccepted | OrderRested | OrderCancelled):
                    _persist_order_event(market_id, entry, event)
            MarketCursor.objects.filter(market_id=market_id).update(
                seq=entry.seq, input_id=entry.input_id, entry_time_ms=entry.time_ms
            )
        for event in entry.events:
            if isinstance(event, Trade):
                with transaction.atomic():
                    _persist_trade(market_id, entry, event, positions)


def _persist_order_event(
    market_id: str, entry: OutputEntry, event: OrderAccepted | OrderCancelled | OrderRested
) -> None:
    order = Order.objects.select_for_update().get(pk=event.order_id)
    order.held_units -= event.released_units
    if isinstance(event, OrderCancelled):
        order.cancelled_lots += event.cancelled_lots
        if not event.remaining_lots:
            order.status = event.reason.final_status
            order.reason = event.reason
    else:
        order.status = OrderStatus.OPEN
        if isinstance(event, OrderRested):
            order.arrival = event.arrival
    order.updated_at = _time(entry)
    order.save()
    _post(market_id, entry, event)


def _persist_trade(
    market_id: str, entry: OutputEntry, trade: Trade, positions: dict[int, PositionChanged]
) -> None:
    other_side = Side.SHORT if trade.taker_side is Side.LONG else Side.LONG
    _persist_leg(market_id, entry, trade, trade.taker, Role.TAKER, trade.taker_side, positions)
    _persist_leg(market_id, entry, trade, trade.maker, Role.MAKER, other_side, positions)
    status = MarketStatus.objects.get(market_id=market_id)
    status.last_price_ticks = trade.price_ticks
    status.save()
    _post(market_id, entry, trade)


def _persist_leg(
    market_id: str,
    entry: OutputEntry,
    trade: Trade,
    leg: TradeLeg,
    role: Role,
    side: Side,
    positions: dict[int, PositionChanged],
) -> None:
    if leg.order_id:
        order = Order.objects.select_for_update().get(pk=leg.order_id)
        order.filled_lots += trade.size_lots
        order.held_units -= leg.hold_released_units
        order.status = OrderStatus.OPEN if leg.remaining_lots else OrderStatus.FILLED
        order.updated_at = _time(entry)
        order.save()
    Fill.objects.create(
        market_id=market_id,
        trade_id=trade.trade_id,
        role=role,
        execution=trade.execution,
        order_id=leg.order_id or None,
        user_id=leg.account_id,
        side=side,
        price_ticks=trade.price_ticks,
        size_lots=trade.size_lots,
        fee_units=leg.fee_units,
        realized_pnl_units=leg.realized_pnl_units,
        insurance_units=leg.insurance_delta_units,
        seq=entry.seq,
        executed_at=_time(entry),
    )
    told = positions[leg.account_id]
    terms = {
        "position_lots": told.position_lots,
        "entry_cost_units": told.entry_cost_units,
        "margin_units": told.margin_units,
        "seq": entry.seq,
        "updated_at": _time(entry),
    }
    position, is_new = Position.objects.select_for_update().get_or_create(
        market_id=market_id, user_id=leg.account_id, defaults=terms
    )
    if not is_new:
        for name, value in terms.items():
            setattr(position, name, value)
        position.realized_pnl_units += leg.realized_pnl_units
        position.save()


def _post(market_id: str, entry: OutputEntry, event: Event) -> None:
    for movement in POSTING_RULES[type(event)](market_id, event):
        journal_entry = JournalEntry.objects.create(
            kind=movement.kind,
            market_id=market_id,
            seq=entry.seq,
            order_id=movement.order_id,
            trade_id=movement.trade_id,
            created_at=_time(entry),
        )
        _post_lines(journal_entry, movement)


def _post_lines(journal_entry: JournalEntry, movement: Movement) -> None:
    postings = []
    for kind, owner, amount_units, purpose in movement.lines:
        user_id = owner if isinstance(owner, int) else None
        market_id = owner if isinstance(owner, str) else None
        found: dict[str, Any] = {"kind": kind, "user_id": user_id, "market_id": market_id}
        account = Account.objects.get(**found)
        line = Posting(entry=journal_entry, account=account, amount_units=amount_units)
        line.kind = purpose
        postings.append(line)
        if kind in (AccountKind.AVAILABLE, AccountKind.HELD) and user_id is not None:
            wallet = Wallet.objects.select_for_update().get(user_id=user_id)
            if kind is AccountKind.AVAILABLE:
                wallet.available_units += amount_units
            else:
                wallet.held_units += amount_units
            wallet.save()
    Posting.objects.bulk_create(postings)


def _time(entry: OutputEntry) -> datetime:
    return EPOCH + timedelta(milliseconds=entry.time_ms)
