"""Orders that open something, which not everybody may send: not without the terms of service, not
from where they are not offered. What only reduces is always taken.
"""

from collections.abc import Iterable, Sequence

from accounts.law.countries import country_blocked
from accounts.law.standing import standing
from accounts.law.terms import require_accepted
from common.errors import DomainError
from trading.orders.request import NewOrder


def opens(new: NewOrder) -> bool:
    """It does, or what it makes a pair with."""
    pair = (new,) if new.other is None else (new, new.other)
    return any(not (order.reduce_only or order.close_position) for order in pair)


def without_terms(orders: Iterable[tuple[int, NewOrder]]) -> frozenset[int]:
    """Users who send orders that open something, and haven't accepted the terms in force."""
    return standing.refused({user_id for user_id, new in orders if opens(new)})


def check_may_open(user_id: int, *, is_blocked: bool) -> None:
    """``is_blocked``: the country they ask from. Raises DomainError."""
    if is_blocked:
        raise country_blocked()
    require_accepted(user_id)


def from_blocked(bodies: Sequence[NewOrder | DomainError]) -> list[NewOrder | DomainError]:
    """What is left of them where the country they come from is blocked."""
    return [
        country_blocked() if isinstance(new, NewOrder) and opens(new) else new for new in bodies
    ]
