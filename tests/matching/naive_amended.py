"""What the naive replay asks of single events: answers, changed orders, limits, rankings."""

from dataclasses import dataclass
from fractions import Fraction

import msgspec
from msgspec import UnsetType

from matching.messages.commands import AmendConditional, AmendOrder, Command, PlaceOrder
from matching.messages.conditional_events import ConditionalAmended, OrderAttached
from matching.messages.events import (
    Event,
    OrderAccepted,
    OrderAmended,
    OrderRejected,
    OrderWaiting,
    Trade,
)
from matching.messages.vocabulary import (
    CancelReason,
    OrderType,
    RejectCode,
    SelfTradePrevention,
    Side,
    TimeInForce,
    TriggerBy,
    TriggerKind,
)
from tests.matching.naive_ranking import naive_ranking
from tests.matching.naive_rules import Holding, Resting
from tests.matching.predicted import Differs

MET_IN_THE_BOOK = (CancelReason.UNAFFORDABLE, CancelReason.PRICE_BAND, CancelReason.SELF_TRADE)
# Of what an engine remembers of ids and of queues that aren't in the book; not of the market.
GIVEN_REFUSALS = (
    RejectCode.TOO_OLD,
    RejectCode.INVALID_EXPIRY,
    RejectCode.MAX_OPEN_ORDERS,
    RejectCode.INVALID_PAIR,
    RejectCode.OTHER_ENDED,
)


def expect_an_answer(command: Command | None, published: list[Event], seen: set[int]) -> None:
    """An order is answered when it comes first, and never again but as one forgotten since."""
    if not isinstance(command, PlaceOrder):
        return
    answers = [
        event
        for event in published
        if isinstance(event, (OrderAccepted, OrderRejected, OrderWaiting, OrderAttached))
        and event.order_id == command.order_id
    ]
    is_new = command.order_id not in seen
    seen.add(command.order_id)
    if not is_new and [getattr(e, "code", None) for e in answers] == [RejectCode.TOO_OLD]:
        return
    if is_new is not bool(answers):
        raise Differs(f"order {command.order_id}, new: {is_new}, was answered {answers}")


@dataclass
class NaiveAmended:
    """What an order must be after its amendment, and whether it stays where it is."""

    price: int
    size: int
    left: int
    visible: int
    keeps_place: bool


def naive_amended(order: Resting, asked: AmendOrder, event: OrderAmended) -> NaiveAmended:
    """What isn't named is as it was, and only what grows goes to the back."""
    price = order.price if asked.keeps_price is True else asked.price_ticks
    size = order.filled + order.left if asked.keeps_size is True else asked.size_lots
    visible = order.visible if isinstance(asked.visible_lots, UnsetType) else asked.visible_lots
    left = size - order.filled
    shown = min(left, visible - order.filled % visible) if visible else left
    grows = price != order.price or left > order.left or shown > order.shown
    after = NaiveAmended(price, size, left, visible, not grows)
    told = (event.price_ticks, event.size_lots, event.remaining_lots, event.visible_lots)
    if told != (price, size, left, asked.visible_lots) or event.kept_priority is grows:
        raise Differs(f"{event} is not {asked} of {order}")
    return after


def terms_as_new(
    order: Resting, held: int, post_only: bool, prevention: SelfTradePrevention
) -> PlaceOrder:
    """What is left of an order, with what it holds, as if it were placed now."""
    return PlaceOrder(
        order_id=order.order_id,
        account_id=order.account_id,
        side=Side.LONG if order.sign > 0 else Side.SHORT,
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTX if post_only else TimeInForce.GTC,
        price_ticks=order.price,
        size_lots=order.left,
        margin_units=order.named * order.left,
        leverage=order.leverage,
        hold_units=held,
        maker_fee_ppm=order.maker_fee_ppm,
        taker_fee_ppm=order.taker_fee_ppm,
        reduce_only=order.reduce_only,
        self_trade_prevention=prevention,
    )


def amended_condition(
    before: PlaceOrder, asked: AmendConditional, event: ConditionalAmended, mark: int
) -> PlaceOrder:
    """What was asked is changed and nothing else, and it doesn't fire at the mark as it is; asleep
    (without an arrival) it may."""
    trigger = before.trigger
    assert trigger is not None
    size_lots = asked.size_lots or before.size_lots
    changed = msgspec.structs.replace(
        trigger,
        price_ticks=asked.trigger_price_ticks or trigger.price_ticks,
        callback_ppm=asked.callback_ppm or trigger.callback_ppm,
    )
    after = msgspec.structs.replace(
        before,
        price_ticks=asked.price_ticks or before.price_ticks,
        size_lots=size_lots,
        margin_units=(
            before.margin_units
            if size_lots == before.size_lots
            else before.margin_units // before.size_lots * size_lots
        ),
        trigger=changed,
    )
    told = (event.price_ticks, event.size_lots, event.trigger_price_ticks, event.callback_ppm)
    if told != (after.price_ticks, size_lots, changed.price_ticks, changed.callback_ppm):
        raise Differs(f"{event} is not {asked} of {before}")
    if event.arrival and changed != trigger and _fires(after, mark):
        raise Differs(f"{event} fires at {mark}")
    return after


def _fires(terms: PlaceOrder, mark: int) -> bool:
    """By the mark, for what can be told without a history of prices."""
    trigger = terms.trigger
    assert trigger is not None
    if trigger.by is not TriggerBy.MARK or trigger.kind is TriggerKind.TRAILING_STOP:
        return False
    buys_up = (trigger.kind is TriggerKind.STOP) == (terms.side is Side.LONG)
    away = trigger.price_ticks - mark
    return away <= 0 if buys_up else away >= 0


def check_slippage_limit(terms: PlaceOrder, price: int, mark: int, band_ppm: int) -> None:
    """The furthest tick from the mark that is allowed."""
    assert terms.trigger is not None
    allowed = min(terms.trigger.max_slippage_ppm, band_ppm)
    room = Fraction(mark * allowed, 1_000_000)
    away = price - mark if terms.side is Side.LONG else mark - price
    if not 0 <= away <= room or (away + 1 <= room and price > 1):
        raise Differs(f"{terms} fired at {mark} with a limit of {price}")


def compare_rank(
    event: Trade, holdings: dict[int, Holding], units_per_tick_lot: int, mark: int
) -> None:
    """Nobody else is asked before the first in the ranking."""
    everybody = [(a, h.lots, h.cost, h.margin) for a, h in holdings.items()]
    lots = holdings.get(event.maker.account_id, Holding()).lots
    first = naive_ranking(units_per_tick_lot, mark, lots > 0, everybody)[0]
    if event.maker.account_id != first:
        raise Differs(f"{event} passes over account {first}")
