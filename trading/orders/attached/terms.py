"""What comes with an order, as orders that are checked like any other: what is attached to an
entry, or the other of a pair.
"""

from collections.abc import Iterator

from common.errors import DomainError, ErrorCode, invalid
from markets.conversions import ticks_text
from markets.rules import MarketRules
from matching.messages.streams import Ticker
from matching.messages.vocabulary import OrderType, Side, TriggerKind
from trading.orders.draft import OrderDraft, draft_attached, draft_order
from trading.orders.request import NewAttached, NewOrder, NewOther, NewTrigger
from trading.orders.terms import OrderTerms, read_terms
from trading.selectors import TraderStanding

KINDS = {"take_profit": TriggerKind.TAKE_PROFIT, "stop_loss": TriggerKind.STOP}
# What the terms call a field, and what it came in as.
_CAME_AS = {
    "trigger.price": "price",
    "price": "limit_price",
    "client_order_id": "client_order_id",
}


def asked(new: NewOrder) -> Iterator[tuple[str, NewAttached]]:
    """By the field it came in."""
    if new.take_profit is not None:
        yield "take_profit", new.take_profit
    if new.stop_loss is not None:
        yield "stop_loss", new.stop_loss


def fields_with(new: NewOrder) -> list[str]:
    """In which something came with it."""
    return [field for field, _ in asked(new)] + ["other"] * (new.other is not None)


def drafts_with(
    rules: MarketRules, ticker: Ticker, standing: TraderStanding, new: NewOrder, terms: OrderTerms
) -> list[OrderDraft]:
    """Of what comes with an order of these terms. Raises DomainError naming the field."""
    attached = _drafts_attached(rules, ticker, standing, new, terms)
    if new.other is None:
        return attached
    if attached:
        message = "other is not for an order with take_profit or stop_loss: leave it out."
        raise invalid("other", message).naming("other", "take_profit", "stop_loss")
    if new.trigger is None and not terms.may_rest:
        message = "other is for an order that rests or waits, as this one doesn't: leave it out."
        raise invalid("other", message).naming("other")
    return [_draft_other(rules, ticker, standing, new, new.other)]


def _draft_other(
    rules: MarketRules, ticker: Ticker, standing: TraderStanding, new: NewOrder, other: NewOther
) -> OrderDraft:
    if other.client_order_id is not None and other.client_order_id == new.client_order_id:
        raise _names_two_orders("other")
    asked_for = NewOrder(
        market_id=new.market_id,
        self_trade_prevention=new.self_trade_prevention,
        **{name: getattr(other, name) for name in other.__struct_fields__},
    )
    try:
        terms = read_terms(rules, asked_for, standing.leverage)
        return draft_order(rules, ticker, standing, terms)
    except DomainError as error:
        raise _named_as_it_came(error, "other", error.field) from error


def _names_two_orders(field: str) -> DomainError:
    named = f"{field}.client_order_id"
    return invalid(named, f"{named} names two orders: use another.").naming(named)


def _drafts_attached(
    rules: MarketRules, ticker: Ticker, standing: TraderStanding, new: NewOrder, entry: OrderTerms
) -> list[OrderDraft]:
    drafts = []
    names = {new.client_order_id} - {None}
    for field, attached in asked(new):
        if entry.reduce_only:
            message = f"{field} is of an order that opens something: leave it out."
            raise invalid(field, message).naming(field)
        try:
            terms = read_terms(rules, _as_order(new, field, attached), None)
            draft = draft_attached(rules, ticker, standing, terms)
        except DomainError as error:
            raise _named_as_it_came(error, field, _CAME_AS.get(error.field or "")) from error
        if terms.client_order_id in names:
            raise _names_two_orders(field)
        names |= {terms.client_order_id} - {None}
        _check_beyond_entry(rules, ticker, entry, field, terms)
        drafts.append(draft)
    return drafts


def _as_order(new: NewOrder, field: str, attached: NewAttached) -> NewOrder:
    is_limit = attached.limit_price is not None
    return NewOrder(
        market_id=new.market_id,
        side=Side.SHORT if new.side is Side.LONG else Side.LONG,
        order_type=OrderType.LIMIT if is_limit else OrderType.MARKET,
        qty=new.qty,
        price=attached.limit_price,
        reduce_only=True,
        trigger=NewTrigger(type=KINDS[field], by=attached.by, price=attached.price),
        client_order_id=attached.client_order_id,
        self_trade_prevention=new.self_trade_prevention,
    )


def _named_as_it_came(error: DomainError, field: str, came_as: str | None) -> DomainError:
    if came_as is None:
        return error
    named = f"{field}.{came_as}"
    message = error.message.replace(error.field or "", named, 1)
    return DomainError(error.code, message, named, **error.details)


def _check_beyond_entry(
    rules: MarketRules, ticker: Ticker, entry: OrderTerms, field: str, terms: OrderTerms
) -> None:
    """It must not hold already where the entry is expected to fill."""
    at_ticks = terms.columns()["trigger_price_ticks"]
    fills_at = _expected_fill_ticks(ticker, entry)
    is_above = (field == "take_profit") is (entry.side is Side.LONG)
    if at_ticks > fills_at if is_above else at_ticks < fills_at:
        return
    bound = "above" if is_above else "below"
    message = (
        f"{field}.price must be {bound} {ticks_text(fills_at, rules.tick_size)}, "
        "about where the entry fills."
    )
    raise invalid(f"{field}.price", message, ErrorCode.INVALID_TRIGGER)


def _expected_fill_ticks(ticker: Ticker, entry: OrderTerms) -> int:
    """Its limit, or where the price is when it comes to the book, if that is better."""
    mark: int = ticker.mark_price_ticks
    if entry.trigger is not None:
        mark = entry.trigger.price_ticks or mark
    if not entry.limit_ticks:
        return mark
    best = min if entry.side is Side.LONG else max
    return best(entry.limit_ticks, mark)
