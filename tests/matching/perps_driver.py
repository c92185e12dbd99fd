"""Random traders on one market: every kind of command, leverage to the maximum, gaps in price up to
90 %, empty books, stale and failing indexes, halts, new rules, settlement, entries that are no
command.

`World` applies a command and checks all that must hold after it; `perps_traders` makes them.
A seed and a number of steps name a run: `run(seed, steps)` repeats it.
"""

import random
from collections import Counter, deque
from dataclasses import dataclass, field

from matching.core.engine import Engine
from matching.core.market import snapshot
from matching.core.market.invariants import check_invariants
from matching.core.market.recent import RECENT_IDS_CAPACITY
from matching.core.market.state import State
from matching.messages.commands import (
    Command,
    ConfigureMarket,
    FundInsurance,
    LeverageTier,
    MarketConfig,
    PlaceOrder,
    SetMarketState,
    SettleMarket,
    UpdateIndexPrice,
)
from matching.messages.events import Event, Trade
from matching.messages.snapshot import decode_snapshot, encode_snapshot
from matching.messages.vocabulary import (
    MarketState,
    OrderType,
    SelfTradePrevention,
    Side,
    TimeInForce,
)
from tests.matching.audit import Audit

CURRENCY = 10**6
STEPS_AFTER_SETTLEMENT = 50
SETTLED_AT_PERCENT = (1, 50, 90, 98, 100, 102, 110, 200, 10_000)
TIER_TABLES = (
    # floor, maximal leverage, maintenance rate
    ((0, 100, 4_000), (50_000, 50, 5_000), (500_000, 20, 25_000), (5_000_000, 5, 100_000)),
    ((0, 125, 4_000), (5_000, 20, 10_000), (20_000, 3, 300_000)),
    ((0, 20, 10_000),),
    ((0, 1_000, 500), (1_000_000, 2, 400_000)),
)


def random_config(rng: random.Random, version: int, units_per_tick_lot: int) -> MarketConfig:
    return MarketConfig(
        config_version=version,
        units_per_tick_lot=units_per_tick_lot,
        min_size_lots=rng.choice((1, 1, 3)),
        max_size_lots=100_000,
        min_notional_units=rng.choice((0, 0, 100 * CURRENCY)),
        price_band_ppm=rng.choice((10_000, 50_000, 100_000, 200_000, 900_000)),
        max_open_orders=rng.choice((2, 5, 50)),
        max_open_interest_lots=rng.choice((3_000, 10**9, 10**9)),
        tiers=tuple(
            LeverageTier(floor_units=floor * CURRENCY, max_leverage=leverage, maintenance_ppm=rate)
            for floor, leverage, rate in rng.choice(TIER_TABLES)
        ),
        liquidation_fee_ppm=rng.choice((0, 400, 5_000, 10_000)),
        mark_clamp_ppm=rng.choice((1, 10_000, 50_000, 500_000)),
        circuit_breaker_ppm=rng.choice((0, 0, 0, 300_000)),
        index_stale_ms=10_000,
        funding_interval_ms=rng.choice((60_000, 3_600_000, 28_800_000)),
        funding_interest_ppm=rng.choice((0, 100, 1_000_000)),
        funding_cap_ppm=rng.choice((0, 20_000, 1_000_000)),
        impact_notional_units=rng.choice((1, 10_000 * CURRENCY)),
    )


class Undecodable:
    """An entry of the input stream that is no command."""


Input = Command | Undecodable


@dataclass
class World:
    """The engine, a twin that is restored from snapshots now and then, and the auditor.

    recent_capacity     how many ids the engines remember: few enough, at times, that a repeat is
                        refused as too old
    """

    engine: Engine = field(default_factory=Engine)
    twin: Engine = field(default_factory=Engine)
    audit: Audit = field(default_factory=Audit)
    now_ms: int = 1_000_000_000
    index_ticks: int = 500_000
    is_insured: bool = True  # else the operator never pays anything into the fund
    last_order_id: int = 0
    last_command_id: int = 0
    recent_capacity: int = RECENT_IDS_CAPACITY
    sent: deque[Input] = field(default_factory=lambda: deque(maxlen=200))
    due: list[Input] = field(default_factory=list)  # what a trader already decided to send
    inputs: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def config(self) -> MarketConfig:
        assert self.engine.state.config is not None
        return self.engine.state.config

    @property
    def mark_ticks(self) -> int:
        return self.engine.state.mark_price_ticks or self.index_ticks

    def order_id(self) -> int:
        self.last_order_id += 1
        return self.last_order_id

    def command_id(self) -> int:
        self.last_command_id += 1
        return self.last_command_id

    def open(self, rng: random.Random) -> None:
        """Configured, active, priced and insured; at each stage somebody comes too early."""
        self.recent_capacity = rng.choice((50, RECENT_IDS_CAPACITY, RECENT_IDS_CAPACITY))
        self._limit_recent(self.engine.state)
        self._limit_recent(self.twin.state)
        units_per_tick_lot = rng.choice((1, 7, 100, 100, 1_000))
        self.apply(self._early_order())
        config = random_config(rng, 1, units_per_tick_lot)
        self.apply(ConfigureMarket(command_id=self.command_id(), config=config))
        self.apply(self._early_order())
        self.apply(SetMarketState(command_id=self.command_id(), state=MarketState.ACTIVE))
        self.apply(self._early_order())
        self.apply(UpdateIndexPrice(index_price_ticks=self.index_ticks))
        fund = rng.choice((0, 1, CURRENCY, 10_000 * CURRENCY))
        self.is_insured = fund > 0
        if fund:
            self.apply(FundInsurance(command_id=self.command_id(), amount_units=fund))

    def _early_order(self) -> PlaceOrder:
        return PlaceOrder(
            order_id=self.order_id(),
            account_id=1,
            side=Side.LONG,
            order_type=OrderType.LIMIT,
            time_in_force=TimeInForce.GTC,
            price_ticks=self.index_ticks,
            size_lots=3,
            margin_units=0,
            leverage=1,
            hold_units=CURRENCY,
            maker_fee_ppm=0,
            taker_fee_ppm=0,
            reduce_only=False,
            self_trade_prevention=SelfTradePrevention.EXPIRE_MAKER,
        )

    def apply(self, command: Input) -> tuple[Event, ...]:
        events = self._applied_by(self.engine, command)
        assert self._applied_by(self.twin, command) == events, "a restored engine goes on alike"
        state = self.engine.state
        check_invariants(state)
        self.audit.record(None if isinstance(command, Undecodable) else command, events)
        audit = self.audit
        told = (audit.held, audit.insurance, audit.fees, audit.trade_id)
        assert told == (
            state.held_units,
            state.insurance_units,
            state.fees_units,
            state.last_trade_id,
        )
        for account_id, account in state.accounts.items():
            assert account.position_lots == audit.lots[account_id]
            assert account.margin_units == audit.margin[account_id]
            assert account.entry_cost_units == audit.cost[account_id]
        if state.market_state is MarketState.SETTLED:
            left = len(state.book.orders) + state.open_interest_lots + len(state.accounts)
            assert left == 0
            assert state.held_units == state.margin_units == state.entry_cost_units == 0
        self.sent.append(command)
        self.inputs[type(command).__name__] += 1
        self._count(events)
        return events

    def _applied_by(self, engine: Engine, command: Input) -> tuple[Event, ...]:
        if isinstance(command, Undecodable):
            return engine.reject_undecodable(self.now_ms)
        return engine.apply(command, self.now_ms)

    def restart_twin(self) -> None:
        frame = encode_snapshot(snapshot.take(self.engine.state, "1-1"))
        self.twin = Engine(snapshot.restore(decode_snapshot(frame)))
        self._limit_recent(self.twin.state)
        assert self.twin.digest() == self.engine.digest()

    def _limit_recent(self, state: State) -> None:
        for recent in (state.recent_orders, state.recent_commands):
            recent.capacity = self.recent_capacity

    def _count(self, events: tuple[Event, ...]) -> None:
        for event in events:
            words = [type(event).__name__]
            if isinstance(event, Trade):
                words.append(event.execution)
            words += [str(getattr(event, name, "")) for name in ("reason", "code")]
            self.counts[" ".join(filter(None, words))] += 1


def run(seed: int, steps: int) -> World:
    """Raises AssertionError or InvariantBroken where something doesn't hold."""
    from tests.matching.perps_traders import next_command, pass_time

    rng = random.Random(seed)
    world = World()
    world.open(rng)
    restart_every = rng.choice((7, 50, 200))
    for step in range(steps):
        pass_time(world, rng)
        world.apply(next_command(world, rng))
        if step % restart_every == 0:
            world.restart_twin()
    if seed % 4 == 0:
        settle(world, max(1, world.index_ticks * rng.choice(SETTLED_AT_PERCENT) // 100))
        for _ in range(STEPS_AFTER_SETTLEMENT):
            pass_time(world, rng)
            world.apply(next_command(world, rng))
    assert world.twin.digest() == world.engine.digest()
    return world


def settle(world: World, price_ticks: int) -> None:
    """Everything goes back to where it came from: nothing is left but fees and the fund."""
    price_ticks = min(price_ticks, world.engine.state.highest_price_ticks())
    world.apply(SettleMarket(command_id=world.command_id(), price_ticks=price_ticks))
    assert world.engine.state.market_state.has_ended
    audit = world.audit
    assert sum(audit.available.values()) + audit.insurance + audit.fees == audit.deposits
    assert audit.held == sum(audit.margin.values()) == audit.clearing == 0
