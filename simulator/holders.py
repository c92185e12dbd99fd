"""Traders who look after a position: closers protect theirs, gamblers bet all they have.

At 50× with maintenance at 1 % and a liquidation fee of 0.5 %, a bet is gone when the mark price has
moved half a percent against it: within minutes on the demo's calm walk.
"""

import random
from decimal import Decimal

from simulator.actions import (
    Action,
    AdjustMargin,
    Holding,
    MarketView,
    Place,
    SetLeverage,
    Trigger,
    floor_to,
)
from simulator.behaviour import (
    TAKER_SLIPPAGE,
    crossing_price,
    size_for,
    taker_actions,
)

CENT = Decimal("0.01")
PROTECTION_AWAY = (0.0005, 0.004)  # of triggers from the index price
PROTECTION_EXPIRES_IN_S = 900
MARGIN_STEP = (0.02, 0.2)  # of a position's margin, added or taken out
LEVERAGES_SET = (5, 10, 20)
# Of a gambler's wallet: what it bets at once; margin, fee and slippage come out of it.
BET_SHARE = (0.5, 0.9)
BET_COSTS = Decimal("0.006")
BET_NOTIONAL_MAX = Decimal(45_000)
DOUBLES_UP_SHARE, WALKS_AWAY_SHARE = 0.1, 0.02  # of a gambler's turns with a position


def closer_actions(rng: random.Random, market: MarketView, holding: Holding) -> list[Action]:
    """Open when flat; else protect the position, change its margin, or close all or half of it."""
    if not market.is_tradable:
        return []
    if not holding.size:
        return taker_actions(rng, market, holding.size)
    draw = rng.random()
    if draw < 0.45:
        return [_protection(rng, market, holding)]
    if draw < 0.6:
        share = Decimal(rng.uniform(*MARGIN_STEP)) * rng.choice((1, 1, -1))
        amount = floor_to(holding.margin * share, CENT)
        return [AdjustMargin(market.market_id, amount)] if amount else []
    if draw < 0.65:
        return [SetLeverage(market.market_id, rng.choice(LEVERAGES_SET))]
    part = Decimal(1) if rng.random() < 0.5 else Decimal("0.5")
    qty = max(floor_to(abs(holding.size) * part, market.lot_size), market.lot_size)
    if qty < market.min_size or qty * market.index_price < market.min_notional * 2:
        qty = abs(holding.size)
    return [_closing(market, holding, qty)]


def _closing(
    market: MarketView, holding: Holding, qty: Decimal | None, trigger: Trigger | None = None
) -> Place:
    return Place(
        market_id=market.market_id,
        side="SHORT" if holding.size > 0 else "LONG",
        qty=qty,
        order_type="market",
        time_in_force="IOC",
        reduce_only=True,
        trigger=trigger,
        expires_in_s=PROTECTION_EXPIRES_IN_S if trigger else None,
    )


def _protection(rng: random.Random, market: MarketView, holding: Holding) -> Place:
    """A stop, take-profit or trailing stop for all there is when it fires."""
    away = Decimal(rng.uniform(*PROTECTION_AWAY))
    kind = rng.choice(("STOP", "TAKE_PROFIT", "TRAILING_STOP"))
    by = rng.choice(("MARK", "LAST"))
    if kind == "TRAILING_STOP":
        trigger = Trigger(kind, by, callback=floor_to(away, Decimal("0.0001")))
        return _closing(market, holding, None, trigger)
    falls = (kind == "STOP") is (holding.size > 0)
    price = market.index_price * (1 - away if falls else 1 + away)
    return _closing(market, holding, None, Trigger(kind, by, floor_to(price, market.tick_size)))


def gambler_actions(
    rng: random.Random, market: MarketView, holding: Holding, wallet: Decimal
) -> list[Action]:
    """Nearly the whole wallet at the largest leverage, and then no stop: liquidated now and
    then."""
    if not market.is_tradable:
        return []
    if holding.size and rng.random() < WALKS_AWAY_SHARE:
        return [_closing(market, holding, abs(holding.size))]
    if holding.size and rng.random() >= DOUBLES_UP_SHARE:
        return []
    side = "LONG" if holding.size > 0 else "SHORT"
    if not holding.size:
        side = rng.choice(("LONG", "SHORT"))
    opposite = market.best_ask if side == "LONG" else market.best_bid
    if not opposite:
        return []
    return [_bet(rng, market, holding, wallet, side, opposite)]


def _bet(
    rng: random.Random,
    market: MarketView,
    holding: Holding,
    wallet: Decimal,
    side: str,
    opposite: Decimal,
) -> Place:
    leverage = market.max_leverage
    per_notional = Decimal(1) / leverage + BET_COSTS
    notional = wallet * Decimal(rng.uniform(*BET_SHARE)) / per_notional
    qty = floor_to(min(notional, BET_NOTIONAL_MAX) / market.index_price, market.lot_size)
    if qty < market.min_size or qty * market.index_price < market.min_notional * 2:
        qty = size_for(rng, market, (200, 2_000))  # refused if it is too poor, which tells it so
    after = (abs(holding.size) + qty) * market.index_price * (1 + TAKER_SLIPPAGE * 2)
    return Place(
        market_id=market.market_id,
        side=side,
        qty=qty,
        order_type="limit",
        time_in_force="IOC",
        price=crossing_price(market, side, opposite),
        leverage=min(leverage, market.leverage_for(after)),
    )
