"""A sentence for each event of an output entry, with the record it is about."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.db.models import Model
from django.utils.html import format_html

from accounts.models import User
from common.admin import when
from common.admin.base import Cell, link, list_link, words
from console.why.endings import ENDINGS, EXECUTIONS, STATE_REASONS
from console.why.refusals import REFUSALS
from markets.display import funding_rate, money, percent, price, signed_money, size
from markets.models import Market, MarketStatus
from matching.messages import conditional_events as c
from matching.messages import events as e
from matching.messages.vocabulary import RejectCode, Side
from trading.models import (
    Countdown,
    Fill,
    FundingSettlement,
    InsuranceTopUp,
    Liquidation,
    Order,
    OutboxCommand,
    Position,
    Settlement,
)


def held_words(lots: int, market: Market) -> str:
    """How much of a position, and which way."""
    if not lots:
        return "flat"
    return f"{Side.LONG if lots > 0 else Side.SHORT} {size(abs(lots), market)}"


class Context(NamedTuple):
    """Where an event happened, and what its accounts are called."""

    market: Market
    usernames: Mapping[int, str]

    def user(self, account_id: int) -> Cell:
        return link(User, account_id, self.usernames.get(account_id, f"user {account_id}"))

    def lots(self, lots: int) -> str:
        return size(abs(lots), self.market)

    def price(self, ticks: int) -> str:
        return price(ticks, self.market)

    def side(self, lots: int) -> str:
        return held_words(lots, self.market)


Say = Callable[[Context, Any], Cell]


def _order(event: Any) -> Cell:
    return link(Order, event.order_id, f"order {event.order_id}")


def _refused(code: RejectCode) -> str:
    return f"{code}: {REFUSALS[code].plain}"


def _released(event: Any) -> str:
    return f"; {money(event.released_units)} of its hold went back" if event.released_units else ""


def _accepted(context: Context, event: e.OrderAccepted) -> Cell:
    asked = f"{event.side} {context.lots(event.size_lots)} at {context.price(event.price_ticks)}"
    said = "{} of {} was accepted: {}{}"
    return format_html(said, _order(event), context.user(event.account_id), asked, _released(event))


def _rejected(context: Context, event: e.OrderRejected) -> Cell:
    who = context.user(event.account_id)
    said = "{} of {} was rejected, {}{}"
    return format_html(said, _order(event), who, _refused(event.code), _released(event))


def _rested(context: Context, event: e.OrderRested) -> Cell:
    rest = f"{context.lots(event.remaining_lots)} rests at {context.price(event.price_ticks)}"
    return format_html("{}: {}{}", _order(event), rest, _released(event))


def _refilled(_context: Context, event: e.OrderRefilled) -> Cell:
    return format_html("{} shows its next part, at the back of its price", _order(event))


def _waiting(_context: Context, event: e.OrderWaiting) -> Cell:
    return format_html("{} waits for its condition{}", _order(event), _released(event))


def _triggered(context: Context, event: e.OrderTriggered) -> Cell:
    then = "asked for its hold" if event.needs_hold else "went to the book at once"
    at = context.price(event.reference_ticks)
    return format_html("the condition of {} came true at {}; it {}", _order(event), at, then)


def _amended(context: Context, event: e.OrderAmended) -> Cell:
    now = f"{context.lots(event.size_lots)} at {context.price(event.price_ticks)}"
    place = "kept its place" if event.kept_priority else "went to the back of its price"
    return format_html("{} is {} from now on and {}{}", _order(event), now, place, _released(event))


def _conditional_amended(context: Context, event: c.ConditionalAmended) -> Cell:
    if event.callback_ppm:
        now = f"a callback of {percent(event.callback_ppm)}"
        if event.trigger_price_ticks:
            now += f" from {context.price(event.trigger_price_ticks)}"
    else:
        now = context.price(event.trigger_price_ticks)
    return format_html("{} waits for {} from now on", _order(event), now)


def _attached(_context: Context, event: c.OrderAttached) -> Cell:
    entry = link(Order, event.parent_id, f"order {event.parent_id}")
    return format_html("{} sleeps until {} fills{}", _order(event), entry, _released(event))


def _cover(context: Context, event: c.CoverChanged) -> Cell:
    if not event.covered_lots:
        return format_html("{} covers nothing any more and sleeps", _order(event))
    covered = context.lots(event.covered_lots)
    return format_html("{} covers {} of its entry from now on", _order(event), covered)


def _amend_rejected(_context: Context, event: e.AmendRejected) -> Cell:
    said = "{} stays as it was, the amendment was rejected, {}{}"
    return format_html(said, _order(event), _refused(event.code), _released(event))


def _cancelled(context: Context, event: e.OrderCancelled) -> Cell:
    gone = "the whole position" if event.of_whole_position else context.lots(event.cancelled_lots)
    left = f", {context.lots(event.remaining_lots)} left" if event.remaining_lots else ""
    why = f"{event.reason}: {ENDINGS[event.reason].plain}"
    said = "{} lost {}{}, {}{}"
    return format_html(said, _order(event), gone, left, why, _released(event))


def _cancel_rejected(_context: Context, event: e.CancelRejected) -> Cell:
    return format_html("{} could not be cancelled, {}", _order(event), _refused(event.code))


def _activation_rejected(_context: Context, event: e.ActivationRejected) -> Cell:
    said = "the hold that came for {} was not taken, {}{}"
    return format_html(said, _order(event), _refused(event.code), _released(event))


def _trade(context: Context, event: e.Trade) -> Cell:
    query = f"market__id__exact={context.market.pk}&trade_id={event.trade_id}"
    taker, maker = (context.user(leg.account_id) for leg in (event.taker, event.maker))
    size_at = f"{context.lots(event.size_lots)} at {context.price(event.price_ticks)}"
    verb = "bought from" if event.taker_side is Side.LONG else "sold to"
    trade = list_link(Fill, query, f"trade {event.trade_id}")
    why = EXECUTIONS[event.execution]
    return format_html("{}: {} {} {} {}; {}", trade, taker, verb, maker, size_at, why)


def _position(context: Context, event: e.PositionChanged) -> Cell:
    now = f"{context.side(event.position_lots)} with margin {money(event.margin_units)}"
    return format_html("position of {}: {}", context.user(event.account_id), now)


def _liquidated(context: Context, event: e.PositionLiquidated) -> Cell:
    required = event.maintenance_units + event.fee_reserve_units
    why = f"equity {money(event.equity_units)} < {money(required)} at the mark price"
    at = context.price(event.mark_price_ticks)
    return format_html("{} was liquidated: {} {}", context.user(event.account_id), why, at)


def _funding(_context: Context, event: e.FundingSettled) -> Cell:
    count = len(event.payments)
    return f"funding at {funding_rate(event.rate_ppb)}: {count:,} positions paid or received"


def _margin(context: Context, event: e.MarginAdjusted) -> Cell:
    amount, now = signed_money(event.amount_units), money(event.margin_units)
    who = context.user(event.account_id)
    return format_html("margin of {}’s position {}, now {}", who, amount, now)


def _margin_rejected(context: Context, event: e.MarginAdjustmentRejected) -> Cell:
    said = "the margin of {}’s position stays as it was, {}{}"
    who = context.user(event.account_id)
    return format_html(said, who, _refused(event.code), _released(event))


def _insurance(_context: Context, event: e.InsuranceFunded) -> Cell:
    amount, now = money(event.amount_units), money(event.insurance_units)
    return f"the insurance fund got {amount} from outside, now {now}"


def _countdown(context: Context, event: e.CountdownSet) -> Cell:
    if not event.due_ms:
        return format_html("{} has no cancel countdown", context.user(event.account_id))
    due = when(datetime.fromtimestamp(event.due_ms / 1_000, UTC))
    return format_html("orders of {} go at {} UTC", context.user(event.account_id), due)


def _settled(context: Context, event: e.PositionSettled) -> Cell:
    closed = f"{context.side(event.position_lots)} closed at {context.price(event.price_ticks)}"
    return words("settled", context.user(event.leg.account_id), closed)


def _command_rejected(_context: Context, event: e.CommandRejected) -> Cell:
    return f"the command was rejected, {_refused(event.code)}"


def _configured(_context: Context, event: e.MarketConfigured) -> Cell:
    return f"the rules are version {event.config_version} from now on"


def _state(_context: Context, event: e.MarketStateChanged) -> Cell:
    why = STATE_REASONS[event.reason]
    return f"the market went from {event.previous_state} to {event.state}: {why}"


def _mark(context: Context, event: e.MarkPriceChanged) -> Cell:
    mark, index = context.price(event.mark_price_ticks), context.price(event.index_price_ticks)
    return f"mark price {mark}, index {index}{', which is stale' if event.index_stale else ''}"


HAPPENED: Mapping[type, tuple[type[Model], Say]] = {
    e.OrderAccepted: (Order, _accepted),
    e.OrderRejected: (Order, _rejected),
    e.OrderRested: (Order, _rested),
    e.OrderRefilled: (Order, _refilled),
    e.OrderWaiting: (Order, _waiting),
    e.OrderTriggered: (Order, _triggered),
    e.OrderAmended: (Order, _amended),
    c.ConditionalAmended: (Order, _conditional_amended),
    c.OrderAttached: (Order, _attached),
    c.CoverChanged: (Order, _cover),
    e.AmendRejected: (Order, _amend_rejected),
    e.OrderCancelled: (Order, _cancelled),
    e.CancelRejected: (Order, _cancel_rejected),
    e.ActivationRejected: (Order, _activation_rejected),
    e.Trade: (Fill, _trade),
    e.PositionChanged: (Position, _position),
    e.PositionLiquidated: (Liquidation, _liquidated),
    e.FundingSettled: (FundingSettlement, _funding),
    e.MarginAdjusted: (Position, _margin),
    e.MarginAdjustmentRejected: (Position, _margin_rejected),
    e.InsuranceFunded: (InsuranceTopUp, _insurance),
    e.CountdownSet: (Countdown, _countdown),
    e.PositionSettled: (Settlement, _settled),
    e.CommandRejected: (OutboxCommand, _command_rejected),
    e.MarketConfigured: (Market, _configured),
    e.MarketStateChanged: (MarketStatus, _state),
    e.MarkPriceChanged: (MarketStatus, _mark),
}


def sentences(
    market: Market, events: Iterable[e.Event], may_view: Callable[[type[Model]], bool]
) -> Iterator[Cell]:
    """Of the events whose records the reader may view."""
    shown = [event for event in events if may_view(HAPPENED[type(event)][0])]
    accounts = {account_id for event in shown for account_id in accounts_of(event)}
    found = User.objects.filter(pk__in=accounts).values_list("pk", "username")
    context = Context(market, dict(found))
    for event in shown:
        yield HAPPENED[type(event)][1](context, event)


def accounts_of(event: Any) -> Iterator[int]:
    for holder in (event, *(getattr(event, name, None) for name in ("taker", "maker", "leg"))):
        if hasattr(holder, "account_id"):
            yield holder.account_id
