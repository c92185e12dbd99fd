"""Events: what happened in a market. Past tense, frozen; they carry the resulting state.

Money moves only as these events say, per account named:

* ``released_units``         held → available
* a ``TradeLeg``             held −``hold_released_units``; margin +``margin_delta_units``;
                             fees +``fee_units``; clearing −``realized_pnl_units``;
                             available +``available_delta_units``; the five sum to zero
"""

from msgspec import Struct

from matching.messages.vocabulary import (
    CancelReason,
    MarketState,
    RejectCode,
    Side,
)

EVENT_VERSION = 1


class _Event(Struct, frozen=True, kw_only=True, tag_field="type"):
    pass


class MarketConfigured(_Event, frozen=True, tag="MarketConfigured"):
    config_version: int


class MarketStateChanged(_Event, frozen=True, tag="MarketStateChanged"):
    state: MarketState
    previous_state: MarketState


class MarkPriceChanged(_Event, frozen=True, tag="MarkPriceChanged"):
    mark_price_ticks: int
    index_price_ticks: int


class OrderAccepted(_Event, frozen=True, tag="OrderAccepted"):
    """The order passed every check; it is now open. Fills and its end, if any, follow.

    released_units is what the hold carried beyond a whole number of units per lot.
    """

    order_id: int
    account_id: int
    side: Side
    price_ticks: int
    size_lots: int
    released_units: int


class OrderRejected(_Event, frozen=True, tag="OrderRejected"):
    """The order was refused and never open. Its whole hold goes back."""

    order_id: int
    account_id: int
    code: RejectCode
    released_units: int


class OrderRested(_Event, frozen=True, tag="OrderRested"):
    """What remains of the order is in the book, behind all others at its price.

    arrival: rises with every order of the market; at one price the smaller fills first.
    released_units: a resting short reserves at its limit, a taking one at what bids could pay.
    """

    order_id: int
    account_id: int
    side: Side
    price_ticks: int
    remaining_lots: int
    arrival: int
    released_units: int


class OrderCancelled(_Event, frozen=True, tag="OrderCancelled"):
    """Lots left without a fill. With ``remaining_lots`` > 0 the order lives on, smaller."""

    order_id: int
    account_id: int
    reason: CancelReason
    cancelled_lots: int
    remaining_lots: int
    released_units: int


class CancelRejected(_Event, frozen=True, tag="CancelRejected"):
    order_id: int
    account_id: int
    code: RejectCode


class TradeLeg(Struct, frozen=True, kw_only=True):
    """One side of a trade: the order, and the money of its account.

    ``available_delta = hold_released + realized_pnl − margin_delta − fee``
    """

    order_id: int
    account_id: int
    remaining_lots: int
    hold_released_units: int
    margin_delta_units: int
    realized_pnl_units: int
    fee_units: int
    available_delta_units: int


class Trade(_Event, frozen=True, tag="Trade"):
    """A taker met a maker at the maker's price. ``trade_id`` is gapless per market."""

    trade_id: int
    price_ticks: int
    size_lots: int
    taker_side: Side
    taker: TradeLeg
    maker: TradeLeg


class PositionChanged(_Event, frozen=True, tag="PositionChanged"):
    """The position of one account after all fills of the entry."""

    account_id: int
    position_lots: int
    entry_cost_units: int
    margin_units: int


class CommandRejected(_Event, frozen=True, tag="CommandRejected"):
    """A command that is no order and no cancel was refused, or an entry could not be decoded."""

    code: RejectCode


Event = (
    MarketConfigured
    | MarketStateChanged
    | MarkPriceChanged
    | OrderAccepted
    | OrderRejected
    | OrderRested
    | OrderCancelled
    | CancelRejected
    | Trade
    | PositionChanged
    | CommandRejected
)


class OutputEntry(Struct, frozen=True, kw_only=True):
    """All that one command caused: exactly one entry per command, in the output stream.

    seq         rises by one per command, gapless per market; the entry's stream id is ``<seq>-0``
    input_id    the stream id of the command
    time_ms     the engine's clock: the time part of ``input_id``
    command_id  of the outbox row the command came from, 0 if none
    events      empty for a command that had already taken effect
    """

    v: int = EVENT_VERSION
    seq: int
    input_id: str
    time_ms: int
    command_id: int
    events: tuple[Event, ...]
