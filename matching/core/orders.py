"""Placing and cancelling orders.

Theory of operation. A placed order is either refused with one code and its whole hold given back,
or accepted; every check that can refuse comes before the first change. An accepted order is
clamped to what it may do (reduce-only), meets the book, and what is left of it rests or is
cancelled, as its time in force says. Nothing it held is kept once its lots are filled or gone.
"""

from matching.core.book import Order
from matching.core.matcher import crosses, fills_whole, match, trim_reduce_only
from matching.core.position import reducible_lots
from matching.core.state import Account, State, Turn
from matching.messages.commands import (
    CancelAllOrders,
    CancelOrder,
    MarketConfig,
    PlaceOrder,
)
from matching.messages.events import CancelRejected, OrderAccepted, OrderRejected, OrderRested
from matching.messages.holds import (
    band_edges,
    ceil_div,
    fee_units,
    margin_per_lot,
    open_loss_per_lot,
    reserve_per_lot,
)
from matching.messages.limits import MAX_NOTIONAL_UNITS
from matching.messages.vocabulary import (
    CancelReason,
    MarketState,
    OrderType,
    RejectCode,
    Side,
    TimeInForce,
)


def on_place_order(state: State, command: PlaceOrder, turn: Turn) -> None:
    order_id = command.order_id
    if order_id in state.recent_orders or order_id in state.book.orders:
        return
    config = state.config
    code = RejectCode.TOO_OLD if state.recent_orders.is_too_old(order_id) else None
    if code is None:
        code = refusal(state, command)
    state.recent_orders.add(order_id)
    if code is not None or config is None:
        turn.events.append(
            OrderRejected(
                order_id=order_id,
                account_id=command.account_id,
                code=code or RejectCode.MARKET_NOT_CONFIGURED,
                released_units=command.hold_units,
            )
        )
        return
    order = _accept(state, command, turn)
    account = state.account(command.account_id, turn)
    if order.reduce_only:
        closable = reducible_lots(account.position_lots, order.is_long)
        if order.remaining_lots > closable:
            excess = order.remaining_lots - closable
            state.cancel(order, account, CancelReason.REDUCE_ONLY, turn, excess)
    reason = _execute(state, config, order, command, turn)
    if not order.remaining_lots:
        return
    if reason is not None:
        state.cancel(order, account, reason, turn)
    else:
        _rest(state, config, order, account, turn)


def _accept(state: State, command: PlaceOrder, turn: Turn) -> Order:
    """Make the order, take its hold, and say so. What the hold has beyond whole units per lot
    never enters the market."""
    reserve = command.hold_units // command.size_lots
    state.last_arrival += 1
    order = Order(
        order_id=command.order_id,
        account_id=command.account_id,
        is_long=command.side is Side.LONG,
        price_ticks=command.price_ticks,
        remaining_lots=command.size_lots,
        reserve_per_lot_units=reserve,
        named_margin_per_lot_units=command.margin_units // command.size_lots,
        leverage=command.leverage,
        reduce_only=command.reduce_only,
        arrival=state.last_arrival,
    )
    state.take_hold(order)
    turn.events.append(
        OrderAccepted(
            order_id=command.order_id,
            account_id=command.account_id,
            side=command.side,
            price_ticks=command.price_ticks,
            size_lots=command.size_lots,
            released_units=command.hold_units - reserve * command.size_lots,
        )
    )
    return order


def _execute(
    state: State, config: MarketConfig, order: Order, command: PlaceOrder, turn: Turn
) -> CancelReason | None:
    """Meet the book. Returns why the remainder can't rest, or None if it may."""
    tif = command.time_in_force
    prevention = command.self_trade_prevention
    if tif is TimeInForce.GTX:
        best = state.book.side(not order.is_long).best
        if best is not None and crosses(order, best.price_ticks):
            return CancelReason.POST_ONLY_WOULD_TAKE
        return None
    if tif is TimeInForce.FOK and not fills_whole(state, config, order, prevention):
        return CancelReason.FOK_UNFILLED
    reason = match(state, config, order, prevention, turn)
    if reason is not None:
        return reason
    if command.order_type is OrderType.MARKET or tif is not TimeInForce.GTC:
        return CancelReason.IOC_REMAINDER
    return None


def _rest(state: State, config: MarketConfig, order: Order, account: Account, turn: Turn) -> None:
    """Into the book. A resting order fills at its limit or not at all, so it reserves for that."""
    resting_reserve = 0
    if not order.reduce_only:
        resting_reserve = reserve_per_lot(
            units_per_tick_lot=config.units_per_tick_lot,
            taker_fee_ppm=config.taker_fee_ppm,
            side=Side.LONG if order.is_long else Side.SHORT,
            worst_ticks=order.price_ticks,
            mark_ticks=state.mark_price_ticks,
            named_margin_per_lot_units=order.named_margin_per_lot_units,
            leverage=order.leverage,
        )
    released = state.lower_reserve(order, min(order.reserve_per_lot_units, resting_reserve))
    state.rest(order, account)
    turn.events.append(
        OrderRested(
            order_id=order.order_id,
            account_id=order.account_id,
            side=Side.LONG if order.is_long else Side.SHORT,
            price_ticks=order.price_ticks,
            remaining_lots=order.remaining_lots,
            arrival=order.arrival,
            released_units=released,
        )
    )
    trim_reduce_only(state, account, turn)


def refusal(state: State, command: PlaceOrder) -> RejectCode | None:
    """Why the order can't be accepted as things stand, or None."""
    config = state.config
    if config is None:
        return RejectCode.MARKET_NOT_CONFIGURED
    if not _state_allows(state.market_state, command):
        return RejectCode.MARKET_STATE
    if not state.mark_price_ticks:
        return RejectCode.NO_MARK_PRICE
    return (
        _refused_by_limits(config, command)
        or _refused_by_price(state, config, command)
        or _refused_by_exposure(state, config, command)
        or (None if command.reduce_only else _refused_by_margin(state, config, command))
    )


def _state_allows(market_state: MarketState, command: PlaceOrder) -> bool:
    if market_state is MarketState.ACTIVE:
        return True
    if market_state is MarketState.POST_ONLY:
        return command.time_in_force is TimeInForce.GTX
    return market_state is MarketState.REDUCE_ONLY and command.reduce_only


def _refused_by_limits(config: MarketConfig, command: PlaceOrder) -> RejectCode | None:
    if command.size_lots < config.min_size_lots or command.size_lots > config.max_size_lots:
        return RejectCode.INVALID_SIZE
    if command.order_type is OrderType.MARKET and command.time_in_force is TimeInForce.GTX:
        return RejectCode.INVALID_TIME_IN_FORCE  # a market order never rests
    if command.leverage > config.max_leverage:
        return RejectCode.INVALID_LEVERAGE
    notional = config.units_per_tick_lot * command.price_ticks * command.size_lots
    if notional > MAX_NOTIONAL_UNITS:
        return RejectCode.INVALID_SIZE
    if notional < config.min_notional_units and not command.reduce_only:
        return RejectCode.MIN_NOTIONAL
    return None


def _refused_by_price(state: State, config: MarketConfig, command: PlaceOrder) -> RejectCode | None:
    """Limits that could only fill outside the band. A market order is kept inside by matching."""
    if command.order_type is OrderType.MARKET:
        return None
    lower, upper = band_edges(state.mark_price_ticks, config.price_band_ppm)
    is_long = command.side is Side.LONG
    if command.price_ticks > upper if is_long else command.price_ticks < lower:
        return RejectCode.PRICE_OUTSIDE_BAND
    return None


def _refused_by_exposure(
    state: State, config: MarketConfig, command: PlaceOrder
) -> RejectCode | None:
    account = state.accounts.get(command.account_id)
    position_lots = account.position_lots if account else 0
    closable = reducible_lots(position_lots, command.side is Side.LONG)
    if command.reduce_only and not closable:
        return RejectCode.REDUCE_ONLY_NO_POSITION
    if account and len(account.open_orders) >= config.max_open_orders:
        return RejectCode.MAX_OPEN_ORDERS
    opening = command.size_lots - closable
    if (
        not command.reduce_only
        and opening > 0
        and state.open_interest_lots + opening > config.max_open_interest_lots
    ):
        return RejectCode.MAX_OPEN_INTEREST
    return None


def _refused_by_margin(
    state: State, config: MarketConfig, command: PlaceOrder
) -> RejectCode | None:
    """The margin part must cover the smallest margin and, of a limit order, its open loss; the hold
    must cover margin part and fee. Of a market order the price is not known yet: its margin is
    measured at the mark, its hold at each fill."""
    k = config.units_per_tick_lot
    is_limit = command.order_type is OrderType.LIMIT
    price = command.price_ticks if is_limit else state.mark_price_ticks
    named = command.margin_units // command.size_lots
    if command.margin_units and not named:
        return RejectCode.INSUFFICIENT_MARGIN
    margin = margin_per_lot(k, price, named, command.leverage)
    if margin < ceil_div(k * price, config.max_leverage):
        return RejectCode.INSUFFICIENT_MARGIN
    if not is_limit:
        return None
    if margin < open_loss_per_lot(k, command.side, price, state.mark_price_ticks):
        return RejectCode.INSUFFICIENT_MARGIN
    reserve = command.hold_units // command.size_lots
    if reserve < margin + fee_units(k, price, 1, config.taker_fee_ppm):
        return RejectCode.INSUFFICIENT_HOLD
    return None


def on_cancel_order(state: State, command: CancelOrder, turn: Turn) -> None:
    order = state.book.orders.get(command.order_id)
    if order is None or order.account_id != command.account_id:
        code = RejectCode.UNKNOWN_ORDER if order is None else RejectCode.NOT_ORDER_OWNER
        turn.events.append(
            CancelRejected(order_id=command.order_id, account_id=command.account_id, code=code)
        )
        return
    account = state.account(command.account_id, turn)
    state.cancel(order, account, command.reason, turn)


def on_cancel_all_orders(state: State, command: CancelAllOrders, turn: Turn) -> None:
    account = state.accounts.get(command.account_id)
    if account is None:
        return
    turn.touched[account.account_id] = account
    for order in list(account.open_orders.values()):
        state.cancel(order, account, command.reason, turn)
