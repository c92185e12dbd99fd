"""The flow of `flow` as commands to one market's engine, by a thousand traders with money.

Every thousandth message is a new index price beside the mid, so that marks, liquidation prices and
funding are at work as in a real market.
"""

import random
from collections.abc import Iterator

from benchmarks.flow import AMEND, CANCEL, IMMEDIATE, START_TICKS, Message, Scenario, messages
from matching.messages.commands import (
    AmendOrder,
    CancelOrder,
    Command,
    ConfigureMarket,
    LeverageTier,
    MarketConfig,
    PlaceOrder,
    SetMarketState,
    UpdateIndexPrice,
)
from matching.messages.vocabulary import (
    MarketState,
    OrderType,
    SelfTradePrevention,
    Side,
    TimeInForce,
)

ACCOUNTS = 1_000
INDEX_EVERY = 1_000
START_MS = 1_700_000_000_000
FIRST_COMMAND_ID = 10

CONFIG = MarketConfig(
    config_version=1,
    units_per_tick_lot=1_000,
    min_size_lots=1,
    max_size_lots=10_000,
    min_notional_units=0,
    price_band_ppm=300_000,
    max_open_orders=100_000,
    max_open_interest_lots=10**9,
    tiers=tuple(
        LeverageTier(floor_units=floor, max_leverage=leverage, maintenance_ppm=maintenance)
        for floor, leverage, maintenance in (
            (0, 50, 5_000),
            (10**11, 25, 10_000),
            (10**12, 10, 25_000),
            (10**13, 5, 50_000),
        )
    ),
    liquidation_fee_ppm=5_000,
    mark_clamp_ppm=50_000,
    circuit_breaker_ppm=0,
    index_stale_ms=60_000,
    funding_interval_ms=3_600_000,
    funding_interest_ppm=100,
    funding_cap_ppm=20_000,
    impact_notional_units=10**10,
)


def opening() -> list[Command]:
    """What opens the market."""
    return [
        ConfigureMarket(command_id=1, config=CONFIG),
        SetMarketState(command_id=2, state=MarketState.ACTIVE),
        UpdateIndexPrice(index_price_ticks=START_TICKS),
    ]


def commands(scenario: Scenario, count: int, seed: int) -> Iterator[Command]:
    rng = random.Random(seed)
    owners: dict[int, int] = {}
    mid = START_TICKS
    for number, message in enumerate(messages(scenario, count, seed)):
        if number % INDEX_EVERY == INDEX_EVERY - 1:
            yield UpdateIndexPrice(index_price_ticks=mid)
        account_id = owners.setdefault(message.order_id, 1 + rng.randrange(ACCOUNTS))
        if message.kind == CANCEL:
            del owners[message.order_id]
        elif message.kind == IMMEDIATE:
            # Crossing orders reach some way over the mid: half of that is beside it.
            mid += (
                message.price_ticks - scenario.depth_ticks * (2 * message.is_long - 1) - mid
            ) // 2
        yield _command(FIRST_COMMAND_ID + number, message, account_id)


def _command(command_id: int, message: Message, account_id: int) -> Command:
    if message.kind == CANCEL:
        return CancelOrder(command_id=command_id, order_id=message.order_id, account_id=account_id)
    notional = CONFIG.units_per_tick_lot * message.price_ticks * message.size_lots
    if message.kind == AMEND:
        return AmendOrder(
            command_id=command_id,
            order_id=message.order_id,
            account_id=account_id,
            price_ticks=message.price_ticks,
            size_lots=message.size_lots,
            hold_units=notional,
        )
    return placed(message, account_id, notional)


def placed(message: Message, account_id: int, hold_units: int) -> PlaceOrder:
    is_immediate = message.kind == IMMEDIATE
    return PlaceOrder(
        order_id=message.order_id,
        account_id=account_id,
        side=Side.LONG if message.is_long else Side.SHORT,
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.IOC if is_immediate else TimeInForce.GTC,
        price_ticks=message.price_ticks,
        size_lots=message.size_lots,
        margin_units=0,
        leverage=5,
        hold_units=hold_units,
        maker_fee_ppm=200,
        taker_fee_ppm=500,
        reduce_only=False,
        self_trade_prevention=SelfTradePrevention.EXPIRE_MAKER,
    )
