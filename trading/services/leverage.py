"""A position's margin, and the leverage a trader sets for a market."""

from http import HTTPStatus

from django.db import transaction

from exchange_site.api import ApiError, invalid
from matching.messages.commands import AdjustMargin
from matching.messages.holds import ceil_div
from trading import selectors
from trading.conversions import to_decimal, to_units, units_text
from trading.market_rules import MarketRules, market_rules, market_ticker
from trading.models import LIVE_STATUSES, Order, Position, TraderLeverage
from trading.outbox import NOT_YET, promise_command
from trading.services.holding import MARGIN_HOLD, hold_money
from trading.services.terms import read_leverage


@transaction.atomic
def adjust_margin(user_id: int, market_id: str, amount: object) -> int:
    """Ask the engine to add margin to the position, or below zero to take some out. What is added
    is held until it has. Raises ApiError."""
    rules = market_rules(market_id)
    number = to_decimal(amount, "amount")
    if not number:
        raise invalid("amount", "amount must be above or below zero.", "INVALID_AMOUNT")
    amount_units = to_units(number.copy_abs())  # abs() would round
    position = selectors.open_position(user_id, market_id)
    if position is None:
        message = f"There is no position in {market_id} to give margin to or take it from."
        raise ApiError(HTTPStatus.BAD_REQUEST, "NO_POSITION", message)
    if number > 0:
        hold_money(user_id, market_id, MARGIN_HOLD, amount_units)
    else:
        _check_removal(rules, position, amount_units)
    signed_units = amount_units if number > 0 else -amount_units
    command = AdjustMargin(command_id=NOT_YET, account_id=user_id, amount_units=signed_units)
    return promise_command(market_id, command, user_id)


def _check_removal(rules: MarketRules, position: Position, amount_units: int) -> None:
    mark_ticks = market_ticker(rules.id).mark_price_ticks
    if not mark_ticks:
        message = f"{rules.id} has no mark price yet. Try again shortly."
        raise ApiError(HTTPStatus.BAD_REQUEST, "NO_MARK_PRICE", message)
    most_units = rules.tiers.removable_margin_units(
        position.position_lots, position.entry_cost_units, position.margin_units, mark_ticks
    )
    if amount_units > most_units:
        message = f"At most {units_text(most_units)} of the margin can be taken out now."
        raise invalid("amount", message, "INSUFFICIENT_MARGIN")


@transaction.atomic
def set_leverage(user_id: int, market_id: str, value: object) -> TraderLeverage:
    """The leverage of orders to come that name neither margin nor leverage. Raises ApiError: it may
    not be lowered below what open orders and the position have, nor be above the position's
    tier."""
    rules = market_rules(market_id)
    leverage = read_leverage(rules, value)
    current = TraderLeverage.objects.filter(user_id=user_id, market_id=market_id).first()
    position = selectors.open_position(user_id, market_id)
    mark_ticks = market_ticker(market_id).mark_price_ticks
    if position is not None:
        notional_units = rules.units_per_tick_lot * abs(position.position_lots) * mark_ticks
        most = rules.tiers.tier_of(notional_units).max_leverage
        if leverage > most:
            message = f"leverage must be at most {most} while the position is this large."
            raise invalid("leverage", message, "MAX_POSITION")
    if current is None or leverage < current.leverage:
        used = max(_of_position(position), _of_orders(rules, user_id))
        if leverage < used:
            message = (
                f"Open orders and the position have leverage {used}: cancel, close or add margin "
                f"before setting less, or set at least {used}."
            )
            raise invalid("leverage", message, "LEVERAGE_IN_USE")
    row, _ = TraderLeverage.objects.update_or_create(
        user_id=user_id, market_id=market_id, defaults={"leverage": leverage}
    )
    return row


def _of_position(position: Position | None) -> int:
    if position is None:
        return 0
    return ceil_div(abs(position.entry_cost_units), max(1, position.margin_units))


def _of_orders(rules: MarketRules, user_id: int) -> int:
    orders = Order.objects.filter(
        user_id=user_id, market_id=rules.id, status__in=LIVE_STATUSES, reduce_only=False
    )
    return max((_of_order(rules, order) for order in orders), default=0)


def _of_order(rules: MarketRules, order: Order) -> int:
    if not order.margin_units:
        return order.leverage
    notional_units = rules.units_per_tick_lot * order.price_ticks * order.size_lots
    return max(1, notional_units // order.margin_units)
