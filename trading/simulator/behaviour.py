"""What a simulated trader does next. Pure: a view of the market and a seeded generator in, actions
out.
"""

import random
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

QUOTES_PER_SIDE = 3
# Distance of quotes from the index price, and how far off its place a quote may sit.
NEAREST_QUOTE = Decimal("0.0002")
FARTHEST_QUOTE = Decimal("0.004")
TOLERATED_DRIFT = Decimal("0.0006")
ACTIONS_PER_TURN = 4
LIMIT_TAKER_SHARE = 0.4  # of taker orders are limit IOC, the rest market orders
TAKER_SLIPPAGE = Decimal("0.003")
MAKER_NOTIONAL = (2_000, 20_000)  # quote currency, per quote
TAKER_NOTIONAL = (200, 8_000)
POSITION_NOTIONAL_MAX = 60_000  # beyond this a trader trades back towards flat
LEVERAGE = 10


@dataclass(frozen=True)
class MarketView:
    """A market as the public API shows it. Prices are zero where there is none."""

    market_id: str
    tick_size: Decimal
    lot_size: Decimal
    min_size: Decimal
    min_notional: Decimal
    max_leverage: int
    index_price: Decimal
    best_bid: Decimal
    best_ask: Decimal
    is_active: bool

    @property
    def is_tradable(self) -> bool:
        return self.is_active and self.index_price > 0


@dataclass(frozen=True)
class OpenOrder:
    order_id: int
    side: str
    price: Decimal


@dataclass(frozen=True)
class Place:
    """Body of POST /order, save for the client order id."""

    market_id: str
    side: str
    qty: Decimal
    order_type: str
    time_in_force: str
    price: Decimal | None = None
    leverage: int | None = None
    post_only: bool = False
    reduce_only: bool = False


@dataclass(frozen=True)
class Cancel:
    order_id: int


Action = Place | Cancel


def floor_to(value: Decimal, step: Decimal) -> Decimal:
    return (value / step).to_integral_value(ROUND_FLOOR) * step


def ceil_to(value: Decimal, step: Decimal) -> Decimal:
    return (value / step).to_integral_value(ROUND_CEILING) * step


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
    actions: list[Action] = [Cancel(order.order_id) for order in stale]
    missing: list[Action] = []
    for side in ("LONG", "SHORT"):
        kept = sum(1 for order in orders if order.side == side and order not in stale)
        missing += [_quote(rng, market, side, position) for _ in range(QUOTES_PER_SIDE - kept)]
    rng.shuffle(missing)
    # A cancel and its replacement in the same turn; what is left over comes next turn.
    return (actions[: ACTIONS_PER_TURN // 2] + missing)[:ACTIONS_PER_TURN]


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
        leverage=min(LEVERAGE, market.max_leverage),
        post_only=True,
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
    order = Place(
        market_id=market.market_id,
        side=side,
        qty=size_for(rng, market, TAKER_NOTIONAL),
        order_type="market",
        time_in_force="IOC",
        leverage=min(LEVERAGE, market.max_leverage),
    )
    if rng.random() >= LIMIT_TAKER_SHARE:
        return [order]
    return [_as_limit(order, market, opposite)]


def _as_limit(order: Place, market: MarketView, opposite: Decimal) -> Place:
    if order.side == "LONG":
        price = floor_to(opposite * (1 + TAKER_SLIPPAGE), market.tick_size)
    else:
        price = ceil_to(opposite * (1 - TAKER_SLIPPAGE), market.tick_size)
    return Place(
        market_id=order.market_id,
        side=order.side,
        qty=order.qty,
        order_type="limit",
        time_in_force="IOC",
        price=price,
        leverage=order.leverage,
    )


def closer_actions(rng: random.Random, market: MarketView, position: Decimal) -> list[Action]:
    """Open when flat; otherwise close all or half of the position, reduce-only."""
    if not market.is_tradable:
        return []
    if not position:
        return taker_actions(rng, market, position)
    part = Decimal(1) if rng.random() < 0.5 else Decimal("0.5")
    qty = max(floor_to(abs(position) * part, market.lot_size), market.lot_size)
    if qty < market.min_size or qty * market.index_price < market.min_notional * 2:
        qty = abs(position)
    return [
        Place(
            market_id=market.market_id,
            side="SHORT" if position > 0 else "LONG",
            qty=qty,
            order_type="market",
            time_in_force="IOC",
            leverage=min(LEVERAGE, market.max_leverage),
            reduce_only=True,
        )
    ]
