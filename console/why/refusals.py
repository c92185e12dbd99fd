"""A sentence for each code the engine refuses with. The checks are those of `matching.core`, which
is not asked: it judges a whole market, and a page knows one order of it.
"""

from collections.abc import Mapping

from console.why.rules import AskedTerms, JudgedMoment, Rule
from markets.display import money, percent, price, size
from matching.messages.commands import MarketConfig
from matching.messages.events import MarginAdjustmentRejected
from matching.messages.holds import (
    band_edges,
    ceil_div,
    fee_units,
    margin_per_lot,
    open_loss_per_lot,
)
from matching.messages.limits import (
    MAX_MARKET_MONEY_UNITS,
    MAX_NOTIONAL_UNITS,
    MAX_OPEN_INTEREST_UNITS,
    MAX_OPEN_VALUE_UNITS,
)
from matching.messages.vocabulary import OrderType, RejectCode, Side, TriggerKind


def _sizes(judged: JudgedMoment, config: MarketConfig) -> str:
    least, most = config.min_size_lots, config.max_size_lots
    return f"{size(least, judged.market)} to {size(most, judged.market)}"


def _size(judged: JudgedMoment, config: MarketConfig, terms: AskedTerms) -> str:
    market, asked = judged.market, size(terms.size_lots, judged.market)
    if not terms.is_of_whole_position:
        if terms.size_lots < config.min_size_lots:
            return f"{asked} < {size(config.min_size_lots, market)}, the smallest size"
        if terms.size_lots > config.max_size_lots:
            return f"{asked} > {size(config.max_size_lots, market)}, the largest size"
    if _notional(config, terms) > MAX_NOTIONAL_UNITS:
        value = money(_notional(config, terms))
        return f"its value, {value}, is above {money(MAX_NOTIONAL_UNITS)}, of any market the most"
    return ""


def _notional(config: MarketConfig, terms: AskedTerms) -> int:
    return config.units_per_tick_lot * terms.price_ticks * terms.size_lots


def _most_leverage(_judged: JudgedMoment, config: MarketConfig) -> str:
    return f"{config.tiers[0].max_leverage}×"


def _leverage(_judged: JudgedMoment, config: MarketConfig, terms: AskedTerms) -> str:
    most = config.tiers[0].max_leverage
    return f"{terms.leverage}× > {most}×" if terms.leverage > most else ""


def _least_value(_judged: JudgedMoment, config: MarketConfig) -> str:
    return money(config.min_notional_units)


def _value(judged: JudgedMoment, config: MarketConfig, terms: AskedTerms) -> str:
    notional = _notional(config, terms)
    if not 0 < notional < config.min_notional_units:
        return ""
    at = f"{size(terms.size_lots, judged.market)} × {price(terms.price_ticks, judged.market)}"
    return f"{at} = {money(notional)} < {money(config.min_notional_units)}"


def _band(_judged: JudgedMoment, config: MarketConfig) -> str:
    return f"{percent(config.price_band_ppm)} around the mark price"


def _beyond_band(judged: JudgedMoment, config: MarketConfig, terms: AskedTerms) -> str:
    if not judged.mark_ticks or not terms.price_ticks:
        return ""
    lower, upper = band_edges(judged.mark_ticks, config.price_band_ppm)
    is_long = terms.side is Side.LONG
    edge, sign = (upper, ">") if is_long else (lower, "<")
    if terms.price_ticks <= upper if is_long else terms.price_ticks >= lower:
        return ""
    market = judged.market
    way = "+" if is_long else "−"
    band = f"{price(judged.mark_ticks, market)} {way} {percent(config.price_band_ppm)}"
    limit = f"limit {price(terms.price_ticks, market)} {sign} {price(edge, market)}"
    return f"{limit}, which is the mark price {band}"


def _tiers(_judged: JudgedMoment, config: MarketConfig) -> str:
    tiers = (f"{t.max_leverage}× from {money(t.floor_units)}" for t in config.tiers)
    return ", ".join(tiers)


def _margin(judged: JudgedMoment, config: MarketConfig, terms: AskedTerms) -> str:
    """The steps of the engine's check, as far as they need no position."""
    if terms.margin_units and not terms.named_per_lot_units:
        return f"{money(terms.margin_units)} is less than a millionth per lot"
    at = terms.price_ticks if terms.order_type is OrderType.LIMIT else judged.mark_ticks
    if not at:
        return ""
    k, lots, named = config.units_per_tick_lot, terms.size_lots, terms.named_per_lot_units
    margin = margin_per_lot(k, at, named, terms.leverage)
    most = judged.rules.tiers.tier_of(k * at * lots).max_leverage
    least = ceil_div(k * at, most)
    if margin < least:
        asked = f"needs {money(least * lots)} = {money(k * at * lots)} ÷ {most}"
        return f"{asked}, the tier's leverage; its margin was {money(margin * lots)}"
    if terms.order_type is OrderType.LIMIT and judged.mark_ticks:
        loss = open_loss_per_lot(k, terms.side, at, judged.mark_ticks)
        if margin < loss:
            mark = price(judged.mark_ticks, judged.market)
            asked = f"needs {money(loss * lots)}, its open loss at the mark price {mark}"
            return f"{asked}; its margin was {money(margin * lots)}"
    return ""


def _margin_or_removal(judged: JudgedMoment) -> str:
    event = judged.event
    if not isinstance(event, MarginAdjustmentRejected):
        return ""
    asked = -int(getattr(judged.command, "amount_units", 0))
    had = f"{money(event.removable_units)} could be taken out at the mark price of that moment"
    return f"{money(asked)} was asked, {had}" if asked > 0 else had


class _MarginRule(Rule):
    """Of orders and of margin taken out."""

    def numbers(self, judged: JudgedMoment) -> str:
        return _margin_or_removal(judged) or super().numbers(judged)


def needed_words(margin_units: int, open_loss_units: int, fee: int) -> str:
    parts = f"margin {money(margin_units)} + open loss {money(open_loss_units)} + fee {money(fee)}"
    return f"needs {money(margin_units + open_loss_units + fee)} = {parts}"


def _hold(_judged: JudgedMoment, config: MarketConfig, terms: AskedTerms) -> str:
    if terms.hold_units is None or terms.order_type is not OrderType.LIMIT:
        return ""
    k, lots, at = config.units_per_tick_lot, terms.size_lots, terms.price_ticks
    margin = margin_per_lot(k, at, terms.named_per_lot_units, terms.leverage) * lots
    fee = fee_units(k, at, 1, terms.taker_fee_ppm) * lots
    if terms.hold_units >= margin + fee:
        return ""
    return f"{needed_words(margin, 0, fee)}; {money(terms.hold_units)} was held for it"


def _most_interest(judged: JudgedMoment, config: MarketConfig) -> str:
    lots = size(config.max_open_interest_lots, judged.market)
    return f"{lots}, and {money(MAX_OPEN_INTEREST_UNITS)} at the mark price"


def _interest(judged: JudgedMoment, config: MarketConfig, terms: AskedTerms) -> str:
    most = config.max_open_interest_lots
    if terms.size_lots <= most:
        return ""
    return f"{size(terms.size_lots, judged.market)} > {size(most, judged.market)} by itself"


def _reached(judged: JudgedMoment, _config: MarketConfig, _terms: AskedTerms) -> str:
    order = judged.order
    if order is None or not order.trigger_kind or not judged.mark_ticks:
        return ""
    if order.trigger_by != "MARK":
        return ""
    market = judged.market
    at = price(order.trigger_price_ticks, market)
    return f"its trigger price was {at}, the mark price {price(judged.mark_ticks, market)}"


def _trigger(judged: JudgedMoment, _config: MarketConfig, _terms: AskedTerms) -> str:
    order = judged.order
    if order is None or not order.trigger_kind:
        return ""
    back = percent(order.trigger_callback_ppm)
    if order.trigger_kind == TriggerKind.TRAILING_STOP and not order.trigger_callback_ppm:
        return "a trailing stop without a callback"
    if order.trigger_kind != TriggerKind.TRAILING_STOP and order.trigger_callback_ppm:
        return f"a callback of {back} on an order that doesn't trail"
    if order.close_position and not order.reduce_only:
        return "it closes the position and isn't reduce-only"
    return ""


REFUSALS: Mapping[RejectCode, Rule] = {
    RejectCode.MARKET_NOT_CONFIGURED: Rule(
        "configuration", "the engine had no rules of this market yet"
    ),
    RejectCode.MARKET_STATE: Rule(
        "market state",
        "the market did not take such orders in its state then",
        lambda judged, _config: judged.state,
    ),
    RejectCode.NO_MARK_PRICE: Rule(
        "mark price", "there was no mark price yet to judge by: no index price had come"
    ),
    RejectCode.INVALID_SIZE: Rule(
        "smallest and largest size", "its size is none the market takes", _sizes, _size
    ),
    RejectCode.INVALID_LEVERAGE: Rule(
        "largest leverage", "its leverage is above the market's largest", _most_leverage, _leverage
    ),
    RejectCode.INVALID_TIME_IN_FORCE: Rule(
        "time in force", "a market order never rests, so it can't be post-only"
    ),
    RejectCode.MIN_NOTIONAL: Rule(
        "smallest value", "price × size is below the smallest value", _least_value, _value
    ),
    RejectCode.PRICE_OUTSIDE_BAND: Rule(
        "price band", "at this price it could only fill outside the price band", _band, _beyond_band
    ),
    RejectCode.NO_PRICE_TO_MATCH: Rule(
        "price match", "the book had no price where it was to take its own from"
    ),
    RejectCode.INSUFFICIENT_MARGIN: _MarginRule(
        "initial margin", "the margin does not cover what is asked of it", _tiers, _margin
    ),
    RejectCode.INSUFFICIENT_HOLD: Rule(
        "hold", "what was held for it covers less than its margin and fee", None, _hold
    ),
    RejectCode.REDUCE_ONLY_NO_POSITION: Rule(
        "reduce-only", "it may only reduce, and there was no position it could reduce"
    ),
    RejectCode.MAX_OPEN_ORDERS: Rule(
        "open orders per account",
        "the trader had as many open and waiting orders here as are allowed",
        lambda _judged, config: f"{config.max_open_orders:,}",
    ),
    RejectCode.MAX_OPEN_INTEREST: Rule(
        "open interest", "with it the open interest would be too large", _most_interest, _interest
    ),
    RejectCode.MAX_POSITION: Rule(
        "leverage tiers",
        "its leverage is above what the tier of the resulting position allows",
        _tiers,
        _margin,
    ),
    RejectCode.MARKET_FULL: Rule(
        "money in a market",
        "it would bring more money into the market than any may hold",
        lambda _judged, _config: money(MAX_MARKET_MONEY_UNITS),
    ),
    RejectCode.INVALID_TRIGGER: Rule(
        "condition", "its condition is none that could come true", None, _trigger
    ),
    RejectCode.TRIGGER_ALREADY_TRUE: Rule(
        "condition", "its condition was true already when it came", None, _reached
    ),
    RejectCode.ALREADY_TRIGGERED: Rule(
        "condition", "its condition had come true already, so there was none to change"
    ),
    RejectCode.ALREADY_ACTIVE: Rule(
        "condition",
        "the trailing stop followed the price already, so its activation price could not change",
    ),
    RejectCode.PARENT_ENDED: Rule(
        "attached orders", "the entry it was to be attached to had ended"
    ),
    RejectCode.INVALID_PAIR: Rule(
        "one cancels the other", "with the other order it named it could make no pair"
    ),
    RejectCode.OTHER_ENDED: Rule(
        "one cancels the other", "the other order of its pair had filled, fired or ended"
    ),
    RejectCode.INVALID_EXPIRY: Rule("expiry", "its time to expire was past when it came"),
    RejectCode.NOTHING_TO_AMEND: Rule(
        "amendment", "the order had this price and size already, so nothing would change"
    ),
    RejectCode.NO_POSITION: Rule("margin of a position", "there was no position to change it of"),
    RejectCode.INDEX_STALE: Rule(
        "stale index",
        "there was no fresh price to judge by: the index was stale, or the market stood still",
        lambda _judged, config: f"after {config.index_stale_ms / 1_000:g} s",
    ),
    RejectCode.TOO_OLD: Rule(
        "once only",
        "it came so late that the engine can't tell any more whether it took effect before",
    ),
    RejectCode.UNKNOWN_ORDER: Rule(
        "open order", "the engine knew no such open or waiting order: it had ended, or never came"
    ),
    RejectCode.NOT_ORDER_OWNER: Rule("owner", "the order is another account's"),
    RejectCode.STALE_CONFIG: Rule(
        "configuration", "the engine had taken this version of the rules, or a newer one, already"
    ),
    RejectCode.INVALID_CONFIG: Rule(
        "configuration",
        "the rules contradict each other or what is open: sizes out of order, unsound tiers, "
        "another tick or lot, a price at which open interest is worth more than "
        + money(MAX_OPEN_VALUE_UNITS),
    ),
    RejectCode.INVALID_TRANSITION: Rule(
        "market state", "the market can't go from the state it was in to this one"
    ),
    RejectCode.INSURANCE_EXHAUSTED: Rule(
        "insurance fund", "positions and fund together are worth less than nothing: top up first"
    ),
    RejectCode.MALFORMED: Rule(
        "contract of messages", "the entry was no command; its bytes are a dead letter"
    ),
}
