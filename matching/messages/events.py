"""Events: what happened in a market. Past tense, frozen; they carry the resulting state.

Money moves only as these events say, per account named:

* ``released_units``         held → available
* a ``TradeLeg``             held −``hold_released_units``; margin +``margin_delta_units``;
                             fees +``fee_units``; clearing −``realized_pnl_units``; insurance
                             +``insurance_delta_units``; available +``available_delta_units``; the
                             six sum to zero
* ``FundingSettled``         margin and clearing of each payment, see there
* ``MarginAdjusted``         held or margin → margin or available, see there
* ``InsuranceFunded``        from outside (deposits) → insurance
"""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from matching.messages.conditional_events import (
    ConditionalAmended,
    CoverChanged,
    OrderAttached,
)
from matching.messages.event_base import EventBase
from matching.messages.funding import FundingChange, FundingPayment
from matching.messages.vocabulary import (
    CancelReason,
    ExecutionType,
    MarketState,
    RejectCode,
    Side,
    StateReason,
)

EVENT_VERSION = 1


class MarketConfigured(EventBase, frozen=True, tag="MarketConfigured"):
    """funding_change: where interval, interest or cap of funding changed within an interval."""

    config_version: int
    funding_change: FundingChange | None = None


class MarketStateChanged(EventBase, frozen=True, tag="MarketStateChanged"):
    state: MarketState
    previous_state: MarketState
    reason: StateReason


class MarkPriceChanged(EventBase, frozen=True, tag="MarkPriceChanged"):
    """index_stale: prices are too old or too few; nothing is liquidated or settled meanwhile.

    premium_ppb: this moment's sample of the premium; sum and count are of all samples of the
    funding interval (since its rules changed, if they did), settled at ``next_funding_ms``.
    """

    mark_price_ticks: int
    index_price_ticks: int
    index_ms: int
    index_stale: bool
    premium_ppb: int
    premium_sum_ppb: int
    premium_count: int
    next_funding_ms: int


class OrderAccepted(EventBase, frozen=True, tag="OrderAccepted"):
    """The order passed every check; it is now open. Fills and its end, if any, follow.

    released_units is what the hold carried beyond a whole number of units per lot.
    """

    order_id: int
    account_id: int
    side: Side
    price_ticks: int
    size_lots: int
    released_units: int


class OrderRejected(EventBase, frozen=True, tag="OrderRejected"):
    """The order was refused and never open. Its whole hold goes back."""

    order_id: int
    account_id: int
    code: RejectCode
    released_units: int


class OrderRested(EventBase, frozen=True, tag="OrderRested"):
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


class OrderRefilled(EventBase, frozen=True, tag="OrderRefilled"):
    """What the book showed of an order is filled: it shows the next part, behind all others."""

    order_id: int
    account_id: int
    arrival: int


class OrderWaiting(EventBase, frozen=True, tag="OrderWaiting"):
    """A conditional order was accepted and waits; its hold, if it came with one, goes back.

    arrival: of several that fire together the smaller goes first.
    """

    order_id: int
    account_id: int
    arrival: int
    released_units: int


class OrderTriggered(EventBase, frozen=True, tag="OrderTriggered"):
    """The condition came true. An order that holds nothing executes in this entry; another needs
    its hold first: ``needs_hold``.

    size_lots: what it will execute, of a close-position order known only now.
    price_ticks: of a market order with a slippage limit, the worst price it may fill at, made from
    the mark it fired at; 0: the price it was placed with stays.
    """

    order_id: int
    account_id: int
    reference_ticks: int
    size_lots: int
    needs_hold: bool
    price_ticks: int = 0


class OrderAmended(EventBase, frozen=True, tag="OrderAmended"):
    """The order has this price and size from now on. Its hold grew by ``brought_units``, of which,
    and of what it had, ``released_units`` went back to the wallet.

    visible_lots: the most that the book shows of it, where the command named it."""

    order_id: int
    account_id: int
    price_ticks: int
    size_lots: int
    remaining_lots: int
    kept_priority: bool
    brought_units: int
    released_units: int
    visible_lots: int | UnsetType = UNSET


class AmendRejected(EventBase, frozen=True, tag="AmendRejected"):
    """Nothing changed; the further hold goes back."""

    order_id: int
    account_id: int
    code: RejectCode
    released_units: int


class OrderCancelled(EventBase, frozen=True, tag="OrderCancelled"):
    """Lots left without a fill. With ``remaining_lots`` > 0 the order lives on, smaller.

    of_whole_position: it was a close-position order that waited. How much that would have been
    nobody knows; its lots are the size it was sent with, and say nothing.
    """

    order_id: int
    account_id: int
    reason: CancelReason
    cancelled_lots: int
    remaining_lots: int
    released_units: int
    of_whole_position: bool = False


class CancelRejected(EventBase, frozen=True, tag="CancelRejected"):
    order_id: int
    account_id: int
    code: RejectCode


class ActivationRejected(EventBase, frozen=True, tag="ActivationRejected"):
    """The order no longer waits for its hold, which goes back."""

    order_id: int
    account_id: int
    code: RejectCode
    released_units: int


class TradeLeg(Struct, frozen=True, kw_only=True):
    """One side of a trade: the order, and the money of its account.

    ``available_delta = hold_released + realized_pnl − margin_delta − fee − insurance_delta``

    order_id is 0 where no order of the account took part (liquidation, deleveraging, settlement).
    """

    order_id: int
    account_id: int
    remaining_lots: int
    hold_released_units: int
    margin_delta_units: int
    realized_pnl_units: int
    fee_units: int
    available_delta_units: int
    insurance_delta_units: int = 0


class Trade(EventBase, frozen=True, tag="Trade"):
    """A taker met a maker at the maker's price. ``trade_id`` is gapless per market.

    In a deleveraging (ADL) taker is the bankrupt account and maker the one chosen; the money is
    exact, the price rounded to a tick.
    """

    trade_id: int
    execution: ExecutionType
    price_ticks: int
    size_lots: int
    taker_side: Side
    taker: TradeLeg
    maker: TradeLeg


class PositionChanged(EventBase, frozen=True, tag="PositionChanged"):
    """The position of one account after all fills of the entry."""

    account_id: int
    position_lots: int
    entry_cost_units: int
    margin_units: int


class PositionLiquidated(EventBase, frozen=True, tag="PositionLiquidated"):
    """One attempt to bring a position back above maintenance, with all it was judged by.

    position_lots, entry_cost_units, margin_units   before the attempt
    equity_units, maintenance_units, fee_reserve_units
        liquidatable because equity < maintenance + fee reserve, all at ``mark_price_ticks``
    limit_ticks        of the order sent to the book: the bankruptcy price, or the band's edge when
                       equity was not positive
    filled_lots        closed in the book; deleveraged_lots: against the accounts ranked first
    fee_units          paid to the insurance fund; insurance_paid_units: by the fund
    left_lots          still open; ``returned_units``: margin that went back to the trader
    """

    account_id: int
    mark_price_ticks: int
    position_lots: int
    entry_cost_units: int
    margin_units: int
    equity_units: int
    maintenance_units: int
    fee_reserve_units: int
    limit_ticks: int
    cancelled_orders: int
    filled_lots: int
    deleveraged_lots: int
    fee_units: int
    insurance_paid_units: int
    left_lots: int
    returned_units: int


class FundingSettled(EventBase, frozen=True, tag="FundingSettled"):
    """Longs pay shorts if the rate is above zero. The amounts sum to zero exactly.

    Margin of each account +(amount + from_profit), clearing −from_profit.

    rate_ppb: what was charged. carry: what rounding left for the next settlement, in billionths of
    a unit per lot. interval_rate_ppb: the rate of a whole interval by the present rules, where the
    one charged differs since the rules changed within the interval.
    """

    rate_ppb: int
    mark_price_ticks: int
    per_lot_units: int
    carry: int
    funding_time_ms: int
    next_funding_ms: int
    payments: tuple[FundingPayment, ...]
    interval_rate_ppb: int | None = None


class MarginAdjusted(EventBase, frozen=True, tag="MarginAdjusted"):
    """amount_units > 0: held → margin, < 0: margin → available."""

    account_id: int
    amount_units: int
    margin_units: int


class MarginAdjustmentRejected(EventBase, frozen=True, tag="MarginAdjustmentRejected"):
    """Nothing changed; what was held for it goes back.

    removable_units: how much could have been taken out, at the mark as it was then.
    """

    account_id: int
    code: RejectCode
    released_units: int
    removable_units: int = 0


class InsuranceFunded(EventBase, frozen=True, tag="InsuranceFunded"):
    amount_units: int
    insurance_units: int


class CountdownSet(EventBase, frozen=True, tag="CountdownSet"):
    """Orders of the account go at ``due_ms``; 0: never. ``protective``: waiting orders that only
    reduce go, too."""

    account_id: int
    due_ms: int
    protective: bool = False


class PositionSettled(EventBase, frozen=True, tag="PositionSettled"):
    """Closed at the settlement price; ``leg`` as in a trade, without an order."""

    price_ticks: int
    position_lots: int
    leg: TradeLeg


class CommandRejected(EventBase, frozen=True, tag="CommandRejected"):
    """A command that is no order and no cancel was refused, or an entry could not be decoded."""

    code: RejectCode


Event = (
    MarketConfigured
    | MarketStateChanged
    | MarkPriceChanged
    | OrderAccepted
    | OrderRejected
    | OrderRested
    | OrderRefilled
    | OrderCancelled
    | OrderWaiting
    | OrderAttached
    | CoverChanged
    | OrderTriggered
    | OrderAmended
    | ConditionalAmended
    | AmendRejected
    | CancelRejected
    | ActivationRejected
    | Trade
    | PositionLiquidated
    | FundingSettled
    | MarginAdjusted
    | MarginAdjustmentRejected
    | InsuranceFunded
    | CountdownSet
    | PositionSettled
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

    v: Annotated[int, Meta(ge=EVENT_VERSION, le=EVENT_VERSION)] = EVENT_VERSION
    seq: int
    input_id: str
    time_ms: int
    command_id: int
    events: tuple[Event, ...]
