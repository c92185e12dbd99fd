"""Changing a resting order.

Theory of operation. Fewer lots at the same price keep the order's place; any other change is a new
arrival: the order leaves the book with its reserve and whatever hold the amendment brought, passes
the checks of a new order of that price and remaining size, and meets the book again. If it would
not pass, nothing changes and what was brought goes back.
"""

from matching.core.book.book import Order
from matching.core.market.position import reducible_lots
from matching.core.market.state import Account, State, Turn
from matching.core.orders.place import execute
from matching.core.orders.refusals import (
    refused_by_exposure,
    refused_by_margin,
    refused_by_price,
    state_allows,
)
from matching.messages.commands import AmendOrder, MarketConfig, PlaceOrder
from matching.messages.events import AmendRejected, OrderAmended
from matching.messages.limits import MAX_ICEBERG_PARTS, MAX_NOTIONAL_UNITS
from matching.messages.vocabulary import (
    CancelReason,
    OrderType,
    RejectCode,
    Side,
    TimeInForce,
)


def on_amend_order(state: State, command: AmendOrder, turn: Turn) -> None:
    config = state.config
    order = state.book.orders.get(command.order_id)
    code = None
    if config is None or order is None:
        code = RejectCode.UNKNOWN_ORDER
    elif order.account_id != command.account_id:
        code = RejectCode.NOT_ORDER_OWNER
    if code is not None or config is None or order is None:
        _reject(command, code or RejectCode.UNKNOWN_ORDER, turn)
        return
    remaining = command.size_lots - order.filled_lots
    code = _refusal(state, config, order, command, remaining)
    if code is not None:
        _reject(command, code, turn)
        return
    account = state.account(order.account_id, turn)
    if command.price_ticks == order.price_ticks and remaining < order.remaining_lots:
        _shrink(state, order, account, command, remaining, turn)
    else:
        _replace(state, config, order, account, command, remaining, turn)


def _reject(command: AmendOrder, code: RejectCode, turn: Turn) -> None:
    turn.events.append(
        AmendRejected(
            order_id=command.order_id,
            account_id=command.account_id,
            code=code,
            released_units=command.hold_units,
        )
    )


def _refusal(
    state: State, config: MarketConfig, order: Order, command: AmendOrder, remaining: int
) -> RejectCode | None:
    if remaining <= 0 or not config.min_size_lots <= command.size_lots <= config.max_size_lots:
        return RejectCode.INVALID_SIZE
    same_price = command.price_ticks == order.price_ticks
    if same_price and remaining == order.remaining_lots:
        return RejectCode.NOTHING_TO_AMEND
    if same_price and remaining < order.remaining_lots:
        return None
    if order.visible_lots and command.size_lots > order.visible_lots * MAX_ICEBERG_PARTS:
        return RejectCode.INVALID_SIZE
    notional = config.units_per_tick_lot * command.price_ticks * command.size_lots
    if notional > MAX_NOTIONAL_UNITS:
        return RejectCode.INVALID_SIZE
    if notional < config.min_notional_units and not order.reduce_only:
        return RejectCode.MIN_NOTIONAL
    if not state.has_room_for(command.hold_units):
        return RejectCode.MARKET_FULL
    as_new = _as_new(order, command, remaining)
    if not state_allows(state, as_new):
        return RejectCode.MARKET_STATE
    return (
        refused_by_price(state, config, as_new)
        or refused_by_exposure(state, config, as_new)
        or (None if order.reduce_only else refused_by_margin(state, as_new))
    )


def _as_new(order: Order, command: AmendOrder, remaining: int) -> PlaceOrder:
    """What remains of the order, with what it holds, as if it were placed now."""
    return PlaceOrder(
        order_id=order.order_id,
        account_id=order.account_id,
        side=Side.LONG if order.is_long else Side.SHORT,
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTX if order.post_only else TimeInForce.GTC,
        price_ticks=command.price_ticks,
        size_lots=remaining,
        margin_units=order.named_margin_per_lot_units * remaining,
        leverage=order.leverage,
        hold_units=order.reserve_per_lot_units * order.remaining_lots + command.hold_units,
        maker_fee_ppm=order.maker_fee_ppm,
        taker_fee_ppm=order.taker_fee_ppm,
        reduce_only=order.reduce_only,
        self_trade_prevention=order.self_trade_prevention,
    )


def _shrink(
    state: State, order: Order, account: Account, command: AmendOrder, remaining: int, turn: Turn
) -> None:
    gone = order.remaining_lots - remaining
    released = order.reserve_per_lot_units * gone
    state.held_units -= released
    state.wallets_units -= released
    state.take_lots(order, account, gone)
    _tell(order, command, True, released + command.hold_units, turn)


def _replace(
    state: State,
    config: MarketConfig,
    order: Order,
    account: Account,
    command: AmendOrder,
    remaining: int,
    turn: Turn,
) -> None:
    as_new = _as_new(order, command, remaining)
    before = order.reserve_per_lot_units * order.remaining_lots
    state.take_lots(order, account, order.remaining_lots)
    state.last_arrival += 1
    order.arrival = state.last_arrival
    order.price_ticks = command.price_ticks
    order.remaining_lots = remaining
    order.reserve_per_lot_units = as_new.hold_units // remaining
    after = order.reserve_per_lot_units * remaining
    state.held_units += after - before
    state.wallets_units += after - before
    _tell(order, command, False, as_new.hold_units - after, turn)
    if order.reduce_only:
        closable = reducible_lots(account.position_lots, order.is_long)
        if remaining > closable:
            state.cancel(order, account, CancelReason.REDUCE_ONLY, turn, remaining - closable)
    execute(state, config, order, account, as_new, turn)


def _tell(
    order: Order, command: AmendOrder, kept_priority: bool, released: int, turn: Turn
) -> None:
    turn.events.append(
        OrderAmended(
            order_id=order.order_id,
            account_id=order.account_id,
            price_ticks=order.price_ticks,
            size_lots=command.size_lots,
            remaining_lots=order.remaining_lots,
            kept_priority=kept_priority,
            brought_units=command.hold_units,
            released_units=released,
        )
    )
