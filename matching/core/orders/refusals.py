"""Why an order is not taken: every check that can refuse one, made before anything changes.

Theory of operation. `refusal` is of an order that meets the book now. A conditional one is judged
by what doesn't depend on the price it will meet when it is placed and when it is amended
(`refused_while_waiting` and `refused_by_limits`), and by all of it when it goes on.
"""

from msgspec import UNSET, UnsetType

from matching.core.book.triggers import is_true
from matching.core.market.position import reducible_lots
from matching.core.market.state import Account, State, Turn
from matching.messages.commands import MarketConfig, PlaceOrder, Trigger
from matching.messages.events import OrderRejected
from matching.messages.holds import (
    band_edges,
    ceil_div,
    fee_units,
    margin_per_lot,
    open_loss_per_lot,
)
from matching.messages.limits import MAX_ICEBERG_PARTS, MAX_NOTIONAL_UNITS, MAX_OPEN_INTEREST_UNITS
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


def reject(state: State, command: PlaceOrder, code: RejectCode, turn: Turn) -> None:
    """What is attached to it has no entry any more, and what it was to be paired with no other."""
    turn.events.append(
        OrderRejected(
            order_id=command.order_id,
            account_id=command.account_id,
            code=code,
            released_units=command.hold_units,
        )
    )
    if state.triggers.attached:
        state.end_entry(command.order_id, turn)
    other_id = command.other_id
    if not isinstance(other_id, UnsetType) and state.pairs.get(other_id) == command.order_id:
        state.pairs[command.order_id] = other_id
        state.end_pair(command.order_id, CancelReason.OTHER_ENDED, turn)


def refused_while_waiting(state: State, command: PlaceOrder, trigger: Trigger) -> RejectCode | None:
    """Whether the market takes conditional orders, and this one's condition is one."""
    if state.market_state.is_dormant:
        return RejectCode.MARKET_STATE
    if not state.mark_price_ticks:
        return RejectCode.NO_MARK_PRICE
    is_trailing = trigger.kind is TriggerKind.TRAILING_STOP
    if is_trailing is not bool(trigger.callback_ppm) or not (is_trailing or trigger.price_ticks):
        return RejectCode.INVALID_TRIGGER
    if command.close_position and not command.reduce_only:
        return RejectCode.INVALID_TRIGGER
    if not (command.price_match is UNSET and command.visible_lots is UNSET):
        return RejectCode.INVALID_TRIGGER  # the book it will meet is not there yet
    return None


def would_fire_now(state: State, trigger: Trigger, is_long: bool) -> bool:
    """Whether a fixed trigger's condition holds at its reference price; before the first trade the
    mark stands for the last price."""
    reference = state.mark_price_ticks
    if trigger.by is TriggerBy.LAST:
        reference = state.last_price_ticks or reference
    return is_true(trigger, is_long, reference)


def orders_of(account: Account) -> int:
    return len(account.open_orders) + len(account.waiting) + len(account.asleep)


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
        refused_by_limits(config, command)
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


def refused_by_limits(config: MarketConfig, command: PlaceOrder) -> RejectCode | None:
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
    if not isinstance(command.visible_lots, UnsetType):
        code = refused_by_visible(config, command, command.visible_lots, command.size_lots)
        if code is not None:
            return code
    notional = config.units_per_tick_lot * command.price_ticks * command.size_lots
    if notional > MAX_NOTIONAL_UNITS:
        return RejectCode.INVALID_SIZE
    if notional < config.min_notional_units and not command.reduce_only:
        return RejectCode.MIN_NOTIONAL
    return None


def refused_by_visible(
    config: MarketConfig, command: PlaceOrder, visible_lots: int, size_lots: int
) -> RejectCode | None:
    """``size_lots`` is the whole order's."""
    if command.time_in_force is not TimeInForce.GTC or command.order_type is OrderType.MARKET:
        return RejectCode.INVALID_TIME_IN_FORCE  # only what rests is shown
    least = max(config.min_size_lots, ceil_div(size_lots, MAX_ICEBERG_PARTS))
    return None if least <= visible_lots <= size_lots else RejectCode.INVALID_SIZE


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
