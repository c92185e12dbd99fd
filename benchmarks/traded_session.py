"""A seeded session of one market, made by the real engine: what the stages after it are fed with.

Traders with leverage around a wandering index: most place limit orders near the mark and cancel
some, others take; now and then the index jumps and somebody is liquidated, and every minute of the
session funding is settled. Same arguments, same session.
"""

import random
from dataclasses import dataclass, field

from matching.core.engine import Engine
from matching.messages.commands import (
    CancelOrder,
    Command,
    ConfigureMarket,
    FundInsurance,
    LeverageTier,
    MarketConfig,
    PlaceOrder,
    SetMarketState,
    UpdateIndexPrice,
)
from matching.messages.events import Event, OutputEntry
from matching.messages.holds import band_edges, reserve_per_lot, worst_price_ticks
from matching.messages.vocabulary import (
    MarketState,
    OrderType,
    SelfTradePrevention,
    Side,
    TimeInForce,
)

CURRENCY = 10**6
FIRST_TIME_MS = 1_700_000_000_000
STEP_MS = 10  # between two commands
INDEX_EVERY = 50  # commands
JUMP_EVERY = 4_000
OPENING_TICKS = 500_000
MAKER_FEE_PPM, TAKER_FEE_PPM = 200, 500
LEVERAGES = (5, 10, 20, 50)

CONFIG = MarketConfig(
    config_version=1,
    units_per_tick_lot=100,
    min_size_lots=1,
    max_size_lots=100_000,
    min_notional_units=0,
    price_band_ppm=100_000,
    max_open_orders=200,
    max_open_interest_lots=10**9,
    tiers=(
        LeverageTier(floor_units=0, max_leverage=50, maintenance_ppm=10_000),
        LeverageTier(floor_units=500_000 * CURRENCY, max_leverage=20, maintenance_ppm=25_000),
    ),
    liquidation_fee_ppm=5_000,
    mark_clamp_ppm=50_000,
    circuit_breaker_ppm=0,
    index_stale_ms=10_000,
    funding_interval_ms=60_000,
    funding_interest_ppm=100,
    funding_cap_ppm=20_000,
    impact_notional_units=10_000 * CURRENCY,
)


@dataclass
class Session:
    """Commands and what came of them, in step: the n-th entry is that of the n-th command."""

    commands: list[Command] = field(default_factory=list)
    entries: list[OutputEntry] = field(default_factory=list)

    @property
    def input_ids(self) -> list[str]:
        return [entry.input_id for entry in self.entries]

    def events(self) -> list[Event]:
        return [event for entry in self.entries for event in entry.events]


class _Market:
    """The engine, and what its traders do next."""

    def __init__(self, seed: int, accounts: int) -> None:
        self.rng = random.Random(seed)
        self.engine = Engine()
        self.accounts = accounts
        self.index_ticks = OPENING_TICKS
        self.last_order_id = 0
        self.last_command_id = 0
        self.session = Session()
        self.live: list[int] = []

    def send(self, command: Command) -> None:
        number = len(self.session.commands) + 1
        time_ms = FIRST_TIME_MS + number * STEP_MS
        events = self.engine.apply(command, time_ms)
        self.session.commands.append(command)
        self.session.entries.append(
            OutputEntry(
                seq=number,
                input_id=f"{time_ms}-0",
                time_ms=time_ms,
                command_id=getattr(command, "command_id", 0),
                events=events,
            )
        )

    def command_id(self) -> int:
        self.last_command_id += 1
        return self.last_command_id

    def open(self) -> None:
        self.send(ConfigureMarket(command_id=self.command_id(), config=CONFIG))
        self.send(SetMarketState(command_id=self.command_id(), state=MarketState.ACTIVE))
        self.send(FundInsurance(command_id=self.command_id(), amount_units=10**6 * CURRENCY))
        self.send(self.index_price(0))

    def next(self) -> Command:
        number = len(self.session.commands)
        if number % JUMP_EVERY == 0:
            return self.index_price(self.rng.choice((-15_000, 15_000)))
        if number % INDEX_EVERY == 0:
            return self.index_price(self.rng.randint(-200, 200))
        draw = self.rng.random()
        if draw < 0.25 and (cancel := self.cancel()) is not None:
            return cancel
        return self.place(is_market=draw > 0.8)

    def index_price(self, change_ppm: int) -> UpdateIndexPrice:
        self.index_ticks += self.index_ticks * change_ppm // 10**6
        return UpdateIndexPrice(index_price_ticks=self.index_ticks)

    def cancel(self) -> CancelOrder | None:
        orders = self.engine.state.book.orders
        while self.live:
            at = self.rng.randrange(len(self.live))
            self.live[at], self.live[-1] = self.live[-1], self.live[at]
            order = orders.get(self.live.pop())
            if order is not None:
                return CancelOrder(
                    command_id=self.command_id(),
                    order_id=order.order_id,
                    account_id=order.account_id,
                )
        return None

    def place(self, *, is_market: bool) -> PlaceOrder:
        rng, mark_ticks = self.rng, self.engine.state.mark_price_ticks
        side = rng.choice((Side.LONG, Side.SHORT))
        order_type = OrderType.MARKET if is_market else OrderType.LIMIT
        if is_market:
            lower, upper = band_edges(mark_ticks, CONFIG.price_band_ppm)
            price_ticks = upper if side is Side.LONG else lower
        else:
            away = mark_ticks * rng.randint(-100, 900) // 10**6
            price_ticks = mark_ticks - away if side is Side.LONG else mark_ticks + away
        leverage, size_lots = rng.choice(LEVERAGES), rng.randint(1, 200)
        reserve = reserve_per_lot(
            units_per_tick_lot=CONFIG.units_per_tick_lot,
            taker_fee_ppm=TAKER_FEE_PPM,
            side=side,
            worst_ticks=worst_price_ticks(
                side,
                order_type,
                price_ticks,
                mark_ticks,
                self.engine.state.book.best_bid_ticks(),
            ),
            mark_ticks=mark_ticks,
            named_margin_per_lot_units=0,
            leverage=leverage,
        )
        self.last_order_id += 1
        if not is_market:
            self.live.append(self.last_order_id)
        return PlaceOrder(
            order_id=self.last_order_id,
            account_id=rng.randint(1, self.accounts),
            side=side,
            order_type=order_type,
            time_in_force=TimeInForce.IOC if is_market else TimeInForce.GTC,
            price_ticks=price_ticks,
            size_lots=size_lots,
            margin_units=0,
            leverage=leverage,
            hold_units=reserve * size_lots,
            maker_fee_ppm=MAKER_FEE_PPM,
            taker_fee_ppm=TAKER_FEE_PPM,
            reduce_only=False,
            self_trade_prevention=SelfTradePrevention.EXPIRE_MAKER,
        )


def traded_session(commands: int, *, seed: int = 7, accounts: int = 500) -> Session:
    """Accounts and orders are numbered from 1, commands of the outbox likewise."""
    market = _Market(seed, accounts)
    market.open()
    while len(market.session.commands) < commands:
        market.send(market.next())
    return market.session
