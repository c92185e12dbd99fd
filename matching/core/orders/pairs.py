"""Pairs of orders of which one cancels the other.

Theory of operation. Two orders of one account name each other; one of them waits for a price, the
other rests or waits as well. They come one after the other, and the first is an order like any
other meanwhile. A pair lasts until one of the two fills, be it a single lot, fires, is refused, or
ends whole: then the other is cancelled in the same turn, with a reason that says which it was
(``OTHER_FILLED``, ``OTHER_FIRED``, ``OTHER_ENDED``), and the first goes on alone. So at no time do
both fill, and never is one left behind whose counterpart is gone. What is amended stays paired.

`State.pairs` has an entry for each order of a pair that still lasts, in both directions once both
are there. An order that comes when its pair is over already is refused (``OTHER_ENDED``).
"""

from msgspec import UnsetType

from matching.core.market.state import State
from matching.messages.commands import PlaceOrder
from matching.messages.vocabulary import RejectCode


def refused_as_other(state: State, command: PlaceOrder) -> RejectCode | None:
    """Why it can't be the other of the order it names; None also for one that names none."""
    other_id = command.other_id
    if isinstance(other_id, UnsetType):
        return None
    if other_id == command.order_id or not isinstance(command.parent_id, UnsetType):
        return RejectCode.INVALID_PAIR
    resting, waiting = state.book.orders.get(other_id), state.triggers.find(other_id)
    if state.pairs.get(other_id) == command.order_id:
        if resting is not None and command.trigger is None:
            return RejectCode.INVALID_PAIR  # both could fill in one turn
        account = state.accounts.get(command.account_id)
        is_own = account and (other_id in account.open_orders or other_id in account.waiting)
        return None if is_own else RejectCode.INVALID_PAIR
    is_known = other_id in state.recent_orders or state.recent_orders.is_too_old(other_id)
    return RejectCode.OTHER_ENDED if is_known or resting or waiting else None


def begin_pair(state: State, command: PlaceOrder) -> None:
    """The order was accepted."""
    if not isinstance(command.other_id, UnsetType):
        state.pairs[command.order_id] = command.other_id
