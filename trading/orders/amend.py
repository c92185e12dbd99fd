"""Changing an order that rests or waits: checked like a new one, with the further hold it needs.

Of a resting order price and size go to the engine whole. Of one that waits only what changes goes,
so that two changes on their way at once don't undo each other.

An engine decides on a new order moments before its row says so, and whoever was told may change it
at once. So an order that is pending in Postgres is changed by the terms it was placed with, and the
change goes behind it: nobody waits for the row, and the engine, which knows the order, judges.
"""

from dataclasses import replace

from django.db import transaction
from msgspec import structs

from common.errors import DomainError, ErrorCode, invalid
from ledger.models import EntryKind
from markets.conversions import lots_text, to_ms, to_ticks
from markets.rules import MarketRules, market_rules, market_ticker
from matching.messages.commands import AmendConditional, AmendOrder
from matching.messages.holds import order_reserve
from matching.messages.limits import MAX_ICEBERG_PARTS
from matching.messages.streams import Ticker
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
from trading.orders.draft import check_notional, draft_attached, draft_order
from trading.orders.hold import NOTHING_NEEDED, Needed, hold_money
from trading.orders.opening import check_may_open
from trading.orders.request import OrderChanges
from trading.orders.terms import OrderTerms, size_in_bounds, trigger_changed
from trading.selectors import TraderStanding

UNFIRED = (OrderStatus.ASLEEP, OrderStatus.WAITING)


@transaction.atomic
def amend_order(
    user_id: int, order_id: int, changes: OrderChanges, *, is_blocked: bool = False
) -> Order:
    """Ask the engine for another price, size or, while it waits, condition. ``is_blocked``: the
    country that is asked from, where only what reduces is changed. Raises DomainError.

    Fewer lots at the same price keep a resting order's place; any other change is a new arrival.
    """
    order = selectors.order_of_user(user_id, order_id)
    _check_amendable(order, changes)
    if not (order.reduce_only or order.close_position):
        check_may_open(user_id, is_blocked=is_blocked)
    rules = market_rules(order.market_id)
    if _is_waiting(order):
        command = _conditional(rules, order, changes)
        promise_command(rules.id, command, user_id, behind=_on_its_way(order))
    else:
        _amend_resting(rules, order, changes)
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
    rests = order.time_in_force in (TimeInForce.GTC, TimeInForce.GTX)
    return order.trigger_kind is not None or (rests and order.order_type == OrderType.LIMIT)


def _amend_resting(rules: MarketRules, order: Order, changes: OrderChanges) -> None:
    price_ticks, size_lots = _read(rules, order, changes)
    if order.visible_lots and size_lots > order.visible_lots * MAX_ICEBERG_PARTS:
        most = lots_text(order.visible_lots * MAX_ICEBERG_PARTS, rules.lot_size)
        message = f"qty must be at most {most}, for what the book shows of it."
        raise invalid("qty", message, ErrorCode.INVALID_SIZE)
    remaining_lots = size_lots - order.filled_lots
    extra = NOTHING_NEEDED
    if price_ticks != order.price_ticks or remaining_lots > order.remaining_lots:
        check_notional(rules, price_ticks, size_lots, order.reduce_only)
        extra = _extra_hold(rules, order, price_ticks, remaining_lots)
    if extra.total_units:
        hold_money(order.user_id, rules.id, EntryKind.AMEND_HOLD, extra, order.pk)
    command = AmendOrder(
        command_id=NOT_YET,
        order_id=order.pk,
        account_id=order.user_id,
        price_ticks=price_ticks,
        size_lots=size_lots,
        hold_units=extra.total_units,
    )
    promise_command(rules.id, command, order.user_id, behind=_on_its_way(order))


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
    same_size = size_lots - order.filled_lots == order.remaining_lots
    if price_ticks == order.price_ticks and same_size:
        message = "Nothing would change: give another price or qty."
        raise DomainError(ErrorCode.NOTHING_TO_AMEND, message)
    return price_ticks, size_lots


def _conditional(rules: MarketRules, order: Order, changes: OrderChanges) -> AmendConditional:
    """What is asked of an order that waits, as it differs from what is."""
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
            raise invalid("qty", message, ErrorCode.INVALID_SIZE)
        size_lots = size_in_bounds(rules, changes.qty)
        margin_units = terms.margin_units // terms.size_lots * size_lots
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
        leverage_named=True,
        max_slippage_ppm=order.max_slippage_ppm,
        slippage_named=False,
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


def _extra_hold(rules: MarketRules, order: Order, price_ticks: int, remaining_lots: int) -> Needed:
    """What the order would hold if it were placed now, beyond what it holds."""
    terms = OrderTerms(
        side=Side(order.side),
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce(order.time_in_force),
        limit_ticks=price_ticks,
        size_lots=remaining_lots,
        margin_units=order.margin_units // order.size_lots * remaining_lots,
        leverage=order.leverage,
        leverage_named=True,
        max_slippage_ppm=0,
        slippage_named=False,
        reduce_only=order.reduce_only,
        close_position=False,
        expires_ms=to_ms(order.expires_at),
        trigger=None,
        client_order_id=None,
        self_trade_prevention=SelfTradePrevention(order.self_trade_prevention),
    )
    standing, ticker = _standing(order, rules), market_ticker(rules.id)
    draft = draft_order(rules, ticker, standing, terms, is_new=False)
    held_units = order.held_units
    if order.status == OrderStatus.PENDING:
        held_units = min(held_units, _held_at_rest(rules, order, ticker))
    return replace(draft.needed, already_held_units=held_units)


def _held_at_rest(rules: MarketRules, order: Order, ticker: Ticker) -> int:
    """What its engine leaves a new order once it rests: a short that might have met bids gives the
    difference to them back, and what takes its price from the book held for the worst of it, so
    nothing is counted on. What is brought beyond need goes back, too."""
    if order.price_match:
        return 0
    reserve = order_reserve(
        units_per_tick_lot=rules.units_per_tick_lot,
        taker_fee_ppm=order.taker_fee_ppm,
        side=Side(order.side),
        order_type=OrderType.LIMIT,
        price_ticks=order.price_ticks,
        mark_ticks=ticker.mark_price_ticks,
        best_bid_ticks=0,
        named_margin_per_lot_units=order.margin_units // order.size_lots,
        leverage=order.leverage,
    )
    return Needed.of(reserve, order.size_lots).total_units
