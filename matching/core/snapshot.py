"""A market's state as a snapshot, and back.

A snapshot is a pure function of the state: two engines in the same state take the same one, so its
digest tells whether they agree. `restore` rebuilds links, levels and totals and checks every
invariant, so that an engine never starts from a state it could not have reached.
"""

import hashlib

from matching.core.book import Order
from matching.core.invariants import InvariantBroken, check_invariants
from matching.core.recent import RecentIds
from matching.core.state import Account, State
from matching.messages.snapshot import (
    EngineSnapshot,
    IdWindow,
    OrderRow,
    PositionRow,
    SnapshotUnusable,
    encode_snapshot,
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
    "last_trade_id",
    "last_arrival",
    "fees_units",
    "insurance_units",
    "wallets_units",
)
_ORDER_FIELDS = OrderRow.__struct_fields__


def take(state: State, input_id: str) -> EngineSnapshot:
    """The whole state, between two commands; ``input_id`` is that of the last one."""
    orders = [
        OrderRow(*[getattr(order, name) for name in _ORDER_FIELDS])
        for side in (state.book.bids, state.book.asks)
        for level in side.levels()
        for order in level
    ]
    positions = [
        PositionRow(a.account_id, a.position_lots, a.entry_cost_units, a.margin_units)
        for _, a in sorted(state.accounts.items())
        if a.position_lots
    ]
    return EngineSnapshot(
        input_id=input_id,
        recent_orders=IdWindow(state.recent_orders.floor, state.recent_orders.in_order()),
        recent_commands=IdWindow(state.recent_commands.floor, state.recent_commands.in_order()),
        positions=positions,
        orders=orders,
        **{name: getattr(state, name) for name in _PLAIN},
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
    # Queues come from the snapshot's order; an account's orders, oldest first, from arrivals.
    orders = [
        Order(**{name: getattr(frozen, name) for name in _ORDER_FIELDS})
        for frozen in snapshot.orders
    ]
    for order in orders:
        state.book.append(order)
        state.held_units += order.remaining_lots * order.reserve_per_lot_units
    for order in sorted(orders, key=lambda o: o.arrival):
        account = state.accounts.setdefault(order.account_id, Account(order.account_id))
        account.open_orders[order.order_id] = order
        if order.reduce_only:
            account.reduce_only_lots += order.remaining_lots
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
    state.accounts[position.account_id] = account
    state.net_lots += position.position_lots
    state.open_interest_lots += max(0, position.position_lots)
    state.entry_cost_units += position.entry_cost_units
    state.margin_units += position.margin_units


def digest(state: State) -> str:
    """SHA-256 of the state, hexadecimal: equal digests mean equal states."""
    return hashlib.sha256(encode_snapshot(take(state, ""))).hexdigest()
