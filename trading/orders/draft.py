"""From an order's terms to what goes to the engine: checked against the market, with its hold.

The engine checks again by the market as it is then; what is refused here saves the trader a wait
and says in words what to change.
"""

import time
from typing import Any

from msgspec import Struct

from common.errors import DomainError, ErrorCode, invalid
from markets.conversions import ticks_text, units_text
from markets.rules import MarketRules
from matching.messages.commands import Trigger
from matching.messages.holds import (
    band_edges,
    ceil_div,
    margin_per_lot,
    open_loss_per_lot,
    order_reserve,
    slippage_limit_ticks,
)
from matching.messages.limits import (
    MAX_MONEY_UNITS,
    MAX_NOTIONAL_UNITS,
    MAX_PRICE_TICKS,
    PPM,
)
from matching.messages.streams import Ticker
from matching.messages.vocabulary import (
    MarketState,
    OrderType,
    Side,
    TimeInForce,
    TriggerBy,
    TriggerKind,
)
from trading.orders.hold import NOTHING_NEEDED, Needed
from trading.orders.terms import OrderTerms, expiry_is_past
from trading.selectors import TraderStanding


class OrderDraft(Struct, frozen=True):
    """Terms that the market as it stands would take, with the price, hold and fees they go out
    with."""

    terms: OrderTerms
    price_ticks: int
    needed: Needed
    maker_fee_ppm: int
    taker_fee_ppm: int

    @property
    def hold_units(self) -> int:
        return self.needed.total_units

    def columns(self) -> dict[str, Any]:
        """What the order's row keeps of how it was placed."""
        return {
            **self.terms.columns(),
            "price_ticks": self.price_ticks,
            "hold_units": self.hold_units,
            "maker_fee_ppm": self.maker_fee_ppm,
            "taker_fee_ppm": self.taker_fee_ppm,
        }


def draft_order(
    rules: MarketRules,
    ticker: Ticker,
    standing: TraderStanding,
    terms: OrderTerms,
    *,
    is_new: bool = True,
) -> OrderDraft:
    """Check the terms against the market as it stands and work out the hold. Raises DomainError.

    Of an order that is not new the terms are of its rest, which may be smaller than an order.
    """
    mark_ticks = ticker.mark_price_ticks
    if is_new and terms.expires_ms and terms.expires_ms <= time.time_ns() // 1_000_000:
        raise expiry_is_past()
    if terms.trigger is not None:
        return _draft_conditional(rules, ticker, standing, terms, terms.trigger)
    _check_state(rules, ticker.state, terms)
    _check_marked(rules, ticker)
    price_ticks = _price_inside_band(rules, mark_ticks, terms)
    if is_new:
        _check_notional(rules, price_ticks, terms)
    if terms.reduce_only:
        return _draft(terms, price_ticks, NOTHING_NEEDED, standing)
    if terms.is_priced_by_trader:
        loss_units = open_loss_per_lot(
            rules.units_per_tick_lot, terms.side, price_ticks, mark_ticks
        )
        _check_margin(rules, price_ticks, loss_units, standing, terms)
    else:
        _check_margin(rules, mark_ticks, 0, standing, terms)
    reserve = order_reserve(
        units_per_tick_lot=rules.units_per_tick_lot,
        taker_fee_ppm=standing.taker_fee_ppm,
        side=terms.side,
        order_type=OrderType.LIMIT if terms.is_priced_by_trader else OrderType.MARKET,
        price_ticks=price_ticks,
        mark_ticks=mark_ticks,
        best_bid_ticks=ticker.best_bid_ticks,
        named_margin_per_lot_units=terms.margin_units // terms.size_lots,
        leverage=terms.leverage,
    )
    needed = Needed.of(reserve, terms.size_lots)
    if needed.total_units > MAX_MONEY_UNITS:
        message = f"The order would hold more than {units_text(MAX_MONEY_UNITS)}: ask for less."
        raise invalid("qty", message, ErrorCode.INVALID_SIZE)
    return _draft(terms, price_ticks, needed, standing)


def _draft(
    terms: OrderTerms, price_ticks: int, needed: Needed, standing: TraderStanding
) -> OrderDraft:
    return OrderDraft(terms, price_ticks, needed, standing.maker_fee_ppm, standing.taker_fee_ppm)


def _check_marked(rules: MarketRules, ticker: Ticker) -> None:
    if not ticker.mark_price_ticks:
        message = f"{rules.id} has no mark price yet. Try again shortly."
        raise DomainError(ErrorCode.NO_MARK_PRICE, message)


def _check_state(rules: MarketRules, state: MarketState, terms: OrderTerms) -> None:
    if state is MarketState.ACTIVE:
        return
    message = f"{rules.id} is {state} and takes no orders now."
    if state is MarketState.POST_ONLY:
        if terms.time_in_force is TimeInForce.GTX:
            return
        message = f"{rules.id} takes only post-only orders now: set post_only."
    elif state is MarketState.REDUCE_ONLY:
        if terms.reduce_only:
            return
        message = f"{rules.id} takes only reduce-only orders now: set reduce_only."
    raise DomainError(ErrorCode.MARKET_NOT_OPEN, message).naming("post_only", "reduce_only")


# --- conditional orders ---------------------------------------------------------------------------


def draft_attached(
    rules: MarketRules, ticker: Ticker, standing: TraderStanding, terms: OrderTerms
) -> OrderDraft:
    """A conditional order that sleeps: its condition may hold before it wakes. Raises
    DomainError."""
    if terms.trigger is None:
        raise TypeError("an attached order has a trigger")
    return _draft_conditional(rules, ticker, standing, terms, terms.trigger, is_asleep=True)


def _draft_conditional(
    rules: MarketRules,
    ticker: Ticker,
    standing: TraderStanding,
    terms: OrderTerms,
    trigger: Trigger,
    *,
    is_asleep: bool = False,
) -> OrderDraft:
    """It holds nothing while it waits; what can be judged by its trigger price is."""
    if ticker.state.is_dormant:
        message = f"{rules.id} is {ticker.state} and takes no orders now."
        raise DomainError(ErrorCode.MARKET_NOT_OPEN, message)
    _check_marked(rules, ticker)
    if not is_asleep:
        _check_not_true_already(rules, ticker, terms, trigger)
    expected_ticks = _expected_ticks(ticker, terms, trigger)
    price_ticks = _conditional_price(rules, expected_ticks, terms)
    _check_notional(rules, price_ticks, terms)
    if not terms.reduce_only:
        _check_margin(rules, terms.limit_ticks or expected_ticks, 0, standing, terms)
    return _draft(terms, price_ticks, NOTHING_NEEDED, standing)


def _check_not_true_already(
    rules: MarketRules, ticker: Ticker, terms: OrderTerms, trigger: Trigger
) -> None:
    if trigger.kind is TriggerKind.TRAILING_STOP:
        return
    reference = ticker.mark_price_ticks
    if trigger.by is TriggerBy.LAST:
        reference = ticker.last_price_ticks or reference
    rising = (trigger.kind is TriggerKind.STOP) is (terms.side is Side.LONG)
    if reference >= trigger.price_ticks if rising else reference <= trigger.price_ticks:
        bound = "above" if rising else "below"
        message = (
            f"The trigger would fire at once: its price must be {bound} "
            f"{ticks_text(reference, rules.tick_size)}, the {trigger.by.lower()} price now."
        )
        raise invalid("trigger.price", message, ErrorCode.TRIGGER_ALREADY_TRUE)


def _expected_ticks(ticker: Ticker, terms: OrderTerms, trigger: Trigger) -> int:
    """About where the reference price is when it fires, as far as can be known now."""
    start = trigger.price_ticks or ticker.mark_price_ticks
    back_ppm = trigger.callback_ppm if terms.side is Side.LONG else -trigger.callback_ppm
    return max(1, min(MAX_PRICE_TICKS, start * (PPM + back_ppm) // PPM))


def _conditional_price(rules: MarketRules, expected_ticks: int, terms: OrderTerms) -> int:
    """The limit. Of a market order with a slippage limit, what that is where it is expected to
    fire; the engine makes it anew when it does. Of one without, which only reduces, no limit but
    the band at its time: a gap must not leave the position unprotected."""
    lower, upper = band_edges(expected_ticks, rules.price_band_ppm)
    is_long = terms.side is Side.LONG
    if terms.limit_ticks:
        if not terms.trigger or terms.trigger.kind is not TriggerKind.TRAILING_STOP:
            _check_within(rules, terms.limit_ticks, upper if is_long else lower, is_long)
        return terms.limit_ticks
    if terms.max_slippage_ppm:
        return slippage_limit_ticks(
            terms.side, expected_ticks, terms.max_slippage_ppm, rules.price_band_ppm
        )
    if not is_long:
        return 1
    lots = rules.max_open_interest_lots if terms.close_position else terms.size_lots
    most = MAX_NOTIONAL_UNITS // (rules.units_per_tick_lot * lots)
    return max(1, min(MAX_PRICE_TICKS, max(most, upper)))


# --- limits ---------------------------------------------------------------------------------------


def _price_inside_band(rules: MarketRules, mark_ticks: int, terms: OrderTerms) -> int:
    """The limit; where the market makes it, as far from the mark as the slippage allows."""
    if not terms.is_priced_by_trader:
        return slippage_limit_ticks(
            terms.side, mark_ticks, terms.max_slippage_ppm, rules.price_band_ppm
        )
    lower, upper = band_edges(mark_ticks, rules.price_band_ppm)
    is_long = terms.side is Side.LONG
    _check_within(rules, terms.limit_ticks, upper if is_long else lower, is_long)
    return terms.limit_ticks


def _check_within(rules: MarketRules, limit_ticks: int, edge: int, is_long: bool) -> None:
    if limit_ticks > edge if is_long else limit_ticks < edge:
        bound = "at most" if is_long else "at least"
        message = f"price must be {bound} {ticks_text(edge, rules.tick_size)} now."
        raise invalid("price", message, ErrorCode.PRICE_OUTSIDE_BAND)


def _check_notional(rules: MarketRules, price_ticks: int, terms: OrderTerms) -> None:
    check_notional(rules, price_ticks, terms.size_lots, terms.reduce_only)


def check_notional(rules: MarketRules, price_ticks: int, size_lots: int, reduce_only: bool) -> None:
    """Raises DomainError."""
    notional_units = rules.units_per_tick_lot * price_ticks * size_lots
    if notional_units > MAX_NOTIONAL_UNITS:
        message = f"price × qty must be at most {units_text(MAX_NOTIONAL_UNITS)}."
        raise invalid("qty", message, ErrorCode.INVALID_SIZE)
    if notional_units < rules.min_notional_units and not reduce_only:
        message = f"price × qty must be at least {units_text(rules.min_notional_units)}."
        raise invalid("qty", message, ErrorCode.MIN_NOTIONAL)


def _check_margin(
    rules: MarketRules,
    price_ticks: int,
    open_loss_units: int,
    standing: TraderStanding,
    terms: OrderTerms,
) -> None:
    """The margin must be what the tier of the resulting position asks, and cover the open loss per
    lot. The engine judges by the position it knows; ours may be a moment behind."""
    k = rules.units_per_tick_lot
    sign = 1 if terms.side is Side.LONG else -1
    after_lots = abs(standing.position_lots + sign * terms.size_lots)
    notional_units = k * price_ticks * after_lots
    most = rules.tiers.tier_of(notional_units).max_leverage
    least_units = max(ceil_div(k * price_ticks, most), open_loss_units)
    if terms.margin_units:
        if terms.margin_units // terms.size_lots < least_units:
            least = units_text(least_units * terms.size_lots, decimals=2)
            message = f"The margin is too small: minimum margin {least}."
            raise invalid("margin", message, ErrorCode.INSUFFICIENT_MARGIN)
        return
    if terms.leverage > most:
        message = (
            f"leverage may be at most {most} for a position of {units_text(notional_units)}, "
            "which this order would make."
        )
        raise invalid("leverage", message, ErrorCode.MAX_POSITION)
    if margin_per_lot(k, price_ticks, 0, terms.leverage) < open_loss_units:
        most = k * price_ticks // open_loss_units
        message = f"At this price the leverage may be at most {most}."
        if not most:
            least = units_text(least_units * terms.size_lots, decimals=2)
            message = f"At this price no leverage covers the open loss: name a margin of {least}."
        raise invalid("leverage", message, ErrorCode.INSUFFICIENT_MARGIN)
