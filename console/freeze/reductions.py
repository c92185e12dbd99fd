"""Closing what a frozen trader holds.

Theory of operation. Each open position gets a reduce-only market order of its whole size, or of
the largest there may be, behind the cancels. A book too thin fills it in part, and that is left as
it is: the page says so. But an order of the trader's own that slipped in before every process had
heard of the freeze may fill after it and open, enlarge or turn the position. What the newest order
to close it should have left is known, its size without what was filled; a position of another size
was changed by somebody else, or was too large for one order, and is closed again. So is one whose
order was refused at the door, until one is taken.
"""

from django.db import transaction

from accounts.families.services import family_ids
from accounts.models import Freeze
from common.errors import DomainError
from console.freeze.selectors import waiting_cancels
from markets.rules import market_rules
from matching.messages.vocabulary import Side
from trading import selectors
from trading import services as trading
from trading.models import Order, Position
from trading.positions.close import Closing, closing_order


def reduce_positions(freeze: Freeze) -> None:
    """In the transaction that holds the freeze's row. A market where anything of the trader is on
    its way waits for the next run, but for the first: nothing was asked there then."""
    outcomes = dict(freeze.reductions)
    for account_id in family_ids(freeze.user_id):
        _reduce_account(account_id, outcomes, freeze.user_id)
    if outcomes != freeze.reductions:
        freeze.reductions = outcomes
        freeze.save(update_fields=["reductions"])


def _reduce_account(account_id: int, outcomes: dict[str, int | str], main_id: int) -> None:
    busy = set(selectors.markets_with_live_orders(account_id))
    busy |= set(waiting_cancels(account_id).values_list("market_id", flat=True))
    positions = selectors.positions_of_user(account_id).select_related("market")
    for position in positions.order_by("market_id"):
        market_id = position.market_id
        # Of a sub-account with its id behind: each has a position of its own in a market.
        key = market_id if account_id == main_id else f"{market_id} of {account_id}"
        before = outcomes.get(key)
        is_first = before is None
        if is_first or (market_id not in busy and not _is_as_left(position, before)):
            outcomes[key] = _reduce(position)


def _is_as_left(position: Position, outcome: int | str | None) -> bool:
    """Nothing but the order changed it."""
    order = Order.objects.filter(pk=outcome).first() if isinstance(outcome, int) else None
    if order is None:
        return False
    left_lots = order.size_lots - order.filled_lots
    return position.position_lots == (left_lots if order.side == Side.SHORT else -left_lots)


def _reduce(position: Position) -> int | str:
    """The order's id, or why there is none."""
    rules = market_rules(position.market_id)
    new = closing_order(rules, position.position_lots, Closing())
    try:
        with transaction.atomic():
            return trading.place_order(position.user_id, new).order_id
    except DomainError as error:
        return error.message
