"""Why lots left the book without a fill, why a market changed its state, what made a fill happen:
a sentence for each word of the engine's closed sets."""

from collections.abc import Mapping

from common.admin import when
from console.why.refusals import needed_words
from console.why.rules import AskedTerms, JudgedMoment, Rule
from markets.display import money, percent, price
from matching.messages.commands import MarketConfig
from matching.messages.holds import order_reserve
from matching.messages.vocabulary import (
    CancelReason,
    ExecutionType,
    OrderStatus,
    StateReason,
)


def _band(_judged: JudgedMoment, config: MarketConfig) -> str:
    return f"no fill further than {percent(config.price_band_ppm)} from the mark price"


def _unaffordable(judged: JudgedMoment, config: MarketConfig, terms: AskedTerms) -> str:
    """Of an order that fired and found no money; what one lacked in the book is not kept."""
    order = judged.order
    is_without_hold = order is not None and order.triggered_at and not order.hold_units
    if not is_without_hold or terms.reduce_only or not judged.mark_ticks:
        return ""
    reserve = order_reserve(
        units_per_tick_lot=config.units_per_tick_lot,
        taker_fee_ppm=terms.taker_fee_ppm,
        side=terms.side,
        order_type=terms.order_type,
        price_ticks=terms.price_ticks,
        mark_ticks=judged.mark_ticks,
        best_bid_ticks=0,
        named_margin_per_lot_units=terms.named_per_lot_units,
        leverage=terms.leverage,
    )
    lots = terms.size_lots
    parts = (reserve.margin_units, reserve.open_loss_units, reserve.fee_units)
    needed = needed_words(*(part * lots for part in parts))
    if judged.free_units is None:
        return f"{needed}; what was free is not kept"
    mark = price(judged.mark_ticks, judged.market)
    return f"{needed}, at the mark price {mark}; {money(judged.free_units)} was free"


def _prevention(judged: JudgedMoment, _config: MarketConfig) -> str:
    return judged.order.self_trade_prevention if judged.order else ""


def _expiry(judged: JudgedMoment, _config: MarketConfig) -> str:
    return f"{when(judged.order.expires_at)} UTC" if judged.order else ""


ENDINGS: Mapping[CancelReason, Rule] = {
    CancelReason.USER: Rule("cancel", "its trader cancelled it"),
    CancelReason.OPERATOR: Rule("cancel", "an operator cancelled it"),
    CancelReason.IOC_REMAINDER: Rule(
        "time in force",
        "nothing more was in the book within its limit, and what is left of an immediate order "
        "(IOC, or a market order) does not rest",
    ),
    CancelReason.FOK_UNFILLED: Rule(
        "time in force", "the book could not fill it whole at once, which fill-or-kill asks"
    ),
    CancelReason.POST_ONLY_WOULD_TAKE: Rule(
        "post-only", "it would have met the best price of the other side, which post-only forbids"
    ),
    CancelReason.SELF_TRADE: Rule(
        "self-trade prevention", "it met an order of the same account", _prevention
    ),
    CancelReason.PRICE_BAND: Rule(
        "price band", "the next fill would have been outside the price band", _band
    ),
    CancelReason.REDUCE_ONLY: Rule(
        "reduce-only", "the position was smaller than what it would have closed, or gone"
    ),
    CancelReason.UNAFFORDABLE: Rule(
        "hold and initial margin",
        "it had not the money for its next fill: hold, margin of the tier, or what closing pays",
        None,
        _unaffordable,
    ),
    CancelReason.LIQUIDATION: Rule(
        "liquidation", "its trader's position was liquidated, which cancels all orders first"
    ),
    CancelReason.EXPIRED: Rule("expiry", "its time was over", _expiry),
    CancelReason.COUNTDOWN: Rule(
        "cancel countdown", "the trader's countdown ran out without being set anew"
    ),
    CancelReason.SETTLEMENT: Rule("settlement", "the market was settled, which cancels all orders"),
    CancelReason.POSITION_CLOSED: Rule(
        "protective orders", "the position it would have reduced ended or changed sides"
    ),
    CancelReason.PARENT_ENDED: Rule(
        "attached orders", "the entry it was attached to ended and left nothing to protect"
    ),
    CancelReason.OTHER_FIRED: Rule(
        "one cancels the other",
        "the condition of another order of its pair, or of the same entry, came true",
    ),
    CancelReason.OTHER_FILLED: Rule("one cancels the other", "the other order of its pair filled"),
    CancelReason.OTHER_ENDED: Rule(
        "one cancels the other", "the other order of its pair was refused, cancelled or expired"
    ),
}

STATE_REASONS: Mapping[StateReason, str] = {
    StateReason.OPERATOR: "an operator said so",
    StateReason.CIRCUIT_BREAKER: "the mark price jumped further than the circuit breaker allows",
    StateReason.INSURANCE_EXHAUSTED: "neither counterparties nor the insurance fund could pay",
}

EXECUTIONS: Mapping[ExecutionType, str] = {
    ExecutionType.TRADE: "an order met one that rested, at the price of the one that rested",
    ExecutionType.LIQUIDATION: "a position below its maintenance margin was closed in the book",
    ExecutionType.ADL: "a bankrupt position that the book did not take was closed against the "
    "most profitable and most leveraged positions of the other side (auto-deleveraging)",
    ExecutionType.SETTLE: "the market was settled, which closes all positions at one price",
}

STATUSES: Mapping[OrderStatus, str] = {
    OrderStatus.PENDING: "it is on its way to the engine, which has not answered yet",
    OrderStatus.ASLEEP: "it is attached to an entry of which nothing is filled",
    OrderStatus.WAITING: "it waits for its condition",
    OrderStatus.OPEN: "it is in the book, and what is left of it can fill",
    OrderStatus.FILLED: "all of it filled",
    OrderStatus.CANCELLED: "what was left of it was cancelled",
    OrderStatus.REJECTED: "the engine refused it, so it was never in the book",
    OrderStatus.EXPIRED: "it ended by its own terms",
}
