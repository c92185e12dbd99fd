"""Changing an order that rests or waits: checked like a new one, with the further hold it needs.

A command says what is changed, and the engine keeps the rest as it has it: so of two amendments
that are on their way at once neither undoes the other. What is checked here, and the hold, are of
the order as it will be when the command comes to it (`expected`).

An engine decides on a new order moments before its row says so, and whoever was told may change it
at once. So an order that is pending in Postgres is changed by the terms it was placed with, and the
change goes behind it: nobody waits for the row, and the engine, which knows the order, judges.
"""

from dataclasses import replace

from django.db import transaction
from msgspec import UNSET, structs

from common.errors import DomainError, ErrorCode, invalid
from ledger.models import EntryKind
from markets.conversions import lots_text, to_ms, to_ticks
from markets.rules import MarketRules, market_rules, market_ticker
from matching.messages.commands import AmendConditional, AmendOrder
from matching.messages.holds import margin_of_size, order_reserve
from matching.messages.limits import MAX_ICEBERG_PARTS, lots_shown
from matching.messages.vocabulary import (
    OrderStatus,
    OrderType,
    SelfTradePrevention,
    Side,
    TimeInForce,
)
from trading import selectors
from trading.commands.order_command import command_of_order
from trading.commands.outbox import NOT_YET, promise_command
from trading.models import Order
from trading.orders.amending.expected import as_changed, as_expected
from trading.orders.draft import check_notional, draft_attached, draft_order
from trading.orders.hold import NOTHING_NEEDED, Needed, hold_money
from trading.orders.opening import check_may_open
from trading.orders.request import OrderChanges
from trading.orders.terms import (
    OrderTerms,
    check_may_hide,
    size_in_bounds,
    trigger_changed,
    visible_in_bounds,
)
from trading.selectors import TraderStanding

UNFIRED = (OrderStatus.ASLEEP, OrderStatus.WAITING)


@transaction.atomic
def amend_order(
    user_id: int, order_id: int, changes: OrderChanges, *, is_blocked: bool = False
) -> Order:
    """Ask the engine for another price, size, part to be shown or, while it waits, condition.
    ``is_blocked``: the country that is asked from, where only what reduces is changed. Raises
    DomainError.

    At the same price no more lots, and no more of them shown, keep a resting order's place; any
    other change is a new arrival.
    """
    order, on_their_way = selectors.order_to_amend(user_id, order_id)
    expected = as_expected(order, on_their_way)
    _check_amendable(expected, changes)
    if not (order.reduce_only or order.close_position):
        check_may_open(user_id, is_blocked=is_blocked)
    rules = market_rules(order.market_id)
    command: AmendOrder | AmendConditional
    if _is_waiting(order):
        command = _conditional(rules, expected, changes)
    else:
        is_settled = order.status == OrderStatus.OPEN and not on_their_way
        command = _resting(rules, expected, changes, is_settled=is_settled)
    promise_command(rules.id, command, user_id, behind=_on_its_way(order))
    return order


def _is_waiting(order: Order) -> bool:
    """For its condition; of a pending one, once its engine has it."""
    is_new = order.status == OrderStatus.PENDING and order.trigger_kind is not None
    return order.status in UNFIRED or is_new


def _on_its_way(order: Order) -> list[Order]:
    """The engine may not have it yet, if Redis was away when it was placed."""
    return [order] if order.status == OrderStatus.PENDING else []


def _check_amendable(order: Order, changes: OrderChanges) -> None:
    code = ErrorCode.NOT_AMENDABLE
    if order.status not in (OrderStatus.OPEN, *UNFIRED) and not _may_come_to_rest(order):
        message = (
            f"Order {order.pk} is {order.status}: only an open or waiting order can be amended."
        )
        raise DomainError(code, message)
    if order.triggered_at is not None and order.status == OrderStatus.WAITING:
        raise DomainError(code, f"Order {order.pk} has fired and waits for its hold.")
    if order.status == OrderStatus.PENDING and order.price_match and changes.price is None:
        message = f"Order {order.pk} is on its way to its price: name one, or try again."
        raise DomainError(code, message, "price")
    if changes.trigger is not None and not _is_waiting(order):
        why = "its trigger has fired" if order.trigger_kind else "it has no trigger"
        message = f"Order {order.pk} is {order.status}: {why}. Leave trigger out."
        raise DomainError(code, message, "trigger")


def _may_come_to_rest(order: Order) -> bool:
    """A new one whose engine may have put it in the book or has it wait, as far as its row says."""
    if order.status != OrderStatus.PENDING:
        return False
    rests = order.order_type == OrderType.LIMIT and TimeInForce(order.time_in_force).may_rest
    return order.trigger_kind is not None or rests


def _resting(
    rules: MarketRules, order: Order, changes: OrderChanges, *, is_settled: bool
) -> AmendOrder:
    """``is_settled``: all that was asked of it is in its row, so it holds what that says."""
    price_ticks, size_lots = _read(rules, order, changes)
    visible_lots = _read_visible(rules, order, changes, size_lots)
    after = as_changed(order, price_ticks, size_lots, visible_lots)
    if _terms_of_place(after) == _terms_of_place(order):
        message = "Nothing would change: give another price, qty or visible_qty."
        raise DomainError(ErrorCode.NOTHING_TO_AMEND, message).naming("visible_qty")
    extra = NOTHING_NEEDED
    if not _keeps_place(order, after):
        check_notional(rules, price_ticks, size_lots, order.reduce_only)
        held_units = order.held_units if is_settled else _held_at_least(rules, order)
        extra = replace(_needed(rules, after), already_held_units=held_units)
    if extra.total_units:
        hold_money(order.user_id, rules.id, EntryKind.AMEND_HOLD, extra, order.pk)
    return AmendOrder(
        command_id=NOT_YET,
        order_id=order.pk,
        account_id=order.user_id,
        price_ticks=price_ticks,
        size_lots=size_lots,
        hold_units=extra.total_units,
        keeps_price=changes.price is None or UNSET,
        keeps_size=changes.qty is None or UNSET,
        visible_lots=UNSET if changes.visible_qty is None else visible_lots,
    )


def _terms_of_place(order: Order) -> tuple[int, int, int]:
    return order.price_ticks, order.remaining_lots, order.visible_lots


def _keeps_place(before: Order, after: Order) -> bool:
    """As the engine says it (`matching.core.orders.amend`): nothing grows that others stand
    behind."""
    return (
        after.price_ticks == before.price_ticks
        and after.remaining_lots <= before.remaining_lots
        and _lots_shown(after) <= _lots_shown(before)
    )


def _lots_shown(order: Order) -> int:
    return lots_shown(order.visible_lots, order.filled_lots, order.remaining_lots)


def _read(rules: MarketRules, order: Order, changes: OrderChanges) -> tuple[int, int]:
    """New price and whole size."""
    price_ticks = order.price_ticks
    size_lots = order.filled_lots + order.remaining_lots
    if changes.price is not None:
        price_ticks = to_ticks(changes.price, rules.tick_size)
    if changes.qty is not None:
        size_lots = size_in_bounds(rules, changes.qty)
    if size_lots <= order.filled_lots:
        filled = lots_text(order.filled_lots, rules.lot_size)
        raise invalid(
            "qty", f"qty must be above {filled}, which is filled.", ErrorCode.INVALID_SIZE
        )
    return price_ticks, size_lots


def _read_visible(rules: MarketRules, order: Order, changes: OrderChanges, size_lots: int) -> int:
    if changes.visible_qty is not None:
        time_in_force = TimeInForce(order.time_in_force)
        check_may_hide(OrderType.LIMIT, time_in_force, is_conditional=False)
        return visible_in_bounds(rules, changes.visible_qty, size_lots)
    if order.visible_lots and size_lots > order.visible_lots * MAX_ICEBERG_PARTS:
        most = lots_text(order.visible_lots * MAX_ICEBERG_PARTS, rules.lot_size)
        message = f"qty must be at most {most}, for what the book shows of it."
        raise invalid("qty", message, ErrorCode.INVALID_SIZE)
    return order.visible_lots


def _conditional(rules: MarketRules, order: Order, changes: OrderChanges) -> AmendConditional:
    """What is asked of an order that waits, as it differs from what is."""
    if changes.visible_qty is not None:
        check_may_hide(
            OrderType(order.order_type), TimeInForce(order.time_in_force), is_conditional=True
        )
    before = _terms_waiting(order)
    terms = _terms_changed(rules, before, changes, is_attached=order.parent_id is not None)
    if terms == before:
        message = "Nothing would change: give another price, qty or trigger."
        raise DomainError(ErrorCode.NOTHING_TO_AMEND, message)
    ticker, standing = market_ticker(rules.id), _standing(order, rules)
    if order.status == OrderStatus.ASLEEP or (_on_its_way(order) and order.parent_id is not None):
        draft = draft_attached(rules, ticker, standing, terms)
    else:
        draft = draft_order(rules, ticker, standing, terms, is_new=False)
    asked, was = draft.columns(), _columns_waiting(order)
    differing = {name: asked[name] if asked[name] != was[name] else 0 for name in was}
    return AmendConditional(
        command_id=NOT_YET,
        order_id=order.pk,
        account_id=order.user_id,
        price_ticks=differing["price_ticks"],
        size_lots=differing["size_lots"],
        trigger_price_ticks=differing["trigger_price_ticks"],
        callback_ppm=differing["trigger_callback_ppm"],
    )


def _columns_waiting(order: Order) -> dict[str, int]:
    return {
        "price_ticks": order.price_ticks,
        "size_lots": order.size_lots,
        "trigger_price_ticks": order.trigger_price_ticks,
        "trigger_callback_ppm": order.trigger_callback_ppm,
    }


def _terms_changed(
    rules: MarketRules, terms: OrderTerms, changes: OrderChanges, *, is_attached: bool
) -> OrderTerms:
    if changes.price is not None:
        if terms.order_type is OrderType.MARKET:
            message = "A market order has no price: change trigger.price."
            raise invalid("price", message, ErrorCode.INVALID_PRICE)
        terms = structs.replace(terms, limit_ticks=to_ticks(changes.price, rules.tick_size))
    if changes.qty is not None:
        if is_attached:
            message = "An attached order is as large as what is filled of its entry: leave qty out."
            raise invalid("qty", message, ErrorCode.INVALID_SIZE)
        if terms.close_position:
            message = "A close_position order closes all there is then: leave qty out."
            raise invalid("qty", message, ErrorCode.INVALID_SIZE).naming("close_position")
        size_lots = size_in_bounds(rules, changes.qty)
        margin_units = margin_of_size(terms.margin_units, terms.size_lots, size_lots)
        terms = structs.replace(terms, size_lots=size_lots, margin_units=margin_units)
    if changes.trigger is not None and terms.trigger is not None:
        terms = structs.replace(
            terms, trigger=trigger_changed(rules, terms.trigger, changes.trigger)
        )
    return terms


def _terms_waiting(order: Order) -> OrderTerms:
    command = command_of_order(order)
    return OrderTerms(
        side=command.side,
        order_type=command.order_type,
        time_in_force=command.time_in_force,
        limit_ticks=command.price_ticks if command.order_type is OrderType.LIMIT else 0,
        size_lots=command.size_lots,
        margin_units=command.margin_units,
        leverage=command.leverage,
        max_slippage_ppm=order.max_slippage_ppm,
        reduce_only=command.reduce_only,
        close_position=command.close_position,
        expires_ms=command.expires_ms,
        trigger=command.trigger,
        client_order_id=None,
        self_trade_prevention=command.self_trade_prevention,
    )


def _standing(order: Order, rules: MarketRules) -> TraderStanding:
    """Of the order's owner now, with the fees it was placed with."""
    return replace(
        selectors.trader_standing(order.user_id, rules),
        maker_fee_ppm=order.maker_fee_ppm,
        taker_fee_ppm=order.taker_fee_ppm,
    )


def _needed(rules: MarketRules, order: Order) -> Needed:
    """What is left of the order would hold if it were placed now. Raises DomainError where that
    would be refused."""
    remaining_lots = order.remaining_lots
    terms = OrderTerms(
        side=Side(order.side),
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce(order.time_in_force),
        limit_ticks=order.price_ticks,
        size_lots=remaining_lots,
        margin_units=_margin_per_lot(order) * remaining_lots,
        leverage=order.leverage,
        max_slippage_ppm=0,
        reduce_only=order.reduce_only,
        close_position=False,
        expires_ms=to_ms(order.expires_at),
        trigger=None,
        client_order_id=None,
        self_trade_prevention=SelfTradePrevention(order.self_trade_prevention),
    )
    standing, ticker = _standing(order, rules), market_ticker(rules.id)
    return draft_order(rules, ticker, standing, terms, is_new=False).needed


def _held_at_least(rules: MarketRules, order: Order) -> int:
    """What its engine leaves an order, of what is brought for it, once it rests: a short that might
    have met bids gives the difference to them back, and what takes its price from the book held for
    the worst of it, so nothing is counted on. What is brought beyond need goes back, too."""
    if order.price_match:
        return 0
    reserve = order_reserve(
        units_per_tick_lot=rules.units_per_tick_lot,
        taker_fee_ppm=order.taker_fee_ppm,
        side=Side(order.side),
        order_type=OrderType.LIMIT,
        price_ticks=order.price_ticks,
        mark_ticks=market_ticker(rules.id).mark_price_ticks,
        best_bid_ticks=0,
        named_margin_per_lot_units=_margin_per_lot(order),
        leverage=order.leverage,
    )
    return min(order.held_units, Needed.of(reserve, order.remaining_lots).total_units)


def _margin_per_lot(order: Order) -> int:
    """That its trader named; 0 where leverage decides."""
    return order.margin_units // order.size_lots
