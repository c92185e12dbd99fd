"""A market's state as a snapshot, and back.

A snapshot is a pure function of the state: two engines in the same state take the same one, so its
digest tells whether they agree. `restore` rebuilds links, levels and totals and checks every
invariant, so that an engine never starts from a state it could not have reached.
"""

import hashlib

from msgspec import UNSET, UnsetType

from matching.core.book.book import Order
from matching.core.book.triggers import WaitingOrder
from matching.core.market.invariants import InvariantBroken, check_invariants
from matching.core.market.recent import RecentIds
from matching.core.market.rules import take_config
from matching.core.market.state import COUNTDOWN, ORDER_EXPIRY, Account, State
from matching.messages.snapshot import (
    EngineSnapshot,
    IdWindow,
    OrderRow,
    PositionRow,
    SnapshotUnusable,
    WaitingRow,
    encode_body,
)

# Fields that are the same in the state and in its snapshot.
_PLAIN = (
    "seq",
    "clock_ms",
    "market_state",
    "config",
    "mark_price_ticks",
    "index_price_ticks",
    "last_price_ticks",
    "index_ms",
    "index_stale",
    "breaker_armed",
    "premium_sum_ppb",
    "premium_count",
    "funding_rate_ppb",
    "funding_since_ms",
    "funding_is_split",
    "funding_accrued_ppb",
    "funding_carry",
    "next_funding_ms",
    "last_trade_id",
    "last_arrival",
    "fees_units",
    "insurance_units",
    "wallets_units",
)


def take(state: State, input_id: str) -> EngineSnapshot:
    """The whole state, between two commands; ``input_id`` is that of the last one."""
    orders = [
        _row(order)
        for side in (state.book.bids, state.book.asks)
        for level in side.levels()
        for order in level
    ]
    positions = [
        PositionRow(
            a.account_id,
            a.position_lots,
            a.entry_cost_units,
            a.margin_units,
            a.countdown_due_ms,
            a.countdown_protective,
        )
        for _, a in sorted(state.accounts.items())
        if a.position_lots or a.countdown_due_ms
    ]
    waiting = [
        WaitingRow(w.command, w.arrival, w.peak_ticks, w.is_triggered)
        for account in state.accounts.values()
        for w in (*account.waiting.values(), *account.asleep.values())
    ]
    return EngineSnapshot(
        input_id=input_id,
        recent_orders=IdWindow(state.recent_orders.floor, state.recent_orders.in_order()),
        recent_commands=IdWindow(state.recent_commands.floor, state.recent_commands.in_order()),
        positions=positions,
        orders=orders,
        waiting=sorted(waiting, key=lambda row: (row.arrival, row.command.order_id)),
        stuck=sorted(state.stuck),
        pairs=sorted(state.pairs.items()) or UNSET,
        icebergs=sorted(
            (order.order_id, order.visible_lots)
            for order in state.book.orders.values()
            if order.visible_lots
        )
        or UNSET,
        basis=list(state.basis),
        **{name: getattr(state, name) for name in _PLAIN},
    )


def _row(order: Order) -> OrderRow:
    return OrderRow(
        order.order_id,
        order.account_id,
        order.is_long,
        order.price_ticks,
        order.remaining_lots,
        order.reserve_per_lot_units,
        order.named_margin_per_lot_units,
        order.leverage,
        order.maker_fee_ppm,
        order.taker_fee_ppm,
        order.reduce_only,
        order.post_only,
        order.expires_ms,
        order.filled_lots,
        order.arrival,
        order.self_trade_prevention,
    )


def _order(row: OrderRow) -> Order:
    return Order(
        order_id=row.order_id,
        account_id=row.account_id,
        is_long=row.is_long,
        price_ticks=row.price_ticks,
        remaining_lots=row.remaining_lots,
        reserve_per_lot_units=row.reserve_per_lot_units,
        named_margin_per_lot_units=row.named_margin_per_lot_units,
        leverage=row.leverage,
        maker_fee_ppm=row.maker_fee_ppm,
        taker_fee_ppm=row.taker_fee_ppm,
        reduce_only=row.reduce_only,
        post_only=row.post_only,
        expires_ms=row.expires_ms,
        filled_lots=row.filled_lots,
        arrival=row.arrival,
        self_trade_prevention=row.self_trade_prevention,
    )


def restore(snapshot: EngineSnapshot) -> State:
    """Raises SnapshotUnusable; a state it returns satisfies every invariant."""
    state = State()
    for name in _PLAIN:
        setattr(state, name, getattr(snapshot, name))
    for name in ("recent_orders", "recent_commands"):
        window = getattr(snapshot, name)
        setattr(state, name, RecentIds(window.ids, window.floor))
    for position in snapshot.positions:
        _restore_position(state, position)
    state.basis.extend(snapshot.basis)
    state.stuck.update(snapshot.stuck)
    if state.config is not None:
        take_config(state, state.config)
    _restore_orders(state, snapshot)
    if not isinstance(snapshot.pairs, UnsetType):
        state.pairs.update(snapshot.pairs)
    try:
        check_invariants(state)
    except InvariantBroken as error:
        raise SnapshotUnusable(str(error)) from error
    return state


def _restore_position(state: State, position: PositionRow) -> None:
    account = Account(position.account_id)
    account.position_lots = position.position_lots
    account.entry_cost_units = position.entry_cost_units
    account.margin_units = position.margin_units
    account.countdown_due_ms = position.countdown_due_ms
    account.countdown_protective = position.countdown_protective
    state.accounts[position.account_id] = account
    state.net_lots += position.position_lots
    state.open_interest_lots += max(0, position.position_lots)
    state.entry_cost_units += position.entry_cost_units
    state.margin_units += position.margin_units
    if position.countdown_due_ms:
        state.set_timer(position.countdown_due_ms, COUNTDOWN, position.account_id)


def _restore_orders(state: State, snapshot: EngineSnapshot) -> None:
    """Queues come from the snapshot's order; an account's orders, oldest first, from arrivals."""
    icebergs = {} if isinstance(snapshot.icebergs, UnsetType) else dict(snapshot.icebergs)
    orders = [_order(row) for row in snapshot.orders]
    for order in orders:
        order.visible_lots = icebergs.get(order.order_id, 0)
        state.book.append(order)
        state.held_units += order.remaining_lots * order.reserve_per_lot_units
        if order.expires_ms:
            state.set_timer(order.expires_ms, ORDER_EXPIRY, order.order_id)
    for order in sorted(orders, key=lambda o: o.arrival):
        account = _account(state, order.account_id)
        account.open_orders[order.order_id] = order
        if order.reduce_only:
            account.reduce_only_lots += order.remaining_lots
    for row in snapshot.waiting:
        command = row.command
        if command.trigger is None:
            raise SnapshotUnusable(f"order {command.order_id} waits for nothing")
        waiting = WaitingOrder(
            command,
            command.trigger,
            row.arrival,
            row.peak_ticks,
            row.is_triggered,
            is_asleep=not row.arrival,
        )
        state.add_waiting(waiting, _account(state, command.account_id))
        if command.expires_ms:
            state.set_timer(command.expires_ms, ORDER_EXPIRY, command.order_id)


def _account(state: State, account_id: int) -> Account:
    account = state.accounts.get(account_id)
    if account is None:
        account = state.accounts[account_id] = Account(account_id)
    return account


def digest(state: State) -> str:
    """SHA-256 of the state, hexadecimal: equal digests mean equal states."""
    return hashlib.sha256(encode_body(take(state, ""))).hexdigest()
