"""Changing a resting order.

Theory of operation. An amendment changes what it names and nothing else: two that were sent one
right after the other, each by the order as its sender knew it, both take effect. So what a command
keeps is read here, from the order as it is.

An order keeps its place as long as nothing of it grows that others stand behind: the same price, no
more lots, and no more of them shown. Any other change is a new arrival: the order leaves the book
with its reserve and whatever hold the amendment brought, passes the checks of a new order of that
price and remaining size, and meets the book again. If it would not pass, nothing changes and what
was brought goes back.
"""

from msgspec import UnsetType

from matching.core.book.book import Order
from matching.core.market.position import reducible_lots
from matching.core.market.state import Account, State, Turn
from matching.core.orders.place import execute
from matching.core.orders.refusals import (
    refused_by_exposure,
    refused_by_margin,
    refused_by_price,
    refused_by_visible,
    state_allows,
)
from matching.messages.commands import AmendOrder, MarketConfig, PlaceOrder
from matching.messages.events import AmendRejected, OrderAmended
from matching.messages.limits import MAX_ICEBERG_PARTS, MAX_NOTIONAL_UNITS, lots_shown
from matching.messages.vocabulary import (
    CancelReason,
    OrderType,
    RejectCode,
    Side,
    TimeInForce,
)


class AmendedOrder:
    """The order as it will be, and what the command brings. ``shown_lots`` is what the book would
    show of it in its place, ``visible_told`` what the command says of that, if it does."""

    __slots__ = (
        "hold_units",
        "price_ticks",
        "remaining_lots",
        "shown_lots",
        "size_lots",
        "visible_lots",
        "visible_told",
    )

    def __init__(self, order: Order, command: AmendOrder) -> None:
        self.hold_units = command.hold_units
        self.price_ticks = command.price_ticks
        if command.keeps_price is True:
            self.price_ticks = order.price_ticks
        self.size_lots = command.size_lots
        if command.keeps_size is True:
            self.size_lots = order.filled_lots + order.remaining_lots
        self.remaining_lots = self.size_lots - order.filled_lots
        told = self.visible_told = command.visible_lots
        self.visible_lots = order.visible_lots if isinstance(told, UnsetType) else told
        self.shown_lots = lots_shown(self.visible_lots, order.filled_lots, self.remaining_lots)

    def differs(self, order: Order) -> bool:
        return (
            self.price_ticks != order.price_ticks
            or self.remaining_lots != order.remaining_lots
            or self.visible_lots != order.visible_lots
        )

    def keeps_place(self, order: Order) -> bool:
        return (
            self.price_ticks == order.price_ticks
            and self.remaining_lots <= order.remaining_lots
            and self.shown_lots <= order.remaining_lots - order.hidden_lots
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
    wanted = AmendedOrder(order, command)
    code = _refusal(state, config, order, wanted)
    if code is not None:
        _reject(command, code, turn)
        return
    account = state.account(order.account_id, turn)
    if wanted.keeps_place(order):
        _lessen(state, order, account, wanted, turn)
    else:
        _replace(state, config, order, account, wanted, turn)


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
    state: State, config: MarketConfig, order: Order, wanted: AmendedOrder
) -> RejectCode | None:
    size = wanted.size_lots
    if wanted.remaining_lots <= 0 or not config.min_size_lots <= size <= config.max_size_lots:
        return RejectCode.INVALID_SIZE
    if not wanted.differs(order):
        return RejectCode.NOTHING_TO_AMEND
    if not isinstance(wanted.visible_told, UnsetType):
        as_new = _as_new(order, wanted)
        code = refused_by_visible(config, as_new, wanted.visible_told, size)
        if code is not None:
            return code
    return None if wanted.keeps_place(order) else _refused_arrival(state, config, order, wanted)


def _refused_arrival(
    state: State, config: MarketConfig, order: Order, wanted: AmendedOrder
) -> RejectCode | None:
    as_new, size = _as_new(order, wanted), wanted.size_lots
    if wanted.visible_lots and size > wanted.visible_lots * MAX_ICEBERG_PARTS:
        return RejectCode.INVALID_SIZE
    notional = config.units_per_tick_lot * wanted.price_ticks * size
    if notional > MAX_NOTIONAL_UNITS:
        return RejectCode.INVALID_SIZE
    if notional < config.min_notional_units and not order.reduce_only:
        return RejectCode.MIN_NOTIONAL
    if not state.has_room_for(wanted.hold_units):
        return RejectCode.MARKET_FULL
    if not state_allows(state, as_new):
        return RejectCode.MARKET_STATE
    return (
        refused_by_price(state, config, as_new)
        or refused_by_exposure(state, config, as_new)
        or (None if order.reduce_only else refused_by_margin(state, as_new))
    )


def _as_new(order: Order, wanted: AmendedOrder) -> PlaceOrder:
    """What remains of the order, with what it holds, as if it were placed now."""
    return PlaceOrder(
        order_id=order.order_id,
        account_id=order.account_id,
        side=Side.LONG if order.is_long else Side.SHORT,
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTX if order.post_only else TimeInForce.GTC,
        price_ticks=wanted.price_ticks,
        size_lots=wanted.remaining_lots,
        margin_units=order.named_margin_per_lot_units * wanted.remaining_lots,
        leverage=order.leverage,
        hold_units=order.reserve_per_lot_units * order.remaining_lots + wanted.hold_units,
        maker_fee_ppm=order.maker_fee_ppm,
        taker_fee_ppm=order.taker_fee_ppm,
        reduce_only=order.reduce_only,
        self_trade_prevention=order.self_trade_prevention,
    )


def _lessen(state: State, order: Order, account: Account, wanted: AmendedOrder, turn: Turn) -> None:
    gone = order.remaining_lots - wanted.remaining_lots
    released = order.reserve_per_lot_units * gone
    if gone:
        state.held_units -= released
        state.wallets_units -= released
        state.take_lots(order, account, gone)
    if wanted.visible_lots != order.visible_lots:
        state.book.show(order, wanted.visible_lots)
    _tell(order, wanted, True, released + wanted.hold_units, turn)


def _replace(
    state: State,
    config: MarketConfig,
    order: Order,
    account: Account,
    wanted: AmendedOrder,
    turn: Turn,
) -> None:
    as_new = _as_new(order, wanted)
    remaining = wanted.remaining_lots
    before = order.reserve_per_lot_units * order.remaining_lots
    state.take_lots(order, account, order.remaining_lots)
    state.last_arrival += 1
    order.arrival = state.last_arrival
    order.price_ticks = wanted.price_ticks
    order.remaining_lots = remaining
    order.visible_lots = wanted.visible_lots
    order.reserve_per_lot_units = as_new.hold_units // remaining
    after = order.reserve_per_lot_units * remaining
    state.held_units += after - before
    state.wallets_units += after - before
    _tell(order, wanted, False, as_new.hold_units - after, turn)
    if order.reduce_only:
        closable = reducible_lots(account.position_lots, order.is_long)
        if remaining > closable:
            state.cancel(order, account, CancelReason.REDUCE_ONLY, turn, remaining - closable)
    execute(state, config, order, account, as_new, turn)


def _tell(
    order: Order, wanted: AmendedOrder, kept_priority: bool, released: int, turn: Turn
) -> None:
    turn.events.append(
        OrderAmended(
            order_id=order.order_id,
            account_id=order.account_id,
            price_ticks=order.price_ticks,
            size_lots=wanted.size_lots,
            remaining_lots=order.remaining_lots,
            kept_priority=kept_priority,
            brought_units=wanted.hold_units,
            released_units=released,
            visible_lots=wanted.visible_told,
        )
    )
