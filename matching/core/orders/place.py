"""Placing and cancelling orders.

Theory of operation. A placed order is either refused with one code and its whole hold given back,
or accepted; every check that can refuse comes before the first change. An accepted order is
clamped to what it may do (reduce-only), meets the book, and what is left of it rests or is
cancelled, as its time in force says. Nothing it held is kept once its lots are filled or gone.

A conditional order waits first (`waiting`); when it goes on (`conditional`) it is placed like any
other.
"""

from msgspec import UnsetType

from matching.core.book.book import Order
from matching.core.market.position import reducible_lots
from matching.core.market.state import ORDER_EXPIRY, Account, State, Turn
from matching.core.orders.dry_run import fills_whole
from matching.core.orders.matcher import Taker, crosses, match, trim_reduce_only
from matching.core.orders.pairs import begin_pair, refused_as_other
from matching.core.orders.price_match import priced, reserve_needed
from matching.core.orders.refusals import refusal, reject
from matching.core.orders.waiting import wait
from matching.messages.commands import (
    CancelAllOrders,
    CancelOrder,
    MarketConfig,
    PlaceOrder,
)
from matching.messages.events import (
    CancelRejected,
    OrderAccepted,
    OrderRested,
)
from matching.messages.holds import reserve_per_lot
from matching.messages.vocabulary import (
    CancelReason,
    OrderType,
    RejectCode,
    Side,
    TimeInForce,
)


def on_place_order(state: State, command: PlaceOrder, turn: Turn) -> None:
    order_id = command.order_id
    if order_id in state.recent_orders or order_id in state.book.orders:
        return
    account = state.accounts.get(command.account_id)
    if account is not None and (order_id in account.waiting or order_id in account.asleep):
        return
    too_old = state.recent_orders.is_too_old(order_id)
    code = RejectCode.TOO_OLD if too_old else refused_as_other(state, command)
    state.recent_orders.add(order_id)
    if code is not None:
        reject(state, command, code, turn)
    elif command.trigger is None:
        place(state, command, turn)
    else:
        wait(state, command, command.trigger, turn)


def place(state: State, command: PlaceOrder, turn: Turn) -> None:
    """Refuse the order, or accept it and let it meet the book."""
    config = state.config
    command, no_price = priced(state, command)
    code = refusal(state, command, turn.now_ms) or no_price
    if code is not None or config is None:
        reject(state, command, code or RejectCode.MARKET_NOT_CONFIGURED, turn)
        return
    order = _accept(state, config, command, turn)
    account = state.account(command.account_id, turn)
    if order.reduce_only:
        closable = reducible_lots(account.position_lots, order.is_long)
        if order.remaining_lots > closable:
            excess = order.remaining_lots - closable
            state.cancel(order, account, CancelReason.REDUCE_ONLY, turn, excess)
    execute(state, config, order, account, command, turn)


def _accept(state: State, config: MarketConfig, command: PlaceOrder, turn: Turn) -> Order:
    """Make the order, take its hold, and say so. What the hold has beyond whole units per lot
    never enters the market."""
    reserve = reserve_needed(state, config, command)
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
        visible_lots=0 if isinstance(command.visible_lots, UnsetType) else command.visible_lots,
    )
    state.take_hold(order)
    begin_pair(state, command)
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


def on_cancel_order(state: State, command: CancelOrder, turn: Turn) -> None:
    account = state.accounts.get(command.account_id)
    if account is not None:
        turn.touched[account.account_id] = account
        order = account.open_orders.get(command.order_id)
        if order is not None:
            state.cancel(order, account, command.reason, turn)
            return
        waiting = account.waiting.get(command.order_id) or account.asleep.get(command.order_id)
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
