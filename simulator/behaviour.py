"""What a simulated trader does next. Pure: a view of the market and a seeded generator in, actions
out.
"""

import random
from decimal import Decimal

from simulator.actions import (
    Action,
    Amend,
    Cancel,
    MarketView,
    OpenOrder,
    Place,
    SetCountdown,
    Trigger,
    ceil_to,
    floor_to,
)

QUOTES_PER_SIDE = 3
# Distance of quotes from the index price, and how far off its place a quote may sit.
NEAREST_QUOTE = Decimal("0.0002")
FARTHEST_QUOTE = Decimal("0.004")
TOLERATED_DRIFT = Decimal("0.0006")
ACTIONS_PER_TURN = 4
AMENDED_SHARE = 0.5  # of quotes the price ran away from move, the others are cancelled
GOOD_TILL_DATE_SHARE = 0.2  # of quotes
QUOTE_EXPIRES_IN_S = 120
COUNTDOWN_SHARE = 0.2  # of a maker's turns set its countdown anew
COUNTDOWN_MS = 120_000
LIMIT_TAKER_SHARE = 0.4  # of taker orders are limit, the rest market orders
FILL_OR_KILL_SHARE = 0.2  # of those limits
STOP_ENTRY_SHARE = 0.1  # of a taker's turns wait for the price to move their way
STOP_ENTRY_AWAY = (0.0002, 0.002)
STOP_ENTRY_EXPIRES_IN_S = 600
TAKER_SLIPPAGE = Decimal("0.003")
MAKER_NOTIONAL = (2_000, 20_000)  # quote currency, per quote
TAKER_NOTIONAL = (200, 8_000)
POSITION_NOTIONAL_MAX = 60_000  # beyond this a trader trades back towards flat
MAKER_LEVERAGE = 10


def size_for(rng: random.Random, market: MarketView, notional: tuple[int, int]) -> Decimal:
    """A size worth something within the range, many small and few large, valid in the market."""
    low, high = notional
    worth = Decimal(round(low * (high / low) ** rng.random(), 2))
    smallest = max(market.min_size, market.min_notional * 2 / market.index_price)
    size = floor_to(worth / market.index_price, market.lot_size)
    return max(size, ceil_to(smallest, market.lot_size))


def maker_actions(
    rng: random.Random, market: MarketView, orders: list[OpenOrder], position: Decimal
) -> list[Action]:
    """Keep quotes on both sides: drop those the price ran away from, fill the gaps."""
    if not market.is_tradable:
        return []
    stale = [order for order in orders if _is_misplaced(market, order)]
    actions: list[Action] = []
    for order in stale:
        if rng.random() < AMENDED_SHARE:
            price = _quote(rng, market, order.side, position).price
            actions += [Amend(order.order_id, price)] if price else []
        else:
            actions.append(Cancel(order.order_id))
    missing: list[Action] = []
    for side in ("LONG", "SHORT"):
        cancelled = {action.order_id for action in actions if isinstance(action, Cancel)}
        kept = sum(1 for o in orders if o.side == side and o.order_id not in cancelled)
        missing += [_quote(rng, market, side, position) for _ in range(QUOTES_PER_SIDE - kept)]
    rng.shuffle(missing)
    # A cancel and its replacement in the same turn; what is left over comes next turn.
    actions = (actions[: ACTIONS_PER_TURN // 2] + missing)[:ACTIONS_PER_TURN]
    if rng.random() < COUNTDOWN_SHARE:
        actions.append(SetCountdown(market.market_id, COUNTDOWN_MS))
    return actions


def _is_misplaced(market: MarketView, order: OpenOrder) -> bool:
    away = (order.price - market.index_price) / market.index_price
    distance = -away if order.side == "LONG" else away
    too_near = distance < NEAREST_QUOTE - TOLERATED_DRIFT
    return too_near or distance > FARTHEST_QUOTE + TOLERATED_DRIFT


def _quote(rng: random.Random, market: MarketView, side: str, position: Decimal) -> Place:
    spread = NEAREST_QUOTE + (FARTHEST_QUOTE - NEAREST_QUOTE) * Decimal(rng.random() ** 2)
    # A maker that is long quotes lower on both sides, and the other way round.
    worth = position * market.index_price
    lean = -worth / POSITION_NOTIONAL_MAX * NEAREST_QUOTE
    lean = max(-NEAREST_QUOTE, min(NEAREST_QUOTE, lean))
    if side == "LONG":
        price = floor_to(market.index_price * (1 - spread + lean), market.tick_size)
    else:
        price = ceil_to(market.index_price * (1 + spread + lean), market.tick_size)
    return Place(
        market_id=market.market_id,
        side=side,
        qty=size_for(rng, market, MAKER_NOTIONAL),
        order_type="limit",
        time_in_force="GTC",
        price=max(price, market.tick_size),
        leverage=min(MAKER_LEVERAGE, market.max_leverage),
        post_only=True,
        expires_in_s=QUOTE_EXPIRES_IN_S if rng.random() < GOOD_TILL_DATE_SHARE else None,
    )


def taker_actions(rng: random.Random, market: MarketView, position: Decimal) -> list[Action]:
    """One order against the book: at market, or a limit that takes what it can."""
    if not market.is_tradable:
        return []
    side = rng.choice(("LONG", "SHORT"))
    if abs(position) * market.index_price > POSITION_NOTIONAL_MAX:
        side = "SHORT" if position > 0 else "LONG"
    opposite = market.best_ask if side == "LONG" else market.best_bid
    if not opposite:
        return []
    qty = size_for(rng, market, TAKER_NOTIONAL)
    leverage = leverage_for(rng, market, position, qty)
    if rng.random() < STOP_ENTRY_SHARE:
        return [_stop_entry(rng, market, side, qty, leverage)]
    is_limit = rng.random() < LIMIT_TAKER_SHARE
    return [
        Place(
            market_id=market.market_id,
            side=side,
            qty=qty,
            order_type="limit" if is_limit else "market",
            time_in_force="FOK" if is_limit and rng.random() < FILL_OR_KILL_SHARE else "IOC",
            price=crossing_price(market, side, opposite) if is_limit else None,
            leverage=leverage,
        )
    ]


def leverage_for(rng: random.Random, market: MarketView, position: Decimal, qty: Decimal) -> int:
    """From 1 to what the market allows for the position this may make, low ones more often."""
    notional = (abs(position) + qty) * market.index_price * (1 + TAKER_SLIPPAGE * 10)
    return max(1, int(market.leverage_for(notional) ** rng.random()))


def crossing_price(market: MarketView, side: str, opposite: Decimal) -> Decimal:
    """A limit that takes what the book has near its best price."""
    if side == "LONG":
        return floor_to(opposite * (1 + TAKER_SLIPPAGE), market.tick_size)
    return ceil_to(opposite * (1 - TAKER_SLIPPAGE), market.tick_size)


def _stop_entry(
    rng: random.Random, market: MarketView, side: str, qty: Decimal, leverage: int
) -> Place:
    """Joins a move once it has begun."""
    away = Decimal(rng.uniform(*STOP_ENTRY_AWAY))
    price = market.index_price * (1 + away if side == "LONG" else 1 - away)
    trigger = Trigger("STOP", rng.choice(("MARK", "LAST")), floor_to(price, market.tick_size))
    return Place(
        market_id=market.market_id,
        side=side,
        qty=qty,
        order_type="market",
        time_in_force="IOC",
        leverage=leverage,
        trigger=trigger,
        expires_in_s=STOP_ENTRY_EXPIRES_IN_S,
    )
