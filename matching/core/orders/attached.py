"""Take-profits and stop-losses that are attached to an entry.

Theory of operation. An attached order comes before its entry and sleeps. It covers what is filled
of the entry and not closed since:

    covered := min(covered + filled, position)   with each fill of the entry
    covered := min(covered, position)            at the end of a turn that changed the position

where the position counts on the entry's side only. So a fill that closes an opposite position
covers nothing, and closing takes first what nobody covers. With the first lot covered the order
wakes and waits like any conditional order; a condition that holds already fires at once. With
nothing covered any more it sleeps again while the entry may still fill, and else goes
(``POSITION_CLOSED``). An entry that fills no further takes along what sleeps (``PARENT_ENDED``).

The one that fires cancels the others of its entry, and what is left of the entry, in the same turn
(``OTHER_FIRED``): nothing of the entry fills after its protection is used up.
"""

import msgspec

from matching.core.book.book import Order
from matching.core.book.triggers import WaitingOrder
from matching.core.market.position import reducible_lots
from matching.core.market.state import Account, State, Turn
from matching.messages.commands import PlaceOrder
from matching.messages.conditional_events import CoverChanged, OrderAttached
from matching.messages.vocabulary import CancelReason, RejectCode, Side


def refused_to_attach(state: State, command: PlaceOrder, parent_id: int) -> RejectCode | None:
    """An entry that isn't known yet is on its way. One that is known must be able to fill."""
    if not command.reduce_only or command.close_position:
        return RejectCode.INVALID_TRIGGER
    resting, waiting = state.book.orders.get(parent_id), state.triggers.find(parent_id)
    if resting is not None:
        owner, is_long = resting.account_id, resting.is_long
    elif waiting is not None:
        owner, is_long = waiting.command.account_id, waiting.is_long
    else:
        seen = state.recent_orders
        was_known = parent_id in seen or seen.is_too_old(parent_id)
        return RejectCode.PARENT_ENDED if was_known else None
    if owner != command.account_id:
        return RejectCode.NOT_ORDER_OWNER
    is_fellow = waiting is not None and waiting.parent_id
    if is_fellow or is_long is (command.side is Side.LONG):
        return RejectCode.INVALID_TRIGGER
    return None


def attach(state: State, attached: WaitingOrder, account: Account, turn: Turn) -> None:
    """It sleeps; if its entry was faster and has fills, it wakes."""
    state.add_waiting(attached, account)
    turn.events.append(
        OrderAttached(
            order_id=attached.order_id,
            account_id=account.account_id,
            parent_id=attached.parent_id,
            released_units=attached.command.hold_units,
        )
    )
    entry = state.book.orders.get(attached.parent_id)
    if entry is not None:
        closable = reducible_lots(account.position_lots, attached.is_long)
        _cover(state, attached, account, min(entry.filled_lots, closable), turn)


def cover_fill(state: State, entry: Order, account: Account, size_lots: int, turn: Turn) -> None:
    """Lots of an order were filled, and are part of the position."""
    for attached in state.triggers.attached_to(entry.order_id):
        if attached.command.account_id != account.account_id or attached.is_long is entry.is_long:
            continue  # came before an entry it does not belong to, and goes when that ends
        covered = 0 if attached.is_asleep else attached.command.size_lots
        closable = reducible_lots(account.position_lots, attached.is_long)
        _cover(state, attached, account, min(covered + size_lots, closable), turn)
    if not entry.remaining_lots:
        state.end_entry(entry.order_id, turn)


def follow_positions(state: State, turn: Turn) -> None:
    """At the end of a turn: nothing covers more than there is."""
    for account in turn.repositioned.values():
        for attached in list(account.waiting.values()):
            if not attached.parent_id:
                continue
            closable = reducible_lots(account.position_lots, attached.is_long)
            if closable or _may_fill(state, attached.parent_id):
                covered = min(attached.command.size_lots, closable)
                _cover(state, attached, account, covered, turn)
            else:
                state.cancel_waiting(attached, account, CancelReason.POSITION_CLOSED, turn)


def cancel_others(state: State, parent_id: int, account: Account, turn: Turn) -> None:
    """One attached to this entry has fired, and is attached no more."""
    for attached in state.triggers.attached_to(parent_id):
        if attached.command.account_id == account.account_id:
            state.cancel_waiting(attached, account, CancelReason.OTHER_FIRED, turn)
    entry = state.book.orders.get(parent_id)
    if entry is not None:
        state.cancel(entry, account, CancelReason.OTHER_FIRED, turn)


def _may_fill(state: State, order_id: int) -> bool:
    return order_id in state.book.orders or state.triggers.find(order_id) is not None


def _cover(
    state: State, attached: WaitingOrder, account: Account, covered_lots: int, turn: Turn
) -> None:
    """From now on so many lots; 0: none. Asleep its size says nothing, and stays as it was."""
    command = attached.command
    if covered_lots == (0 if attached.is_asleep else command.size_lots):
        return
    if attached.is_asleep or not covered_lots:
        state.drop_waiting(attached, account)
        attached.is_asleep = not covered_lots
        attached.arrival = attached.peak_ticks = 0
        if covered_lots:
            state.last_arrival += 1
            attached.arrival = state.last_arrival
        state.add_waiting(attached, account)
    if covered_lots:
        attached.command = msgspec.structs.replace(command, size_lots=covered_lots)
    turn.events.append(
        CoverChanged(
            order_id=attached.order_id,
            account_id=account.account_id,
            covered_lots=covered_lots,
            arrival=attached.arrival,
        )
    )
