"""What matching would do, without doing it: the question of fill-or-kill.

Theory of operation. The same walk over the book as `matcher.match`, the same checks and plans in
the same rounds, over copies of the positions it touches. A round that `match` would end with a
cancelled maker ends here with the next maker; whatever would cost the taker lots ends with "no".
"""

from collections.abc import Iterator

from matching.core.book.book import Level, Order
from matching.core.market.position import plan_leg, reducible_lots
from matching.core.market.state import State
from matching.core.orders.matcher import beyond_band, crosses, rebate_limited_fee_ppm
from matching.messages.commands import MarketConfig
from matching.messages.vocabulary import SelfTradePrevention


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
        gone: set[int] = set()
        for maker, shown in _parts(level, gone):
            if maker.account_id == taker.account_id:
                if prevention is not SelfTradePrevention.EXPIRE_MAKER:
                    return False
                continue
            before = missing
            missing = _dry_fill(state, taker, maker, shown, missing, positions)
            if missing <= 0:
                return missing == 0
            if before - missing < shown:
                gone.add(maker.order_id)
    return False


def _parts(level: Level, gone: set[int]) -> Iterator[tuple[Order, int]]:
    """Each order with what it shows, then the parts of icebergs as they come to the front again,
    but of those that are gone since they couldn't fill one."""
    hidden: list[tuple[Order, int]] = []
    for order in level:
        yield order, order.remaining_lots - order.hidden_lots
        if order.hidden_lots:
            hidden.append((order, order.hidden_lots))
    while hidden:
        left: list[tuple[Order, int]] = []
        for order, lots in hidden:
            if order.order_id in gone:
                continue
            part = min(lots, order.visible_lots)
            yield order, part
            if lots > part:
                left.append((order, lots - part))
        hidden = left


def _dry_fill(
    state: State,
    taker: Order,
    maker: Order,
    shown_lots: int,
    missing_lots: int,
    positions: dict[int, tuple[int, int, int]],
) -> int:
    """The rounds `match` would have with what this maker shows: lots still missing after them, −1
    where the taker can't go on. Updates the positions."""
    price, mark, tiers = maker.price_ticks, state.mark_price_ticks, state.tiers
    taker_fee, maker_fee = taker.taker_fee_ppm, rebate_limited_fee_ppm(taker, maker)
    left = shown_lots
    while left and missing_lots:
        taker_at = _position_in(positions, state, taker.account_id)
        maker_at = _position_in(positions, state, maker.account_id)
        lots = _clamped(taker, taker_at[0], min(missing_lots, left))
        if not lots:
            return -1
        lots = _clamped(maker, maker_at[0], lots)  # `match` would have trimmed it by now
        if not lots:
            return missing_lots
        taker_leg = plan_leg(tiers, taker, *taker_at, price, lots, taker_fee, mark)
        if taker_leg is None:
            return -1
        lots = taker_leg.size_lots
        maker_leg = plan_leg(tiers, maker, *maker_at, price, lots, maker_fee, mark)
        if maker_leg is None:
            return missing_lots
        if maker_leg.size_lots < lots:
            lots = maker_leg.size_lots
            taker_leg = plan_leg(tiers, taker, *taker_at, price, lots, taker_fee, mark)
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
