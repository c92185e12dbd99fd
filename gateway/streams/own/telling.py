"""What engines say of orders, as events of accounts.

An engine's event names an order and what changed. What else clients want to hear of it, its kind,
its client's id, what it filled so far, is kept here: read from its row when it is met, and moved on
by each event. An order whose beginning is heard begins with nothing; the row of another may be
ahead of what is being told, and is not counted twice (`gateway.orders.shown`).
"""

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Sequence
from typing import Any

from feeds.account import orders_of
from gateway.orders.finding import SENT_AS_PLAIN
from gateway.orders.shown import ShownOrder, of_row
from gateway.streams.hub import StreamHub
from gateway.streams.own.account_events import OwnFill, algo_event, forced_event, order_event
from markets.rules import MarketRules
from matching.messages.conditional_events import (
    ConditionalAmended,
    CoverChanged,
    OrderAttached,
)
from matching.messages.events import (
    Event,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderRejected,
    OrderTriggered,
    OrderWaiting,
    OutputEntry,
    Trade,
)
from matching.messages.vocabulary import ExecutionType, OrderStatus, Role, Side
from trading.models import Order
from trading.selectors import algo_ids_of

KEPT_MAX = 50_000
TRIES, TRY_AGAIN_S = 5, 0.5

Told = list[tuple[int, dict[str, Any]]]
OwnRow = tuple[Order, bool, int]  # whether it was sent as a plain order; the algo that sent it or 0
_BEGINNINGS = (OrderAccepted, OrderRejected, OrderWaiting)


class Telling:
    def __init__(self, hub: StreamHub) -> None:
        self._hub = hub
        self._orders: OrderedDict[tuple[int, int], ShownOrder] = OrderedDict()
        self._sent_as_plain: set[int] = set()

    def forget(self, user_id: int) -> None:
        for own in [own for own in self._orders if own[0] == user_id]:
            self._sent_as_plain.discard(own[1])
            del self._orders[own]

    async def events_of(
        self, market_id: str, entries: Sequence[OutputEntry], users: Collection[int]
    ) -> Told:
        """In their order. Raises what Postgres does, where it doesn't answer for long."""
        symbol = self._hub.symbols.get(market_id)
        if symbol is None:
            return []
        rules = self._hub.markets[symbol]
        await self._meet(entries, users)
        told: Told = []
        for entry in entries:
            for event in entry.events:
                told += self._of_event(event, entry, users, symbol, rules)
        while len(self._orders) > KEPT_MAX:
            own, _ = self._orders.popitem(last=False)
            self._sent_as_plain.discard(own[1])
        return told

    async def _meet(self, entries: Sequence[OutputEntry], users: Collection[int]) -> None:
        named = set().union(*(orders_of(entry, users) for entry in entries))
        unknown = sorted(named - self._orders.keys())
        if not unknown:
            return
        ids = [order_id for _, order_id in unknown]
        begun = {
            event.order_id
            for entry in entries
            for event in entry.events
            if isinstance(event, _BEGINNINGS)
        }
        for order, is_plain, algo_id in await self._read(ids):
            shown = of_row(order)
            shown.algo_id = algo_id
            if order.pk in begun and not order.triggered_at:
                shown = _as_it_began(shown)
            self._orders[order.user_id, order.pk] = shown
            if is_plain:
                self._sent_as_plain.add(order.pk)

    async def _read(self, ids: list[int]) -> list[OwnRow]:
        for _ in range(TRIES - 1):
            try:
                return await self._hub.ask(lambda: _rows(ids))
            except Exception:  # noqa: BLE001  whatever it is, it may be over in a moment
                await asyncio.sleep(TRY_AGAIN_S)
        return await self._hub.ask(lambda: _rows(ids))

    # --- event by event ---------------------------------------------------------------------------

    def _of_event(
        self,
        event: Event,
        entry: OutputEntry,
        users: Collection[int],
        symbol: str,
        rules: MarketRules,
    ) -> Told:
        if isinstance(event, Trade):
            return self._of_trade(event, entry, users, symbol, rules)
        user_id = getattr(event, "account_id", 0)
        order = self._orders.get((user_id, getattr(event, "order_id", 0)))
        if user_id not in users or order is None:
            return []
        had_fired = bool(order.triggered_ms)
        order.updated_ms = entry.time_ms
        if isinstance(event, OrderTriggered):
            order.triggered_ms = entry.time_ms
        order.hear(event, rules.units_per_tick_lot)
        return [(user_id, one) for one in self._shown(event, order, had_fired, symbol, rules)]

    def _shown(
        self, event: Event, order: ShownOrder, had_fired: bool, symbol: str, rules: MarketRules
    ) -> list[dict[str, Any]]:
        is_plain = order.order_id in self._sent_as_plain
        of_algo = order.is_conditional and not is_plain
        algo = [algo_event(order, symbol, rules)] if of_algo else []
        what = _what(event, order)
        match event:
            case OrderWaiting() | OrderRejected():
                return algo or [order_event(order, what, symbol, rules)]
            case OrderTriggered() | OrderAttached() | CoverChanged() | ConditionalAmended():
                return algo
            case OrderAccepted():
                return [*algo, order_event(order, what, symbol, rules)]
            case OrderCancelled() if of_algo and not had_fired:
                return algo
            case OrderCancelled():
                return [order_event(order, what, symbol, rules), *algo]
            case OrderAmended():
                return [order_event(order, what, symbol, rules)]
            case _:
                return []

    def _of_trade(
        self,
        trade: Trade,
        entry: OutputEntry,
        users: Collection[int],
        symbol: str,
        rules: MarketRules,
    ) -> Told:
        told: Told = []
        for fill in _sides(trade):
            user_id, order_id = fill.leg.account_id, fill.leg.order_id
            if user_id not in users:
                continue
            if not order_id:
                is_adl = trade.execution is ExecutionType.ADL
                named = f"{'adl_' if is_adl else ''}autoclose-{trade.trade_id}"
                told.append((user_id, forced_event(fill, named, entry.time_ms, symbol, rules)))
                continue
            order = self._orders.get((user_id, order_id))
            if order is None:
                continue
            order.updated_ms = entry.time_ms
            order.hear(trade, rules.units_per_tick_lot)
            told.append((user_id, order_event(order, "TRADE", symbol, rules, fill)))
            is_over = order.status == OrderStatus.FILLED
            if is_over and order.is_conditional and order_id not in self._sent_as_plain:
                told.append((user_id, algo_event(order, symbol, rules)))
        return told


def _sides(trade: Trade) -> tuple[OwnFill, OwnFill]:
    maker_side = Side.SHORT if trade.taker_side is Side.LONG else Side.LONG
    return (
        OwnFill(trade, trade.taker, Role.TAKER, trade.taker_side),
        OwnFill(trade, trade.maker, Role.MAKER, maker_side),
    )


def _what(event: Event, order: ShownOrder) -> str:
    match event:
        case OrderAmended():
            return "AMENDMENT"
        case OrderCancelled() if event.remaining_lots:
            return "AMENDMENT"
        case OrderCancelled() if order.status_word == "CANCELED":
            return "CANCELED"
        case OrderCancelled() | OrderRejected():
            return "EXPIRED"
        case _:
            return "NEW"


def _as_it_began(order: ShownOrder) -> ShownOrder:
    order.filled_lots = order.cancelled_lots = order.filled_cost_units = 0
    order.status, order.reason = OrderStatus.PENDING, ""
    return order


def _rows(ids: list[int]) -> list[OwnRow]:
    rows = list(Order.objects.filter(pk__in=ids).annotate(is_plain=SENT_AS_PLAIN))
    algo_ids = algo_ids_of(rows)
    return [(row, bool(row.is_plain), algo_ids.get(row.pk, 0)) for row in rows]
