"""A position's margin, and the leverage a trader sets for a market."""

from django.db import IntegrityError, transaction
from msgspec import structs

from common.errors import DomainError, ErrorCode, invalid
from common.idempotency import key_reused
from ledger.models import EntryKind
from markets.conversions import to_decimal, to_units, units_text
from markets.rules import MarketRules, market_rules, market_ticker
from matching.messages.commands import AdjustMargin
from matching.messages.holds import ceil_div
from trading import selectors
from trading.commands.outbox import NOT_YET, command_of_row, promise_command
from trading.models import LIVE_STATUSES, Order, OutboxCommand, Position, TraderLeverage
from trading.orders.hold import Needed, hold_money
from trading.orders.terms import read_leverage
from trading.positions.figures import leverage_chosen


def adjust_margin(
    user_id: int, market_id: str, amount: object, idempotency_key: str | None = None
) -> int:
    """Ask the engine to add margin to the position, or below zero to take some out. What is added
    is held until it has. Raises DomainError.

    The same key again answers the first command and moves nothing.
    """
    rules = market_rules(market_id)
    number = to_decimal(amount, "amount")
    if not number:
        raise invalid("amount", "amount must be above or below zero.", ErrorCode.INVALID_AMOUNT)
    # copy_abs: abs() would round to the digits of the context.
    amount_units = to_units(number.copy_abs())
    command = AdjustMargin(
        command_id=NOT_YET,
        account_id=user_id,
        amount_units=amount_units if number > 0 else -amount_units,
    )
    if first := _first_under(user_id, idempotency_key):
        return _repeated(first, market_id, command)
    try:
        return _promise_margin(rules, command, idempotency_key)
    except IntegrityError:
        # Another request with this key was faster; Postgres made this one wait for it.
        if first := _first_under(user_id, idempotency_key):
            return _repeated(first, market_id, command)
        raise


def _first_under(user_id: int, idempotency_key: str | None) -> OutboxCommand | None:
    if idempotency_key is None:
        return None
    return selectors.command_under_key(user_id, idempotency_key)


def _repeated(first: OutboxCommand, market_id: str, command: AdjustMargin) -> int:
    was = command_of_row(first)
    assert isinstance(was, AdjustMargin)  # noqa: S101  only they have keys
    if (first.market_id, was.amount_units) != (market_id, command.amount_units):
        amount = units_text(was.amount_units)
        raise key_reused(f"a margin change of {amount} in {first.market_id}")
    return first.pk


@transaction.atomic
def _promise_margin(rules: MarketRules, command: AdjustMargin, idempotency_key: str | None) -> int:
    user_id, amount_units = command.account_id, command.amount_units
    position = selectors.open_position(user_id, rules.id)
    if position is None:
        message = f"There is no position in {rules.id} to give margin to or take it from."
        raise DomainError(ErrorCode.NO_POSITION, message)
    leverage = leverage_chosen(position, selectors.leverages_set(user_id).get(rules.id))
    if amount_units > 0:
        hold_money(user_id, rules.id, EntryKind.MARGIN_HOLD, Needed(margin_units=amount_units))
    else:
        _check_removal(rules, position, leverage, -amount_units)
    command = structs.replace(command, leverage=leverage)
    return promise_command(rules.id, command, user_id, idempotency_key=idempotency_key)


def _check_removal(
    rules: MarketRules, position: Position, leverage: int, amount_units: int
) -> None:
    mark_ticks = market_ticker(rules.id).mark_price_ticks
    if not mark_ticks:
        message = f"{rules.id} has no mark price yet. Try again shortly."
        raise DomainError(ErrorCode.NO_MARK_PRICE, message)
    most_units = rules.tiers.removable_margin_units(
        position.position_lots,
        position.entry_cost_units,
        position.margin_units,
        mark_ticks,
        leverage,
    )
    if amount_units > most_units:
        message = f"At most {units_text(most_units)} of the margin can be taken out now."
        if not most_units:
            message = "None of the margin can be taken out now: the position needs all of it."
        raise invalid("amount", message, ErrorCode.INSUFFICIENT_MARGIN)


@transaction.atomic
def set_leverage(user_id: int, market_id: str, value: object) -> TraderLeverage:
    """The leverage of orders to come that name neither margin nor leverage, and of the position as
    far as it is more than its own. Raises DomainError: it may not be lowered below what open orders
    and the position have, nor be raised above the position's tier. What is set already, and the
    most that the position's tier allows, can always be set."""
    rules = market_rules(market_id)
    leverage = read_leverage(rules, value)
    current = selectors.leverages_set(user_id).get(market_id)
    if leverage != current:
        _check_leverage(rules, user_id, current, leverage)
    row, _ = TraderLeverage.objects.update_or_create(
        user_id=user_id, market_id=market_id, defaults={"leverage": leverage}
    )
    return row


def _check_leverage(rules: MarketRules, user_id: int, current: int | None, leverage: int) -> None:
    position = selectors.open_position(user_id, rules.id)
    most = _most_allowed(rules, position)
    if leverage > most:
        message = f"leverage must be at most {most} while the position is this large."
        raise invalid("leverage", message, ErrorCode.MAX_POSITION)
    if current is not None and leverage > current:
        return
    used = min(most, max(_of_position(position), _of_orders(rules, user_id)))
    if leverage < used:
        message = (
            f"Open orders and the position have leverage {used}: cancel, close or add margin "
            f"before setting less, or set at least {used}."
        )
        raise invalid("leverage", message, ErrorCode.LEVERAGE_IN_USE)


def _most_allowed(rules: MarketRules, position: Position | None) -> int:
    if position is None:
        return rules.max_leverage
    mark_ticks = market_ticker(rules.id).mark_price_ticks
    notional_units = rules.units_per_tick_lot * abs(position.position_lots) * mark_ticks
    return rules.tiers.tier_of(notional_units).max_leverage


def _of_position(position: Position | None) -> int:
    """What it cost over its margin, in whole: not what it has at the mark, which moves without its
    trader's doing. It is less after margin was added. Payments and losses make
    it more, but not more than its orders had: nobody chose that."""
    if position is None:
        return 0
    now = ceil_div(abs(position.entry_cost_units), max(1, position.margin_units))
    return min(now, position.leverage) if position.leverage else now


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
