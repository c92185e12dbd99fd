"""What an order would do if it were placed now: what it holds, fills and makes of the position.

Theory of operation. Terms, checks and hold are those of placing (`terms`, `draft`); each fill is
worked out by the engine's own rule (`matching.core.market.position.plan_leg`), walking the levels
of the published book as the matcher would. What can't be known is left out: orders that arrive
meanwhile, makers that leave or can't pay, one's own orders in the book, levels beyond those
published. Nothing is written, and nothing is held.
"""

from dataclasses import dataclass
from enum import StrEnum

from msgspec.structs import replace

from common.errors import DomainError
from ledger.models import Wallet
from markets.rules import MarketRules, market_rules, market_ticker
from matching.core.book.book import Order as TakingOrder
from matching.core.market.position import plan_leg, reducible_lots
from matching.core.orders.matcher import crosses
from matching.messages.limits import MAX_SIZE_LOTS
from matching.messages.streams import Ticker
from matching.messages.vocabulary import Side, TimeInForce
from trading import selectors
from trading.models import Position
from trading.orders.attached.terms import drafts_with
from trading.orders.draft import OrderDraft, draft_order
from trading.orders.request import NewOrder
from trading.orders.terms import OrderTerms, read_terms
from trading.selectors import TraderStanding


class Outcome(StrEnum):
    """FILLED        whole, at once
    PART_FILLED   what doesn't fill goes, or rests
    RESTS         all of it
    EXPIRES       nothing fills, and nothing stays
    REJECTED      post-only, and it would take; or the book has no price to match
    WAITS         for its trigger
    """

    FILLED = "FILLED"
    PART_FILLED = "PART_FILLED"
    RESTS = "RESTS"
    EXPIRES = "EXPIRES"
    REJECTED = "REJECTED"
    WAITS = "WAITS"


@dataclass(slots=True)
class Fills:
    """What would fill. ``cost_units``: Σ price × lots, as money."""

    size_lots: int = 0
    cost_units: int = 0
    fee_units: int = 0
    realized_pnl_units: int = 0


@dataclass(frozen=True, slots=True)
class OrderPreview:
    """``position``: as it would be, not saved; None where the order waits. ``most_lots``: the
    largest size that these terms and what is available allow; None of an order whose margin is
    named for a size."""

    rules: MarketRules
    ticker: Ticker
    draft: OrderDraft
    available_units: int
    outcome: Outcome
    fills: Fills
    position: Position | None
    most_lots: int | None

    @property
    def is_affordable(self) -> bool:
        return self.draft.hold_units <= self.available_units


def preview_order(user_id: int, new: NewOrder) -> OrderPreview:
    """Raises DomainError for what placing it would refuse, but for want of money."""
    rules = market_rules(new.market_id)
    ticker = market_ticker(rules.id)
    standing = selectors.trader_standing(user_id, rules)
    terms = read_terms(rules, new, standing.leverage)
    draft = draft_order(rules, ticker, standing, terms)
    available_units = _available_units(user_id)
    drafts_with(rules, ticker, standing, new, terms)  # refused as placing them would be
    most_lots = _most_lots(rules, ticker, standing, terms, available_units)
    position = _position(user_id, rules.id)
    fills = Fills()
    if terms.trigger is not None:
        outcome = Outcome.WAITS
        shown = None
    else:
        limit_ticks = _limit_ticks(rules, draft)
        if limit_ticks:
            _fill(rules, ticker, replace(draft, price_ticks=limit_ticks), position, fills)
        outcome = _outcome(terms, fills) if limit_ticks else Outcome.REJECTED
        if outcome in (Outcome.REJECTED, Outcome.EXPIRES) and fills.size_lots:
            position, fills = _position(user_id, rules.id), Fills()
        shown = position
    return OrderPreview(rules, ticker, draft, available_units, outcome, fills, shown, most_lots)


def _available_units(user_id: int) -> int:
    found = Wallet.objects.filter(user_id=user_id).values_list("available_units", flat=True).first()
    return found or 0


def _position(user_id: int, market_id: str) -> Position:
    """As recorded, or flat."""
    found = Position.objects.filter(user_id=user_id, market_id=market_id).first()
    flat = {"position_lots": 0, "entry_cost_units": 0, "margin_units": 0}
    return found or Position(user_id=user_id, market_id=market_id, **flat)


def _limit_ticks(rules: MarketRules, draft: OrderDraft) -> int:
    """What it has for a limit in the book as it is; 0 where that has no price to match, or none as
    good as was asked for."""
    price_match, worst = draft.terms.price_match, draft.price_ticks
    if price_match is None:
        return worst
    depth = selectors.market_depth(rules.id)
    is_long = draft.terms.side is Side.LONG
    levels = depth.bids if price_match.is_own_side is is_long else depth.asks
    if len(levels) < price_match.level:
        return 0
    price_ticks = levels[price_match.level - 1][0]
    is_worse = price_ticks > worst if is_long else price_ticks < worst
    return 0 if is_worse else price_ticks


def _fill(
    rules: MarketRules, ticker: Ticker, draft: OrderDraft, position: Position, fills: Fills
) -> None:
    """Walk the book. Changes the position and the fills; stops where the engine would."""
    order = _taking(draft)
    depth = selectors.market_depth(rules.id)
    for price_ticks, size_lots in depth.asks if order.is_long else depth.bids:
        wanted = min(size_lots, draft.terms.size_lots - fills.size_lots)
        if order.reduce_only:
            wanted = min(wanted, reducible_lots(position.position_lots, order.is_long))
        if not (wanted and crosses(order, price_ticks)):
            return
        leg = plan_leg(
            rules.tiers,
            order,
            position.position_lots,
            position.entry_cost_units,
            position.margin_units,
            price_ticks,
            wanted,
            order.taker_fee_ppm,
            ticker.mark_price_ticks,
        )
        if leg is None:
            return
        position.position_lots = leg.position_lots
        position.entry_cost_units = leg.entry_cost_units
        position.margin_units = leg.margin_units
        fills.size_lots += leg.size_lots
        fills.cost_units += rules.units_per_tick_lot * price_ticks * leg.size_lots
        fills.fee_units += leg.fee_units
        fills.realized_pnl_units += leg.realized_pnl_units
        if leg.size_lots < wanted:
            return


def _taking(draft: OrderDraft) -> TakingOrder:
    """The order as the engine would have it."""
    terms = draft.terms
    return TakingOrder(
        order_id=0,
        account_id=0,
        is_long=terms.side is Side.LONG,
        price_ticks=draft.price_ticks,
        remaining_lots=terms.size_lots,
        reserve_per_lot_units=draft.hold_units // terms.size_lots,
        named_margin_per_lot_units=terms.margin_units // terms.size_lots,
        leverage=terms.leverage,
        maker_fee_ppm=draft.maker_fee_ppm,
        taker_fee_ppm=draft.taker_fee_ppm,
        reduce_only=terms.reduce_only,
        post_only=terms.time_in_force is TimeInForce.GTX,
        self_trade_prevention=terms.self_trade_prevention,
        expires_ms=terms.expires_ms,
        arrival=0,
    )


def _outcome(terms: OrderTerms, fills: Fills) -> Outcome:
    force = terms.time_in_force
    if force is TimeInForce.GTX and fills.size_lots:
        return Outcome.REJECTED
    if fills.size_lots == terms.size_lots:
        return Outcome.FILLED
    if not fills.size_lots:
        return Outcome.RESTS if terms.may_rest else Outcome.EXPIRES
    return Outcome.EXPIRES if force is TimeInForce.FOK else Outcome.PART_FILLED


def _most_lots(
    rules: MarketRules,
    ticker: Ticker,
    standing: TraderStanding,
    terms: OrderTerms,
    available_units: int,
) -> int | None:
    """By halving: an order that is too large stays so when it grows."""
    if terms.margin_units or terms.close_position:
        return None

    def is_possible(size_lots: int) -> bool:
        try:
            draft = draft_order(rules, ticker, standing, replace(terms, size_lots=size_lots))
        except DomainError:
            return False
        return draft.hold_units <= available_units

    low, high = terms.size_lots, min(rules.max_size_lots, MAX_SIZE_LOTS) + 1
    if not is_possible(low):
        low, high = 0, low
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if is_possible(middle) else (low, middle)
    return low
