"""Why an order is as it is: rejected, cancelled, expired, filled, open or on its way."""

from dataclasses import replace

from django.db.models import QuerySet
from django.utils.html import format_html

from accounts.display import user_link
from common.admin import when
from common.admin.base import Cell, link, list_link, words
from console.why.chain import Explanation, Subject, free_units_at
from console.why.endings import ENDINGS, STATUSES
from console.why.refusals import REFUSALS
from console.why.rules import AskedTerms, JudgedMoment, Rule, rules_at, state_before
from console.why.stream import Moment, Streams, ms_of
from ledger.models import JournalEntry
from markets.display import average_price, money, price, size
from matching.messages.events import OrderTriggered
from matching.messages.vocabulary import CancelReason, OrderStatus, OrderType, RejectCode
from trading.archive.shown import fills_shown
from trading.archive.traders import of_order
from trading.models import Fill, Liquidation, Order

MOMENTS_SHOWN = 10
_OLDEST_SHOWN = 2
_CLOCKS_APART_MS = 2_000  # the API's and Redis'
_ENDED = (OrderStatus.CANCELLED, OrderStatus.EXPIRED)
# Its own placing ends an order so, or its amendment or hold, which have rows.
_BY_PLACING = {
    CancelReason.IOC_REMAINDER,
    CancelReason.FOK_UNFILLED,
    CancelReason.POST_ONLY_WOULD_TAKE,
}


def explain_order(order: Order, streams: Streams) -> Explanation:
    moments = _moments(order, streams)
    end_ms = ms_of(order.updated_at)
    at_end = [moment for moment in moments if moment.time_ms == end_ms]
    end = at_end[-1] if at_end else None
    rule = _rule_of(order)
    judged = _judged(order, streams, end, moments) if rule else None
    unknown = []
    if end is None and order.status != OrderStatus.PENDING:
        unknown.append(
            "the sequence of its last change: no money moved with it, and Redis keeps the newest "
            "entries only. Its time is kept"
        )
    if rule and judged and rule.misses_numbers(judged):
        unknown.append("the numbers it was judged by: not all that went into them is kept")
    if not streams.is_away and not moments and order.status == OrderStatus.PENDING:
        unknown.append("when the engine will take it: the commands before it come first")
    return Explanation(
        market=order.market,
        sentences=[_headline(order, rule, judged), *_story(order)],
        rules=_rules(rule, judged) if rule and judged else (),
        moments=moments,
        unknown=unknown,
        placed=order if _was_its_placing(order) else None,
        subject=Subject(order.user_id, order_id=order.pk),
    )


def _rule_of(order: Order) -> Rule | None:
    """Of the code on its row. A row nobody here wrote has any."""
    code = order.reason
    if order.status == OrderStatus.REJECTED and code in set(RejectCode):
        return REFUSALS[RejectCode(code)]
    if order.status in _ENDED and code in set(CancelReason):
        return ENDINGS[CancelReason(code)]
    return None


def _was_its_placing(order: Order) -> bool:
    if order.triggered_at is not None:
        return False
    return order.status == OrderStatus.REJECTED or order.reason in _BY_PLACING


def _judged(
    order: Order, streams: Streams, end: Moment | None, moments: list[Moment]
) -> JudgedMoment:
    seq = end.seq if end else None
    judged = JudgedMoment(
        market=order.market,
        rules=rules_at(order.market, seq),
        order=order,
        terms=AskedTerms.of(order),
        mark_ticks=streams.mark_ticks(end) if end else 0,
        state=state_before(order.market, seq) if order.reason == RejectCode.MARKET_STATE else "",
    )
    if order.reason == CancelReason.UNAFFORDABLE and order.triggered_at and not order.hold_units:
        return _when_it_fired(order, streams, judged, moments)
    return judged


def _when_it_fired(
    order: Order, streams: Streams, judged: JudgedMoment, moments: list[Moment]
) -> JudgedMoment:
    """Its hold was asked for at the mark price it fired at, of what the wallet had then."""
    assert order.triggered_at is not None  # noqa: S101  asked by the caller
    fired_ms = ms_of(order.triggered_at)
    fired = [moment for moment in moments if moment.time_ms == fired_ms]
    for entry in streams.entries(fired).values():
        if any(isinstance(e, OrderTriggered) and e.order_id == order.pk for e in entry.events):
            moment = Moment(entry.seq, entry.time_ms)
            mark, free = streams.mark_ticks(moment), free_units_at(order.user_id, moment)
            return replace(judged, mark_ticks=mark, free_units=free)
    return replace(judged, mark_ticks=0)


def _headline(order: Order, rule: Rule | None, judged: JudgedMoment | None) -> Cell:
    if rule is None or judged is None:
        return f"{order.status}: {STATUSES[OrderStatus(order.status)]}"
    if order.status == OrderStatus.REJECTED:
        return f"rejected: {rule.sentence(judged)}"
    gone = size(order.cancelled_lots, order.market)
    whole = "" if order.is_of_whole_position else f"{gone} left the book without a fill, "
    return f"{order.status}: {whole}{rule.sentence(judged)}"


def _rules(rule: Rule, judged: JudgedMoment) -> list[tuple[str, Cell]]:
    value = rule.value_of(judged)
    found: list[tuple[str, Cell]] = [("rule", rule.name)]
    if judged.order is not None:
        found.append(("code", judged.order.reason))
    if value:
        found.append(("asked for", value))
    if rule.value or rule.breach:
        found.append(("market’s rules", judged.rules.said))
        market = judged.market
        steps = f"tick {price(1, market)}, lot {size(1, market)}; they never change"
        found.append(("price and size", steps))
    if judged.mark_ticks and rule.breach:
        found.append(("mark price then", price(judged.mark_ticks, market=judged.market)))
    return found


def _story(order: Order) -> list[Cell]:
    """What it asked, and what came of it before its end."""
    told: list[Cell] = [_asked(order)]
    if order.triggered_at:
        told.append(f"Its condition came true at {when(order.triggered_at)} UTC.")
    if order.filled_lots:
        average = average_price(order.filled_cost_units, order.filled_lots, order.market)
        done = f"Filled: {size(order.filled_lots, order.market)} at {average} on average,"
        told.append(words(done, list_link(Fill, f"order__id__exact={order.pk}", "its fills")))
    if order.reason == CancelReason.LIQUIDATION:
        told += [words("By", link(Liquidation, row.pk, row)) for row in _liquidations(order)]
    if order.held_units:
        told.append(f"{money(order.held_units)} is still held for it.")
    return told


def _asked(order: Order) -> Cell:
    lots = size(order.size_lots, order.market)
    whole = "the whole position" if order.is_of_whole_position else lots
    at = price(order.shown_price_ticks, order.market)
    if order.order_type == OrderType.MARKET:
        at = f"the market, at worst {at}" if order.shown_price_ticks else "the market"
    kind = f"{order.order_type} {order.time_in_force}"
    asked = f"asked to {order.side} {whole} at {at} ({kind}), with {money(order.hold_units)} held."
    return format_html("{} {}", user_link(order.user), asked)


def _liquidations(order: Order) -> QuerySet[Liquidation]:
    return Liquidation.objects.filter(
        user=order.user_id, market=order.market_id, liquidated_at=order.updated_at
    )


# --- its entries ----------------------------------------------------------------------------------


def _moments(order: Order, streams: Streams) -> list[Moment]:
    """Oldest first: the first few and the newest."""
    found = {moment.seq: moment for moment in _of_rows(order)}
    placed_ms, end_ms = ms_of(order.created_at), ms_of(order.updated_at)
    ended = order.status != OrderStatus.PENDING
    for entry in streams.naming(order.pk, end_ms, end_ms) if ended else ():
        found[entry.seq] = Moment(entry.seq, entry.time_ms)
    if len(found) <= 1 and ended:
        for entry in streams.naming(order.pk, placed_ms - _CLOCKS_APART_MS, end_ms):
            found[entry.seq] = Moment(entry.seq, entry.time_ms)
    ordered = sorted(found.values())
    if len(ordered) <= MOMENTS_SHOWN:
        return ordered
    return [*ordered[:_OLDEST_SHOWN], *ordered[_OLDEST_SHOWN - MOMENTS_SHOWN :]]


def _of_rows(order: Order) -> list[Moment]:
    """From postings and fills; each a run along an index from its end."""
    journal = JournalEntry.objects.filter(order_id=order.pk, seq__isnull=False)
    fields = ("seq", "created_at")
    newest = order.fills.order_by("-pk").values_list("seq", "executed_at")[:MOMENTS_SHOWN]
    with fills_shown(of_order(order)):
        filled = list(newest)
    rows = [
        *journal.order_by("pk").values_list(*fields)[:_OLDEST_SHOWN],
        *journal.order_by("-pk").values_list(*fields)[:MOMENTS_SHOWN],
        *filled,
    ]
    return [Moment.of(seq, at) for seq, at in rows if seq is not None]
