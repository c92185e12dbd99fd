"""One order against the book.

Theory of operation. The taker meets resting orders best price first, oldest first, each at the
maker's price. Before a fill both sides' legs are planned; nothing changes until both can bear
theirs. A maker that can't is cancelled and matching goes on, so nobody is filled against money
that isn't there; a taker that can't loses its remainder. The loop ends because every round removes
lots from the taker or an order from the book.

Fill-or-kill asks first whether it would be filled whole (`dry_run`).
"""

from matching.core.book.book import Level, Order
from matching.core.market.position import Leg, plan_leg, reducible_lots
from matching.core.market.state import Account, State, Turn
from matching.core.orders.attached import cover_fill
from matching.messages.commands import MarketConfig
from matching.messages.events import Trade, TradeLeg
from matching.messages.holds import band_edges
from matching.messages.vocabulary import CancelReason, ExecutionType, SelfTradePrevention, Side


def crosses(order: Order, price_ticks: int) -> bool:
    """Whether the order's limit reaches a resting price of the other side."""
    return price_ticks <= order.price_ticks if order.is_long else price_ticks >= order.price_ticks


def beyond_band(state: State, config: MarketConfig, level: Level, taker_is_long: bool) -> int:
    """0: the level is inside the price band; 1: too far for the taker; −1: for the maker."""
    lower, upper = band_edges(state.mark_price_ticks, config.price_band_ppm)
    if level.price_ticks > upper:
        return 1 if taker_is_long else -1
    if level.price_ticks < lower:
        return -1 if taker_is_long else 1
    return 0


class Taker:
    """How the arriving side of a match is planned. An ordinary order; liquidation has its own."""

    def __init__(
        self,
        order: Order,
        account: Account,
        prevention: SelfTradePrevention,
        execution: ExecutionType = ExecutionType.TRADE,
    ) -> None:
        self.order = order
        self.account = account
        self.prevention = prevention
        self.execution = execution

    def plan(self, state: State, price_ticks: int, size_lots: int) -> Leg | None:
        """Its side of a fill, perhaps of fewer lots; None ends the match for it."""
        order = self.order
        return plan_order_leg(
            state, order, self.account, price_ticks, size_lots, order.taker_fee_ppm
        )

    def filled(self, leg: Leg) -> None:
        """Told of each leg that was done."""


def plan_order_leg(
    state: State,
    order: Order,
    account: Account,
    price_ticks: int,
    size_lots: int,
    fee_ppm: int,
) -> Leg | None:
    return plan_leg(
        state.tiers,
        order,
        account.position_lots,
        account.entry_cost_units,
        account.margin_units,
        price_ticks,
        size_lots,
        fee_ppm,
        state.mark_price_ticks,
    )


def match(state: State, config: MarketConfig, taker: Taker, turn: Turn) -> CancelReason | None:
    """Fill the taker. Returns why its remainder must be cancelled, or None if it may rest."""
    order = taker.order
    opposite = state.book.side(not order.is_long)
    while order.remaining_lots:
        level = opposite.best
        if level is None or not crosses(order, level.price_ticks):
            return None
        maker = level.oldest
        maker_account = state.account(maker.account_id, turn)
        side_of_band = beyond_band(state, config, level, order.is_long)
        if side_of_band > 0:
            return CancelReason.PRICE_BAND
        if side_of_band < 0:
            state.cancel(maker, maker_account, CancelReason.PRICE_BAND, turn)
            continue
        if maker.account_id == order.account_id:
            if taker.prevention is not SelfTradePrevention.EXPIRE_TAKER:
                state.cancel(maker, maker_account, CancelReason.SELF_TRADE, turn)
            if taker.prevention is not SelfTradePrevention.EXPIRE_MAKER:
                return CancelReason.SELF_TRADE
            continue
        reason = _fill(state, taker, maker, maker_account, turn)
        if reason is not None:
            return reason
    return None


def _fill(
    state: State, taker: Taker, maker: Order, maker_account: Account, turn: Turn
) -> CancelReason | None:
    """One round: a trade, or the end of the maker (None) or of the taker (the reason)."""
    order, price = taker.order, maker.price_ticks
    lots = min(order.remaining_lots, maker.remaining_lots - maker.hidden_lots)
    if order.reduce_only:
        lots = min(lots, reducible_lots(taker.account.position_lots, order.is_long))
        if not lots:
            return CancelReason.REDUCE_ONLY
    taker_leg = taker.plan(state, price, lots)
    if taker_leg is None:
        return CancelReason.UNAFFORDABLE
    maker_leg = _plan_maker(state, order, maker, maker_account, taker_leg.size_lots)
    if maker_leg is None:
        state.cancel(maker, maker_account, CancelReason.UNAFFORDABLE, turn)
        return None
    if maker_leg.size_lots < taker_leg.size_lots:
        taker_leg = taker.plan(state, price, maker_leg.size_lots)
        if taker_leg is None:
            return CancelReason.UNAFFORDABLE
    state.apply_leg(order, taker.account, taker_leg, turn)
    state.apply_leg(maker, maker_account, maker_leg, turn)
    taker.filled(taker_leg)
    state.last_price_ticks = price
    record_trade(
        state,
        turn,
        taker.execution,
        price,
        Side.LONG if order.is_long else Side.SHORT,
        trade_leg(order.order_id, taker.account, order.remaining_lots, taker_leg),
        trade_leg(maker.order_id, maker_account, maker.remaining_lots, maker_leg),
        maker_leg.size_lots,
    )
    if maker.hidden_lots and maker.remaining_lots == maker.hidden_lots:
        state.refill(maker, maker_account, turn)
    trim_reduce_only(state, taker.account, turn)
    trim_reduce_only(state, maker_account, turn)
    if state.triggers.attached:
        cover_fill(state, order, taker.account, maker_leg.size_lots, turn)
        cover_fill(state, maker, maker_account, maker_leg.size_lots, turn)
    if state.pairs:
        state.end_pair(order.order_id, CancelReason.OTHER_FILLED, turn)
        state.end_pair(maker.order_id, CancelReason.OTHER_FILLED, turn)
    return None


def _plan_maker(
    state: State, taker: Order, maker: Order, account: Account, size_lots: int
) -> Leg | None:
    fee_ppm = rebate_limited_fee_ppm(taker, maker)
    return plan_order_leg(state, maker, account, maker.price_ticks, size_lots, fee_ppm)


def rebate_limited_fee_ppm(taker: Order, maker: Order) -> int:
    """The maker's fee; a rebate is never more than what the taker pays on the same fill."""
    return max(maker.maker_fee_ppm, -taker.taker_fee_ppm)


def record_trade(
    state: State,
    turn: Turn,
    execution: ExecutionType,
    price_ticks: int,
    taker_side: Side,
    taker: TradeLeg,
    maker: TradeLeg,
    size_lots: int,
) -> None:
    state.last_trade_id += 1
    turn.events.append(
        Trade(
            trade_id=state.last_trade_id,
            execution=execution,
            price_ticks=price_ticks,
            size_lots=size_lots,
            taker_side=taker_side,
            taker=taker,
            maker=maker,
        )
    )


def trade_leg(order_id: int, account: Account, remaining_lots: int, leg: Leg) -> TradeLeg:
    return TradeLeg(
        order_id=order_id,
        account_id=account.account_id,
        remaining_lots=remaining_lots,
        hold_released_units=leg.hold_released_units,
        margin_delta_units=leg.margin_delta_units,
        realized_pnl_units=leg.realized_pnl_units,
        fee_units=leg.fee_units,
        available_delta_units=leg.available_delta_units,
        insurance_delta_units=leg.insurance_delta_units,
    )


def trim_reduce_only(state: State, account: Account, turn: Turn) -> None:
    """Keep Σ remaining of resting reduce-only orders at what the position lets them close.

    The least aggressive go first, the newest of them first; an order that can close nothing, since
    the position is gone or has changed sides, goes whole.
    """
    if not account.reduce_only_lots:
        return
    closable = abs(account.position_lots)
    if account.reduce_only_lots <= closable and _still_reduces(account):
        return
    for order in sorted(_resting_reduce_only(account), key=_least_aggressive_first):
        room = closable if reducible_lots(account.position_lots, order.is_long) else 0
        if not room:
            state.cancel(order, account, CancelReason.REDUCE_ONLY, turn)
        elif account.reduce_only_lots > room:
            excess = min(order.remaining_lots, account.reduce_only_lots - room)
            state.cancel(order, account, CancelReason.REDUCE_ONLY, turn, excess)


def _still_reduces(account: Account) -> bool:
    """Whether its reduce-only orders oppose its position. They all opposed one and the same before
    this fill, so the first of them tells."""
    for order in account.open_orders.values():
        if order.reduce_only:
            return order.is_long is not (account.position_lots > 0)
    return True


def _resting_reduce_only(account: Account) -> list[Order]:
    return [order for order in account.open_orders.values() if order.reduce_only]


def _least_aggressive_first(order: Order) -> tuple[int, int]:
    return (order.price_ticks if order.is_long else -order.price_ticks, -order.arrival)
