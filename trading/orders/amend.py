"""Changing a resting order: checked like a new one, with the further hold the change needs."""

from dataclasses import replace

from django.db import transaction

from common.errors import DomainError, ErrorCode, invalid
from ledger.models import EntryKind
from markets.conversions import lots_text, to_ms, to_ticks
from markets.rules import MarketRules, market_rules, market_ticker
from matching.messages.commands import AmendOrder
from matching.messages.vocabulary import (
    OrderStatus,
    OrderType,
    SelfTradePrevention,
    Side,
    TimeInForce,
)
from trading import selectors
from trading.commands.outbox import NOT_YET, promise_command
from trading.models import Order
from trading.orders.draft import check_notional, draft_order
from trading.orders.hold import NOTHING_NEEDED, Needed, hold_money
from trading.orders.opening import check_may_open
from trading.orders.request import OrderChanges
from trading.orders.terms import OrderTerms, size_in_bounds


@transaction.atomic
def amend_order(
    user_id: int, order_id: int, changes: OrderChanges, *, is_blocked: bool = False
) -> Order:
    """Ask the engine for another price, size or both. ``is_blocked``: the country that is asked
    from, where only what reduces is changed. Raises DomainError.

    Fewer lots at the same price keep the order's place; any other change is a new arrival.
    """
    order = selectors.order_of_user(user_id, order_id)
    if order.status != OrderStatus.OPEN:
        message = f"Order {order.pk} is {order.status}: only an open order can be amended."
        raise DomainError(ErrorCode.NOT_AMENDABLE, message)
    if not (order.reduce_only or order.close_position):
        check_may_open(user_id, is_blocked=is_blocked)
    rules = market_rules(order.market_id)
    price_ticks, size_lots = _read(rules, order, changes)
    remaining_lots = size_lots - order.filled_lots
    extra = NOTHING_NEEDED
    if price_ticks != order.price_ticks or remaining_lots > order.remaining_lots:
        check_notional(rules, price_ticks, size_lots, order.reduce_only)
        extra = _extra_hold(rules, order, price_ticks, remaining_lots)
    if extra.total_units:
        hold_money(user_id, rules.id, EntryKind.AMEND_HOLD, extra, order.pk)
    command = AmendOrder(
        command_id=NOT_YET,
        order_id=order.pk,
        account_id=user_id,
        price_ticks=price_ticks,
        size_lots=size_lots,
        hold_units=extra.total_units,
    )
    promise_command(rules.id, command, user_id)
    return order


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
    standing = replace(
        selectors.trader_standing(order.user_id, rules),
        maker_fee_ppm=order.maker_fee_ppm,
        taker_fee_ppm=order.taker_fee_ppm,
    )
    draft = draft_order(rules, market_ticker(rules.id), standing, terms, is_new=False)
    return replace(draft.needed, already_held_units=order.held_units)
