"""What operators and price sources send to the random traders' market."""

import random

from matching.messages.commands import (
    CancelAllOrders,
    ConfigureMarket,
    FundInsurance,
    SetMarketState,
    UpdateIndexPrice,
)
from matching.messages.vocabulary import MarketState
from tests.matching.perps_driver import World, random_config

ACCOUNTS = 12
GAPS_PERCENT = (-90, -50, -20, -10, 10, 20, 50, 100, 900)
LOWEST_INDEX, HIGHEST_INDEX = 50, 5_000_000


def around(rng: random.Random, width_ppm: int) -> int:
    """Mostly near zero, at most three times the width away."""
    return sum(rng.randint(-width_ppm, width_ppm) for _ in range(3))


def fund_insurance(world: World, rng: random.Random) -> FundInsurance | None:
    if not world.is_insured:
        return None
    return FundInsurance(
        command_id=world.command_id(), amount_units=rng.choice((1, rng.randint(1, 10**7)))
    )


def disturb(world: World, rng: random.Random) -> SetMarketState:
    """Seldom anything good; `reopen` follows it more often."""
    return SetMarketState(command_id=world.command_id(), state=rng.choice(tuple(MarketState)))


def reopen(world: World, rng: random.Random) -> SetMarketState | None:
    if world.engine.state.market_state is MarketState.ACTIVE and rng.random() < 0.9:
        return None
    return SetMarketState(command_id=world.command_id(), state=MarketState.ACTIVE)


def configure(world: World, rng: random.Random) -> ConfigureMarket:
    current = world.config
    version = current.config_version + rng.choice((0, 1, 1, 1))
    k = current.units_per_tick_lot * rng.choice((1, 1, 1, 1, 2))
    config = random_config(rng, max(1, version), k)
    return ConfigureMarket(command_id=world.command_id(), config=config)


def index_price(world: World, rng: random.Random) -> UpdateIndexPrice:
    draw = rng.random()
    if draw < 0.02:
        return UpdateIndexPrice(index_price_ticks=0)  # too few sources agree
    gap = rng.choice(GAPS_PERCENT) * 10_000
    move_index(world, around(rng, 3_000) if draw < 0.96 else gap)
    return UpdateIndexPrice(index_price_ticks=world.index_ticks)


def move_index(world: World, change_ppm: int) -> None:
    """By so much; from the ends of the range back to the middle."""
    index = world.index_ticks * (10**6 + change_ppm) // 10**6
    world.index_ticks = index if LOWEST_INDEX < index < HIGHEST_INDEX else 500_000


def crash(world: World, rng: random.Random) -> UpdateIndexPrice:
    """Everybody leaves the book, then the price gaps."""
    world.due += [
        CancelAllOrders(command_id=world.command_id(), account_id=account_id)
        for account_id in range(1, ACCOUNTS + 1)
        if rng.random() < 0.9
    ]
    move_index(world, rng.choice(GAPS_PERCENT) * 10_000)
    return UpdateIndexPrice(index_price_ticks=world.index_ticks)
