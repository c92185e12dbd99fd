"""Conditional orders whose condition came true, and orders whose time has come.

Theory of operation. After each command, while a reference price has moved, what it fires is taken
in order of arrival; an execution may move the last price and fire more, each order at most once.
An order that only reduces holds nothing and executes at once, at the back of its queue. Another
has no money in the engine: it is announced as needing its hold, and goes on when `ActivateOrder`
brings it, or is cancelled when that brings none. Until then it can be cancelled and expires like
any other order; a hold that comes later goes back.

While a market refuses takers (stale index, post-only, cancel-only, halted) nothing fires;
conditions are looked at again when it doesn't.
"""

import heapq

import msgspec
from msgspec import UNSET

from matching.core.book.triggers import WaitingOrder
from matching.core.market.position import reducible_lots
from matching.core.market.prices import is_pricing
from matching.core.market.state import COUNTDOWN, ORDER_EXPIRY, State, Turn
from matching.core.orders.attached import cancel_others
from matching.core.orders.place import place
from matching.messages.commands import ActivateOrder, PlaceOrder, SetCountdown
from matching.messages.events import (
    ActivationRejected,
    CommandRejected,
    CountdownSet,
    OrderTriggered,
)
from matching.messages.holds import slippage_limit_ticks
from matching.messages.vocabulary import CancelReason, MarketState, RejectCode, TriggerBy


def fire_triggers(state: State, turn: Turn) -> None:
    if not state.triggers.orders or not is_pricing(state):
        return
    if state.market_state not in (MarketState.ACTIVE, MarketState.REDUCE_ONLY):
        return
    while True:
        due = state.triggers.due(TriggerBy.MARK, state.mark_price_ticks)
        if state.last_price_ticks:
            due += state.triggers.due(TriggerBy.LAST, state.last_price_ticks)
        if not due:
            return
        for waiting in sorted(due, key=lambda order: order.arrival):
            if waiting.order_id in state.triggers.orders:  # not cancelled by one before it
                _fire(state, waiting, turn)


def _fire(state: State, waiting: WaitingOrder, turn: Turn) -> None:
    command = waiting.command
    account = state.account(command.account_id, turn)
    by_mark = waiting.trigger.by is TriggerBy.MARK
    reference = state.mark_price_ticks if by_mark else state.last_price_ticks
    size_lots = command.size_lots
    if command.close_position or waiting.parent_id:
        closable = reducible_lots(account.position_lots, waiting.is_long)
        size_lots = min(size_lots, closable) if waiting.parent_id else closable
        if not size_lots:
            state.cancel_waiting(waiting, account, CancelReason.POSITION_CLOSED, turn)
            return
    limit_ticks = _slippage_limit(state, waiting)
    command = waiting.command = msgspec.structs.replace(
        command, size_lots=size_lots, price_ticks=limit_ticks or command.price_ticks
    )
    needs_hold = not command.reduce_only
    if needs_hold:
        state.triggers.fire(waiting)  # keeps its place among the account's orders
    else:
        state.drop_waiting(waiting, account)
    turn.events.append(
        OrderTriggered(
            order_id=command.order_id,
            account_id=command.account_id,
            reference_ticks=reference,
            size_lots=size_lots,
            needs_hold=needs_hold,
            price_ticks=limit_ticks,
        )
    )
    if waiting.parent_id:
        cancel_others(state, waiting.parent_id, account, turn)
    if state.pairs:
        state.end_pair(command.order_id, CancelReason.OTHER_FIRED, turn)
    if not needs_hold:
        place(state, _fired(command, 0), turn)


def _fired(command: PlaceOrder, hold_units: int) -> PlaceOrder:
    """As it meets the book: it waits for nothing, and its pair is over."""
    return msgspec.structs.replace(command, hold_units=hold_units, trigger=None, other_id=UNSET)


def _slippage_limit(state: State, waiting: WaitingOrder) -> int:
    """Of an order that fires at this mark; 0 for one without a slippage limit."""
    max_slippage_ppm = waiting.trigger.max_slippage_ppm
    if not max_slippage_ppm or state.config is None:
        return 0
    return slippage_limit_ticks(
        waiting.command.side,
        state.mark_price_ticks,
        max_slippage_ppm,
        state.config.price_band_ppm,
    )


def on_activate_order(state: State, command: ActivateOrder, turn: Turn) -> None:
    account = state.accounts.get(command.account_id)
    waiting = account.waiting.get(command.order_id) if account else None
    if account is None or waiting is None or not waiting.is_triggered:
        turn.events.append(
            ActivationRejected(
                order_id=command.order_id,
                account_id=command.account_id,
                code=RejectCode.UNKNOWN_ORDER,
                released_units=command.hold_units,
            )
        )
        return
    turn.touched[account.account_id] = account
    if not command.hold_units:
        state.cancel_waiting(waiting, account, CancelReason.UNAFFORDABLE, turn)
        return
    state.drop_waiting(waiting, account)
    place(state, _fired(waiting.command, command.hold_units), turn)


def cancel_orders_of_ended_positions(state: State, turn: Turn) -> None:
    """Waiting orders that only reduce go with the position they would have reduced, when it is
    closed and when it flips. One that was placed before its position waits for it to come, whatever
    else the account holds meanwhile."""
    for ended, is_long in ((turn.ended_long, False), (turn.ended_short, True)):
        for account in ended.values():
            for waiting in list(account.waiting.values()):
                if waiting.parent_id:
                    continue  # see `follow_positions`
                is_there = waiting.order_id in account.waiting  # else it went with its pair
                if is_there and waiting.command.reduce_only and waiting.is_long is is_long:
                    state.cancel_waiting(waiting, account, CancelReason.POSITION_CLOSED, turn)


def on_set_countdown(state: State, command: SetCountdown, turn: Turn) -> None:
    if state.market_state is MarketState.SETTLED:
        turn.events.append(CommandRejected(code=RejectCode.MARKET_STATE))
        return
    account = state.account(command.account_id, turn)
    account.countdown_due_ms = turn.now_ms + command.countdown_ms if command.countdown_ms else 0
    account.countdown_protective = bool(command.countdown_ms) and command.protective
    if account.countdown_due_ms:
        state.set_timer(account.countdown_due_ms, COUNTDOWN, account.account_id)
    turn.events.append(
        CountdownSet(
            account_id=account.account_id,
            due_ms=account.countdown_due_ms,
            protective=account.countdown_protective,
        )
    )


def run_timers(state: State, turn: Turn) -> None:
    """Everything whose time has come. A timer that was overtaken (the order is gone, the countdown
    set anew) does nothing."""
    while state.timers and state.timers[0][0] <= turn.now_ms:
        due_ms, what, an_id = heapq.heappop(state.timers)
        if what == ORDER_EXPIRY:
            _expire(state, an_id, due_ms, turn)
            continue
        account = state.accounts.get(an_id)
        if account is not None and account.countdown_due_ms == due_ms:
            protective = account.countdown_protective
            account.countdown_due_ms = 0
            account.countdown_protective = False
            state.cancel_all(account, CancelReason.COUNTDOWN, turn, protective=protective)
            turn.events.append(CountdownSet(account_id=an_id, due_ms=0))


def next_timer_ms(state: State) -> int:
    """When the next order or countdown ends; 0: none does. Overtaken timers are dropped."""
    while state.timers:
        due_ms, what, an_id = state.timers[0]
        if what == COUNTDOWN:
            account = state.accounts.get(an_id)
            if account is not None and account.countdown_due_ms == due_ms:
                return due_ms
        elif state.book.orders.get(an_id) or state.triggers.find(an_id):
            return due_ms
        heapq.heappop(state.timers)
    return 0


def _expire(state: State, order_id: int, due_ms: int, turn: Turn) -> None:
    order = state.book.orders.get(order_id)
    if order is not None and order.expires_ms == due_ms:
        account = state.account(order.account_id, turn)
        state.cancel(order, account, CancelReason.EXPIRED, turn)
        return
    waiting = state.triggers.find(order_id)
    if waiting is not None and waiting.command.expires_ms == due_ms:
        account = state.account(waiting.command.account_id, turn)
        state.cancel_waiting(waiting, account, CancelReason.EXPIRED, turn)
