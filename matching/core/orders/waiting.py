"""Conditional orders while they wait: taken, and changed.

Theory of operation. A conditional order passes the checks that don't depend on the price it will
meet, and waits without holding anything. While it waits its condition, limit and size may be
changed in one step: at no moment is it gone, and if it would not be taken as it would be then, it
stays as it was. A condition that holds already is refused, as when the order is placed: the trader
hears so and keeps the protection he has, instead of selling at once by a slip of the finger.

A change is a new arrival: of orders that fire together those that named their price first go first.
A trailing stop keeps the best price it has seen. What it waits to be activated by can be changed
only while it waits for that.
"""

import msgspec
from msgspec import UnsetType

from matching.core.book.triggers import WaitingOrder, is_back
from matching.core.market.state import ORDER_EXPIRY, State, Turn
from matching.core.orders.attached import attach, refused_to_attach
from matching.core.orders.pairs import begin_pair
from matching.core.orders.refusals import (
    orders_of,
    refused_by_limits,
    refused_while_waiting,
    reject,
    would_fire_now,
)
from matching.messages.commands import AmendConditional, PlaceOrder, Trigger
from matching.messages.conditional_events import ConditionalAmended
from matching.messages.events import AmendRejected, OrderWaiting
from matching.messages.holds import margin_of_size
from matching.messages.limits import MAX_MONEY_UNITS
from matching.messages.vocabulary import RejectCode, Side, TriggerBy, TriggerKind


def wait(state: State, command: PlaceOrder, trigger: Trigger, turn: Turn) -> None:
    """Accept or refuse a conditional order."""
    code = _refusal(state, command, trigger, turn.now_ms)
    if code is not None:
        reject(state, command, code, turn)
        return
    account = state.account(command.account_id, turn)
    begin_pair(state, command)
    if command.expires_ms:
        state.set_timer(command.expires_ms, ORDER_EXPIRY, command.order_id)
    if not isinstance(command.parent_id, UnsetType):
        attach(state, WaitingOrder(command, trigger, 0, is_asleep=True), account, turn)
        return
    state.last_arrival += 1
    state.add_waiting(WaitingOrder(command, trigger, state.last_arrival), account)
    turn.events.append(
        OrderWaiting(
            order_id=command.order_id,
            account_id=command.account_id,
            arrival=state.last_arrival,
            released_units=command.hold_units,
        )
    )


def _refusal(state: State, command: PlaceOrder, trigger: Trigger, now_ms: int) -> RejectCode | None:
    config = state.config
    if config is None:
        return RejectCode.MARKET_NOT_CONFIGURED
    code = refused_while_waiting(state, command, trigger)
    if code is not None:
        return code
    is_trailing = trigger.kind is TriggerKind.TRAILING_STOP
    if not isinstance(command.parent_id, UnsetType):
        code = refused_to_attach(state, command, command.parent_id)
    elif not is_trailing and would_fire_now(state, trigger, command.side is Side.LONG):
        code = RejectCode.TRIGGER_ALREADY_TRUE
    if code is not None:
        return code
    if command.expires_ms and command.expires_ms <= now_ms:
        return RejectCode.INVALID_EXPIRY
    account = state.accounts.get(command.account_id)
    if account and orders_of(account) >= config.max_open_orders:
        return RejectCode.MAX_OPEN_ORDERS
    return refused_by_limits(config, command)


def on_amend_conditional(state: State, command: AmendConditional, turn: Turn) -> None:
    waiting = state.triggers.find(command.order_id)
    code = _not_waiting(state, command) if waiting is None else None
    if waiting is not None:
        if waiting.command.account_id != command.account_id:
            code = RejectCode.NOT_ORDER_OWNER
        elif waiting.is_triggered:
            code = RejectCode.ALREADY_TRIGGERED
        else:
            code = _amend(state, waiting, command, turn)
    if code is not None:
        turn.events.append(
            AmendRejected(
                order_id=command.order_id,
                account_id=command.account_id,
                code=code,
                released_units=0,
            )
        )


def _not_waiting(state: State, command: AmendConditional) -> RejectCode:
    order = state.book.orders.get(command.order_id)
    if order is None:
        return RejectCode.UNKNOWN_ORDER
    if order.account_id != command.account_id:
        return RejectCode.NOT_ORDER_OWNER
    return RejectCode.ALREADY_TRIGGERED


def _amend(
    state: State, waiting: WaitingOrder, command: AmendConditional, turn: Turn
) -> RejectCode | None:
    """Returns why not, and nothing has changed then."""
    before, trigger = waiting.command, waiting.trigger
    trigger_price = command.trigger_price_ticks or trigger.price_ticks
    callback_ppm = command.callback_ppm or trigger.callback_ppm
    size_lots = command.size_lots or before.size_lots
    price_ticks = command.price_ticks or before.price_ticks
    if (before.close_position or waiting.parent_id) and size_lots != before.size_lots:
        return RejectCode.INVALID_SIZE
    amended = msgspec.structs.replace(trigger, price_ticks=trigger_price, callback_ppm=callback_ppm)
    order = msgspec.structs.replace(
        before,
        price_ticks=price_ticks,
        size_lots=size_lots,
        margin_units=margin_of_size(before.margin_units, before.size_lots, size_lots),
        trigger=amended,
    )
    if order == before:
        return RejectCode.NOTHING_TO_AMEND
    if order.margin_units > MAX_MONEY_UNITS:
        return RejectCode.INVALID_SIZE
    code = _amended_refusal(state, waiting, order, amended)
    if code is not None:
        return code
    account = state.account(order.account_id, turn)
    state.drop_waiting(waiting, account)
    arrival = 0
    if not waiting.is_asleep:
        arrival = state.last_arrival = state.last_arrival + 1
    after = WaitingOrder(order, amended, arrival, waiting.peak_ticks, is_asleep=waiting.is_asleep)
    state.add_waiting(after, account)
    turn.events.append(
        ConditionalAmended(
            order_id=order.order_id,
            account_id=order.account_id,
            price_ticks=price_ticks,
            size_lots=size_lots,
            trigger_price_ticks=trigger_price,
            callback_ppm=callback_ppm,
            arrival=after.arrival,
            order_type=order.order_type,
            of_whole_position=order.close_position,
        )
    )
    return None


def _amended_refusal(
    state: State, waiting: WaitingOrder, order: PlaceOrder, trigger: Trigger
) -> RejectCode | None:
    if state.config is None:
        return RejectCode.MARKET_NOT_CONFIGURED
    code = refused_while_waiting(state, order, trigger)
    if code is None and trigger != waiting.trigger and not waiting.is_asleep:
        code = _refused_by_condition(state, waiting, trigger)
    return code or refused_by_limits(state.config, order)


def _refused_by_condition(
    state: State, waiting: WaitingOrder, amended: Trigger
) -> RejectCode | None:
    """Whether the changed condition may be waited for, at the prices as they are."""
    if amended.kind is not TriggerKind.TRAILING_STOP:
        if would_fire_now(state, amended, waiting.is_long):
            return RejectCode.TRIGGER_ALREADY_TRUE
        return None
    is_active = waiting.peak_ticks or not waiting.trigger.price_ticks
    if is_active and amended.price_ticks != waiting.trigger.price_ticks:
        return RejectCode.ALREADY_ACTIVE
    reference = state.mark_price_ticks
    if amended.by is TriggerBy.LAST:
        reference = state.last_price_ticks
    peak = waiting.peak_ticks
    if peak and is_back(waiting.is_long, amended.callback_ppm, peak, reference):
        return RejectCode.TRIGGER_ALREADY_TRUE
    return None
