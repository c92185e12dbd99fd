"""Events of conditional orders before their condition comes true: changed, attached, woken."""

from matching.messages.event_base import EventBase
from matching.messages.vocabulary import OrderType


class OrderAttached(EventBase, frozen=True, tag="OrderAttached"):
    """A take-profit or stop-loss was accepted and sleeps until its entry's first fill."""

    order_id: int
    account_id: int
    parent_id: int
    released_units: int


class CoverChanged(EventBase, frozen=True, tag="CoverChanged"):
    """An attached order covers so many lots of its entry from now on: with the first of them it
    begins to wait, with none it sleeps again.

    arrival: as of `OrderWaiting`; 0 while it sleeps.
    """

    order_id: int
    account_id: int
    covered_lots: int
    arrival: int


class ConditionalAmended(EventBase, frozen=True, tag="ConditionalAmended"):
    """The waiting order has this limit, size and condition from now on, and a new ``arrival``.

    price_ticks of a market order and size_lots of a close-position order say nothing.
    """

    order_id: int
    account_id: int
    price_ticks: int
    size_lots: int
    trigger_price_ticks: int
    callback_ppm: int
    arrival: int
    order_type: OrderType
    of_whole_position: bool
