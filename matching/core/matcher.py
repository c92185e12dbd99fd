"""One order against the book.

Theory of operation. The taker meets resting orders best price first, oldest first, each at the
maker's price. Before a fill both sides' legs are planned; nothing changes until both can bear
theirs. A maker that can't is cancelled and matching goes on, so nobody is filled against money
that isn't there; a taker that can't loses its remainder. The loop ends because every round removes
lots from the taker or an order from the book.

Fill-or-kill asks `fills_whole` first: the same walk and the same plans over copies of the
positions.
"""

from matching.core.book import Level, Order
from matching.core.position import Leg, plan_leg, reducible_lots
from matching.core.state import Account, State, Turn
from matching.messages.commands import MarketConfig
from matching.messages.events import Trade, TradeLeg
from matching.messages.holds import band_edges
from matching.messages.vocabulary import CancelReason, SelfTradePrevention, Side


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


def match(
    state: State,
    config: MarketConfig,
    taker: Order,
    prevention: SelfTradePrevention,
    turn: Turn,
) -> CancelReason | None:
    """Fill the taker. Returns why its remainder must be cancelled, or None if it may rest."""
    opposite = state.book.side(not taker.is_long)
    taker_account = state.account(taker.account_id, turn)
    while taker.remaining_lots:
        level = opposite.best
        if level is None or not crosses(taker, level.price_ticks):
            return None
        maker = level.oldest
        if maker is None:
            raise ValueError(f"level {level.price_ticks} is empty")
        maker_account = state.account(maker.account_id, turn)
        side_of_band = beyond_band(state, config, level, taker.is_long)
        if side_of_band > 0:
            return CancelReason.PRICE_BAND
        if side_of_band < 0:
            state.cancel(maker, maker_account, CancelReason.PRICE_BAND, turn)
            continue
        if maker.account_id == taker.account_id:
            if prevention is not SelfTradePrevention.EXPIRE_TAKER:
                state.cancel(maker, maker_account, CancelReason.SELF_TRADE, turn)
            if prevention is not SelfTradePrevention.EXPIRE_MAKER:
                return CancelReason.SELF_TRADE
            continue
        reason = _fill(state, config, taker, taker_account, maker, maker_account, turn)
        if reason is not None:
            return reason
    return None


def _fill(
    state: State,
    config: MarketConfig,
    taker: Order,
    taker_account: Account,
    maker: Order,
    maker_account: Account,
    turn: Turn,
) -> CancelReason | None:
    """One round: a trade, or the end of the maker (None) or of the taker (the reason)."""
    lots = min(taker.remaining_lots, maker.remaining_lots)
    if taker.reduce_only:
        lots = min(lots, reducible_lots(taker_account.position_lots, taker.is_long))
        if not lots:
            return CancelReason.REDUCE_ONLY
    taker_leg = _plan(state, config, taker, taker_account, maker.price_ticks, lots, True)
    if taker_leg is None:
        return CancelReason.UNAFFORDABLE
    lots = taker_leg.size_lots
    maker_leg = _plan(state, config, maker, maker_account, maker.price_ticks, lots, False)
    if maker_leg is not None and maker_leg.size_lots < lots:
        lots = maker_leg.size_lots
        taker_leg = _plan(state, config, taker, taker_account, maker.price_ticks, lots, True)
        if taker_leg is None:
            return CancelReason.UNAFFORDABLE
    if maker_leg is None:
        state.cancel(maker, maker_account, CancelReason.UNAFFORDABLE, turn)
        return None
    state.apply_leg(taker, taker_account, taker_leg, turn)
    state.apply_leg(maker, maker_account, maker_leg, turn)
    state.last_trade_id += 1
    state.last_price_ticks = maker.price_ticks
    turn.events.append(
        Trade(
            trade_id=state.last_trade_id,
            price_ticks=maker.price_ticks,
            size_lots=lots,
            taker_side=Side.LONG if taker.is_long else Side.SHORT,
            taker=_trade_leg(taker, taker_leg),
            maker=_trade_leg(maker, maker_leg),
        )
    )
    trim_reduce_only(state, taker_account, turn)
    trim_reduce_only(state, maker_account, turn)
    return None


def _plan(
    state: State,
    config: MarketConfig,
    order: Order,
    account: Account,
    price_ticks: int,
    size_lots: int,
    is_taker: bool,
) -> Leg | None:
    return plan_leg(
        config,
        order,
        account.position_lots,
        account.entry_cost_units,
        account.margin_units,
        price_ticks,
        size_lots,
        config.taker_fee_ppm if is_taker else config.maker_fee_ppm,
        state.mark_price_ticks,
    )


def _trade_leg(order: Order, leg: Leg) -> TradeLeg:
    return TradeLeg(
        order_id=order.order_id,
        account_id=order.account_id,
        remaining_lots=order.remaining_lots,
        hold_released_units=leg.hold_released_units,
        margin_delta_units=leg.margin_delta_units,
        realized_pnl_units=leg.realized_pnl_units,
        fee_units=leg.fee_units,
        available_delta_units=leg.available_delta_units,
    )


def trim_reduce_only(state: State, account: Account, turn: Turn) -> None:
    """Keep Σ remaining of resting reduce-only orders at what the position lets them close.

    The least aggressive go first, the newest of them first; an order that can close nothing, since
    the position is gone or has changed sides, goes whole.
    """
    if not account.reduce_only_lots:
        return
    closable = abs(account.position_lots)
    if account.reduce_only_lots <= closable:
        closes_long = account.position_lots > 0
        if all(o.is_long is not closes_long for o in _resting_reduce_only(account)):
            return
    for order in sorted(_resting_reduce_only(account), key=_least_aggressive_first):
        room = closable if reducible_lots(account.position_lots, order.is_long) else 0
        if not room:
            state.cancel(order, account, CancelReason.REDUCE_ONLY, turn)
        elif account.reduce_only_lots > room:
            excess = min(order.remaining_lots, account.reduce_only_lots - room)
            state.cancel(order, account, CancelReason.REDUCE_ONLY, turn, excess)


def _resting_reduce_only(account: Account) -> list[Order]:
    return [order for order in account.open_orders.values() if order.reduce_only]


def _least_aggressive_first(order: Order) -> tuple[int, int]:
    return (order.price_ticks if order.is_long else -order.price_ticks, -order.arrival)


def fills_whole(
    state: State, config: MarketConfig, taker: Order, prevention: SelfTradePrevention
) -> bool:
    """Whether `match` would fill the taker to its last lot. Changes nothing."""
    positions: dict[int, tuple[int, int, int]] = {}
    missing = taker.remaining_lots
    for level in state.book.side(not taker.is_long).levels():
        if not crosses(taker, level.price_ticks):
            return False
        side_of_band = beyond_band(state, config, level, taker.is_long)
        if side_of_band > 0:
            return False
        if side_of_band < 0:
            continue
        for maker in level:
            if maker.account_id == taker.account_id:
                if prevention is not SelfTradePrevention.EXPIRE_MAKER:
                    return False
                continue
            missing = _dry_fill(state, config, taker, maker, missing, positions)
            if missing <= 0:
                return missing == 0
    return False


def _dry_fill(
    state: State,
    config: MarketConfig,
    taker: Order,
    maker: Order,
    missing_lots: int,
    positions: dict[int, tuple[int, int, int]],
) -> int:
    """The rounds `match` would have with this maker: lots still missing after them, −1 where the
    taker can't go on. Updates the positions."""
    price, mark = maker.price_ticks, state.mark_price_ticks
    left = maker.remaining_lots
    while left and missing_lots:
        taker_at = _position_in(positions, state, taker.account_id)
        maker_at = _position_in(positions, state, maker.account_id)
        lots = _clamped(taker, taker_at[0], min(missing_lots, left))
        if not lots:
            return -1
        lots = _clamped(maker, maker_at[0], lots)  # `match` would have trimmed it by now
        if not lots:
            return missing_lots
        taker_leg = plan_leg(config, taker, *taker_at, price, lots, config.taker_fee_ppm, mark)
        if taker_leg is None:
            return -1
        lots = taker_leg.size_lots
        maker_leg = plan_leg(config, maker, *maker_at, price, lots, config.maker_fee_ppm, mark)
        if maker_leg is None:
            return missing_lots
        if maker_leg.size_lots < lots:
            lots = maker_leg.size_lots
            taker_leg = plan_leg(config, taker, *taker_at, price, lots, config.taker_fee_ppm, mark)
            if taker_leg is None:
                return -1
        for account_id, leg in ((taker.account_id, taker_leg), (maker.account_id, maker_leg)):
            positions[account_id] = (leg.position_lots, leg.entry_cost_units, leg.margin_units)
        left -= lots
        missing_lots -= lots
    return missing_lots


def _clamped(order: Order, position_lots: int, size_lots: int) -> int:
    """What of these lots the order may still do."""
    if not order.reduce_only:
        return size_lots
    return min(size_lots, reducible_lots(position_lots, order.is_long))


def _position_in(
    positions: dict[int, tuple[int, int, int]], state: State, account_id: int
) -> tuple[int, int, int]:
    position = positions.get(account_id)
    if position is not None:
        return position
    account = state.accounts.get(account_id)
    if account is None:
        return (0, 0, 0)
    return (account.position_lots, account.entry_cost_units, account.margin_units)
