"""Placing and cancelling orders.

Theory of operation. A placed order is either refused with one code and its whole hold given back,
or accepted; every check that can refuse comes before the first change. An accepted order is
clamped to what it may do (reduce-only), meets the book, and what is left of it rests or is
cancelled, as its time in force says. Nothing it held is kept once its lots are filled or gone.

A conditional order passes the checks that don't depend on the price it will meet, and waits
(`conditional`); when it goes on it is placed like any other.
"""

from matching.core.book.book import Order
from matching.core.book.triggers import WaitingOrder, is_true
from matching.core.market.position import reducible_lots
from matching.core.market.state import ORDER_EXPIRY, Account, State, Turn
from matching.core.orders.dry_run import fills_whole
from matching.core.orders.matcher import Taker, crosses, match, trim_reduce_only
from matching.messages.commands import (
    CancelAllOrders,
    CancelOrder,
    MarketConfig,
    PlaceOrder,
    Trigger,
)
from matching.messages.events import (
    CancelRejected,
    OrderAccepted,
    OrderRejected,
    OrderRested,
    OrderWaiting,
)
from matching.messages.holds import (
    band_edges,
    ceil_div,
    fee_units,
    margin_per_lot,
    open_loss_per_lot,
    reserve_per_lot,
)
from matching.messages.limits import MAX_NOTIONAL_UNITS, MAX_OPEN_INTEREST_UNITS
from matching.messages.vocabulary import (
    CancelReason,
    MarketState,
    OrderType,
    RejectCode,
    Side,
    TimeInForce,
    TriggerBy,
    TriggerKind,
)


def on_place_order(state: State, command: PlaceOrder, turn: Turn) -> None:
    order_id = command.order_id
    if order_id in state.recent_orders or order_id in state.book.orders:
        return
    account = state.accounts.get(command.account_id)
    if account is not None and order_id in account.waiting:
        return
    too_old = state.recent_orders.is_too_old(order_id)
    state.recent_orders.add(order_id)
    if too_old:
        reject(command, RejectCode.TOO_OLD, turn)
    elif command.trigger is None:
        place(state, command, turn)
    else:
        _wait(state, command, command.trigger, turn)


def reject(command: PlaceOrder, code: RejectCode, turn: Turn) -> None:
    turn.events.append(
        OrderRejected(
            order_id=command.order_id,
            account_id=command.account_id,
            code=code,
            released_units=command.hold_units,
        )
    )


def place(state: State, command: PlaceOrder, turn: Turn) -> None:
    """Refuse the order, or accept it and let it meet the book."""
    config = state.config
    code = refusal(state, command, turn.now_ms)
    if code is not None or config is None:
        reject(command, code or RejectCode.MARKET_NOT_CONFIGURED, turn)
        return
    order = _accept(state, command, turn)
    account = state.account(command.account_id, turn)
    if order.reduce_only:
        closable = reducible_lots(account.position_lots, order.is_long)
        if order.remaining_lots > closable:
            excess = order.remaining_lots - closable
            state.cancel(order, account, CancelReason.REDUCE_ONLY, turn, excess)
    execute(state, config, order, account, command, turn)


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
        maker_fee_ppm=command.maker_fee_ppm,
        taker_fee_ppm=command.taker_fee_ppm,
        reduce_only=command.reduce_only,
        post_only=command.time_in_force is TimeInForce.GTX,
        self_trade_prevention=command.self_trade_prevention,
        expires_ms=command.expires_ms,
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


def execute(
    state: State,
    config: MarketConfig,
    order: Order,
    account: Account,
    command: PlaceOrder,
    turn: Turn,
) -> None:
    """The order meets the book; what is left of it rests or is cancelled."""
    reason = _meet_book(state, config, order, account, command, turn)
    if not order.remaining_lots:
        return
    if reason is not None:
        state.cancel(order, account, reason, turn)
    else:
        _rest(state, config, order, account, turn)


def _meet_book(
    state: State,
    config: MarketConfig,
    order: Order,
    account: Account,
    command: PlaceOrder,
    turn: Turn,
) -> CancelReason | None:
    """Returns why the remainder can't rest, or None if it may."""
    tif = command.time_in_force
    prevention = command.self_trade_prevention
    if tif is TimeInForce.GTX:
        best = state.book.side(not order.is_long).best
        if best is not None and crosses(order, best.price_ticks):
            return CancelReason.POST_ONLY_WOULD_TAKE
        return None
    if tif is TimeInForce.FOK and not fills_whole(state, config, order, prevention):
        return CancelReason.FOK_UNFILLED
    reason = match(state, config, Taker(order, account, prevention), turn)
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
            taker_fee_ppm=order.taker_fee_ppm,
            side=Side.LONG if order.is_long else Side.SHORT,
            worst_ticks=order.price_ticks,
            mark_ticks=state.mark_price_ticks,
            named_margin_per_lot_units=order.named_margin_per_lot_units,
            leverage=order.leverage,
        )
    released = state.lower_reserve(order, min(order.reserve_per_lot_units, resting_reserve))
    state.rest(order, account)
    if order.expires_ms:
        state.set_timer(order.expires_ms, ORDER_EXPIRY, order.order_id)
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


def _wait(state: State, command: PlaceOrder, trigger: Trigger, turn: Turn) -> None:
    """Accept or refuse a conditional order."""
    code = _waiting_refusal(state, command, trigger, turn.now_ms)
    if code is not None:
        reject(command, code, turn)
        return
    account = state.account(command.account_id, turn)
    state.last_arrival += 1
    state.add_waiting(WaitingOrder(command, trigger, state.last_arrival), account)
    if command.expires_ms:
        state.set_timer(command.expires_ms, ORDER_EXPIRY, command.order_id)
    turn.events.append(
        OrderWaiting(
            order_id=command.order_id,
            account_id=command.account_id,
            arrival=state.last_arrival,
            released_units=command.hold_units,
        )
    )


def _waiting_refusal(
    state: State, command: PlaceOrder, trigger: Trigger, now_ms: int
) -> RejectCode | None:
    config = state.config
    if config is None:
        return RejectCode.MARKET_NOT_CONFIGURED
    if state.market_state.is_dormant:
        return RejectCode.MARKET_STATE
    mark = state.mark_price_ticks
    if not mark:
        return RejectCode.NO_MARK_PRICE
    is_trailing = trigger.kind is TriggerKind.TRAILING_STOP
    if is_trailing is not bool(trigger.callback_ppm) or not (is_trailing or trigger.price_ticks):
        return RejectCode.INVALID_TRIGGER
    if command.close_position and not command.reduce_only:
        return RejectCode.INVALID_TRIGGER
    reference = mark if trigger.by is TriggerBy.MARK else state.last_price_ticks or mark
    if not is_trailing and is_true(trigger, command.side is Side.LONG, reference):
        return RejectCode.TRIGGER_ALREADY_TRUE
    if command.expires_ms and command.expires_ms <= now_ms:
        return RejectCode.INVALID_EXPIRY
    account = state.accounts.get(command.account_id)
    if account and orders_of(account) >= config.max_open_orders:
        return RejectCode.MAX_OPEN_ORDERS
    return _refused_by_limits(config, command)


def orders_of(account: Account) -> int:
    return len(account.open_orders) + len(account.waiting)


def refusal(state: State, command: PlaceOrder, now_ms: int) -> RejectCode | None:
    """Why the order can't be accepted as things stand, or None."""
    config = state.config
    if config is None:
        return RejectCode.MARKET_NOT_CONFIGURED
    if not state_allows(state, command):
        return RejectCode.MARKET_STATE
    if not state.mark_price_ticks:
        return RejectCode.NO_MARK_PRICE
    if command.expires_ms and command.expires_ms <= now_ms:
        return RejectCode.INVALID_EXPIRY
    account = state.accounts.get(command.account_id)
    if account and orders_of(account) >= config.max_open_orders:
        return RejectCode.MAX_OPEN_ORDERS
    if not state.has_room_for(command.hold_units):
        return RejectCode.MARKET_FULL
    return (
        _refused_by_limits(config, command)
        or refused_by_price(state, config, command)
        or refused_by_exposure(state, config, command)
        or (None if command.reduce_only else refused_by_margin(state, command))
    )


def state_allows(state: State, command: PlaceOrder) -> bool:
    """A stale index makes an active market post-only."""
    market_state = state.market_state
    if market_state is MarketState.ACTIVE and not state.index_stale:
        return True
    if market_state in (MarketState.ACTIVE, MarketState.POST_ONLY):
        return command.time_in_force is TimeInForce.GTX
    return market_state is MarketState.REDUCE_ONLY and command.reduce_only and not state.index_stale


def _refused_by_limits(config: MarketConfig, command: PlaceOrder) -> RejectCode | None:
    if not command.close_position and not (
        config.min_size_lots <= command.size_lots <= config.max_size_lots
    ):
        return RejectCode.INVALID_SIZE
    if command.order_type is OrderType.MARKET and command.time_in_force is TimeInForce.GTX:
        return RejectCode.INVALID_TIME_IN_FORCE  # a market order never rests
    if command.taker_fee_ppm < max(0, command.maker_fee_ppm):
        return RejectCode.INVALID_CONFIG
    if not command.reduce_only and command.leverage > config.tiers[0].max_leverage:
        return RejectCode.INVALID_LEVERAGE
    notional = config.units_per_tick_lot * command.price_ticks * command.size_lots
    if notional > MAX_NOTIONAL_UNITS:
        return RejectCode.INVALID_SIZE
    if notional < config.min_notional_units and not command.reduce_only:
        return RejectCode.MIN_NOTIONAL
    return None


def refused_by_price(state: State, config: MarketConfig, command: PlaceOrder) -> RejectCode | None:
    """Limits that could only fill outside the band. A market order is kept inside by matching."""
    if command.order_type is OrderType.MARKET:
        return None
    lower, upper = band_edges(state.mark_price_ticks, config.price_band_ppm)
    is_long = command.side is Side.LONG
    if command.price_ticks > upper if is_long else command.price_ticks < lower:
        return RejectCode.PRICE_OUTSIDE_BAND
    return None


def refused_by_exposure(
    state: State, config: MarketConfig, command: PlaceOrder
) -> RejectCode | None:
    """Open interest grows at most by what arriving orders open, so checking those is enough. It is
    bounded in lots by the market's rules and in value by `MAX_OPEN_INTEREST_UNITS`."""
    account = state.accounts.get(command.account_id)
    position_lots = account.position_lots if account else 0
    closable = reducible_lots(position_lots, command.side is Side.LONG)
    if command.reduce_only:
        return None if closable else RejectCode.REDUCE_ONLY_NO_POSITION
    opening = command.size_lots - closable
    if opening <= 0:
        return None
    open_lots = state.open_interest_lots + opening
    value = config.units_per_tick_lot * state.mark_price_ticks * open_lots
    if open_lots > config.max_open_interest_lots or value > MAX_OPEN_INTEREST_UNITS:
        return RejectCode.MAX_OPEN_INTEREST
    return None


def refused_by_margin(state: State, command: PlaceOrder) -> RejectCode | None:
    """The margin part must cover what the tier of the resulting position asks and, of a limit
    order, its open loss; the hold must cover margin part and fee. Of a market order the price is
    not known yet: its margin is measured at the mark, its hold at each fill."""
    tiers = state.tiers
    k = tiers.k
    is_limit = command.order_type is OrderType.LIMIT
    price = command.price_ticks if is_limit else state.mark_price_ticks
    named = command.margin_units // command.size_lots
    if command.margin_units and not named:
        return RejectCode.INSUFFICIENT_MARGIN
    margin = margin_per_lot(k, price, named, command.leverage)
    account = state.accounts.get(command.account_id)
    sign = 1 if command.side is Side.LONG else -1
    after_lots = abs((account.position_lots if account else 0) + sign * command.size_lots)
    tier = tiers.tier_of(k * price * after_lots)
    if margin < ceil_div(k * price, tier.max_leverage):
        return RejectCode.INSUFFICIENT_MARGIN if named else RejectCode.MAX_POSITION
    if not is_limit:
        return None
    if margin < open_loss_per_lot(k, command.side, price, state.mark_price_ticks):
        return RejectCode.INSUFFICIENT_MARGIN
    reserve = command.hold_units // command.size_lots
    if reserve < margin + fee_units(k, price, 1, command.taker_fee_ppm):
        return RejectCode.INSUFFICIENT_HOLD
    return None


def on_cancel_order(state: State, command: CancelOrder, turn: Turn) -> None:
    account = state.accounts.get(command.account_id)
    if account is not None:
        turn.touched[account.account_id] = account
        order = account.open_orders.get(command.order_id)
        if order is not None:
            state.cancel(order, account, command.reason, turn)
            return
        waiting = account.waiting.get(command.order_id)
        if waiting is not None:
            state.cancel_waiting(waiting, account, command.reason, turn)
            return
    others = command.order_id in state.book.orders or state.triggers.find(command.order_id)
    code = RejectCode.NOT_ORDER_OWNER if others else RejectCode.UNKNOWN_ORDER
    turn.events.append(
        CancelRejected(order_id=command.order_id, account_id=command.account_id, code=code)
    )


def on_cancel_all_orders(state: State, command: CancelAllOrders, turn: Turn) -> None:
    account = state.accounts.get(command.account_id)
    if account is not None:
        is_long = None if command.side is None else command.side is Side.LONG
        state.cancel_all(
            account, command.reason, turn, protective=command.protective, is_long=is_long
        )
