"""Every event, to the last unit, equals that of a second implementation; money adds up after each
command; a replay gives the same bytes; a repeat changes nothing.
"""

import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from matching.core.engine import Engine
from matching.core.market.invariants import check_invariants
from matching.messages.codec import encode_entry
from matching.messages.commands import (
    CancelAllOrders,
    CancelOrder,
    Command,
    ConfigureMarket,
    LeverageTier,
    MarketConfig,
    PlaceOrder,
    SetMarketState,
    UpdateIndexPrice,
)
from matching.messages.events import Event, OutputEntry
from matching.messages.vocabulary import (
    MarketState,
    OrderType,
    PriceMatch,
    SelfTradePrevention,
    Side,
    TimeInForce,
)
from tests.matching.audit import Audit
from tests.matching.naive_money import NaiveExchange
from tests.matching.naive_rules import MAX_VALUE_UNITS
from tests.proofs import share

# Nothing divides anything: every rounding shows.
CONFIG = MarketConfig(
    config_version=1,
    units_per_tick_lot=7,
    min_size_lots=2,
    max_size_lots=40,
    min_notional_units=14_000,
    price_band_ppm=33_333,
    max_open_orders=6,
    max_open_interest_lots=60,
    tiers=(
        LeverageTier(floor_units=0, max_leverage=23, maintenance_ppm=7_001),
        LeverageTier(floor_units=150_001, max_leverage=11, maintenance_ppm=13_003),
        LeverageTier(floor_units=300_007, max_leverage=3, maintenance_ppm=57_007),
    ),
    liquidation_fee_ppm=1_003,
    mark_clamp_ppm=4_001,
    circuit_breaker_ppm=0,
    index_stale_ms=3_600_000,
    funding_interval_ms=86_400_000,
    funding_interest_ppm=97,
    funding_cap_ppm=20_000,
    impact_notional_units=60_000,
)
START_MS = 86_400_000  # a day before the first funding
FEES_PPM = ((211, 577), (0, 577), (-350, 400), (-100, 0), (-700, 700))  # maker, taker
OPENING: tuple[Command, ...] = (
    ConfigureMarket(command_id=1, config=CONFIG),
    SetMarketState(command_id=2, state=MarketState.ACTIVE),
    UpdateIndexPrice(index_price_ticks=1_000),
)


class Market:
    """The engine, its naive twin and the auditor, fed the same commands."""

    def __init__(self) -> None:
        self.engine = Engine()
        self.naive = NaiveExchange()
        self.audit = Audit()
        self.seen: set[str] = set()
        self.now_ms = START_MS
        for command in OPENING:
            self.step(command)

    def step(self, command: Command) -> tuple[Event, ...]:
        """Prices that would liquidate somebody are left out: the naive exchange can't do that."""
        self.now_ms += 700
        if isinstance(command, UpdateIndexPrice) and self.naive.beyond(command, self.now_ms):
            return ()
        events = self.engine.apply(command, self.now_ms)
        expected = self.naive.apply(command, self.now_ms)
        assert events == expected, command
        self.audit.record(command, events)
        check_invariants(self.engine.state)
        self._compare_holds()
        for event in events:
            self.seen.add(type(event).__name__)
            self.seen.add(str(getattr(event, "code", "")) + str(getattr(event, "reason", "")))
        return events

    def _compare_holds(self) -> None:
        """What the auditor thinks is held is what the engine would release."""
        for order_id, order in self.engine.state.book.orders.items():
            audited = self.audit.orders[order_id]
            assert audited.hold == order.remaining_lots * order.reserve_per_lot_units
            assert audited.left == order.remaining_lots
        held = sum(order.hold for order in self.audit.orders.values())
        assert held == self.engine.state.held_units


def random_place(rng: random.Random, order_id: int, mark: int) -> PlaceOrder:
    side = rng.choice((Side.LONG, Side.SHORT))
    is_market = rng.random() < 0.2
    price = mark + round(rng.gauss(0, 6 if rng.random() < 0.97 else 40))
    tif = rng.choices(tuple(TimeInForce), weights=(70, 10, 12, 8))[0]
    if is_market:
        price = mark * 103 // 100 if side is Side.LONG else mark * 97 // 100
        tif = rng.choices(tuple(TimeInForce), weights=(10, 50, 38, 2))[0]
    price_match = rng.choice(tuple(PriceMatch)) if rng.random() < 0.1 else UNSET
    if price_match is not UNSET:
        price = mark * (1_000 + rng.choice((5, 20)) * (1 if side is Side.LONG else -1)) // 1_000
    lots = rng.randint(1, 12) if rng.random() < 0.95 else rng.randint(1, 60)
    leverage = rng.choice((1, 3, 10, 23, 23, 24 if rng.random() < 0.1 else 19))
    value = CONFIG.units_per_tick_lot * max(1, price)
    margin = 0
    if rng.random() < 0.4:  # named, from too little to plenty
        margin = lots * value // rng.randint(2, 24) + rng.randint(0, lots)
    per_lot = margin // lots or -(-value // leverage)
    loss = CONFIG.units_per_tick_lot * max(0, price - mark if side is Side.LONG else mark - price)
    maker_fee_ppm, taker_fee_ppm = rng.choice(FEES_PPM)
    fee = -(-value * taker_fee_ppm // 1_000_000)
    slack = rng.choice((0, 0, 0, -1, 1, 5, value // 20))
    hold = max(0, (per_lot + loss + fee + slack) * lots + rng.randint(0, lots - 1))
    reduce_only = rng.random() < 0.25
    takes_at_any_price = reduce_only and side is Side.LONG and not is_market
    if takes_at_any_price and price_match is UNSET and rng.random() < 0.1:  # at the bound, or above
        price = MAX_VALUE_UNITS // (CONFIG.units_per_tick_lot * lots) + rng.choice((0, 1))
    return PlaceOrder(
        order_id=order_id,
        account_id=rng.randint(1, 5),
        side=side,
        order_type=OrderType.MARKET if is_market else OrderType.LIMIT,
        time_in_force=tif,
        price_ticks=max(1, price),
        size_lots=lots,
        margin_units=margin,
        leverage=leverage,
        hold_units=0 if reduce_only else hold,
        maker_fee_ppm=maker_fee_ppm,
        taker_fee_ppm=taker_fee_ppm,
        reduce_only=reduce_only,
        self_trade_prevention=rng.choice(tuple(SelfTradePrevention)),
        price_match=price_match,
        visible_lots=max(1, lots // rng.choice((1, 2, 3, 4))) if rng.random() < 0.25 else UNSET,
    )


def random_commands(rng: random.Random, count: int) -> Iterator[Command]:
    mark = 1_000
    for number in range(1, count + 1):
        draw = rng.random()
        if draw < 0.70:
            yield random_place(rng, number, mark)
        elif draw < 0.80:
            yield CancelOrder(
                command_id=10 + number,
                order_id=rng.randint(max(1, number - 30), number),
                account_id=rng.randint(1, 5),
            )
        elif draw < 0.82:
            yield CancelAllOrders(command_id=10 + number, account_id=rng.randint(1, 5))
        elif draw < 0.84:
            state = rng.choices(
                (
                    MarketState.ACTIVE,
                    MarketState.POST_ONLY,
                    MarketState.REDUCE_ONLY,
                    MarketState.CANCEL_ONLY,
                    MarketState.HALTED,
                ),
                weights=(80, 5, 5, 5, 5),
            )[0]
            yield SetMarketState(command_id=10 + number, state=state)
        elif draw < 0.86:
            yield SetMarketState(command_id=10 + number, state=MarketState.ACTIVE)
        else:
            shock = rng.gauss(0, 6 if rng.random() < 0.85 else 30)
            mark = round(1_000 + (mark - 1_000) * 0.7 + shock)
            yield UpdateIndexPrice(index_price_ticks=mark)


@settings(max_examples=share(50), deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 120))
def test_any_commands_give_the_events_of_the_naive_exchange(seed: int, count: int) -> None:
    market = Market()
    for command in random_commands(random.Random(seed), count):
        market.step(command)


_chosen = st.builds(
    PlaceOrder,
    order_id=st.integers(1, 40),
    account_id=st.integers(1, 3),
    side=st.sampled_from(Side),
    order_type=st.just(OrderType.LIMIT),
    time_in_force=st.sampled_from(TimeInForce),
    price_ticks=st.integers(990, 1_010),
    size_lots=st.integers(2, 6),
    margin_units=st.sampled_from([0, 0, 3_000, 40_000]),
    leverage=st.sampled_from([1, 5, 23]),
    hold_units=st.sampled_from([0, 3_000, 20_000, 90_000]),
    maker_fee_ppm=st.sampled_from([-400, 0, 211]),
    taker_fee_ppm=st.sampled_from([211, 577]),
    reduce_only=st.booleans(),
    self_trade_prevention=st.sampled_from(SelfTradePrevention),
    price_match=st.sampled_from([UNSET] * 6 + [*PriceMatch]),
    visible_lots=st.sampled_from([UNSET, UNSET, 1, 2, 3]),
)


@settings(max_examples=share(100), deadline=None)
@given(st.lists(st.one_of(_chosen, _chosen, st.integers(970, 1_030)), max_size=40))
def test_chosen_commands_give_the_events_of_the_naive_exchange(
    steps: list[PlaceOrder | int],
) -> None:
    market = Market()
    for step in steps:
        market.step(
            step if isinstance(step, PlaceOrder) else UpdateIndexPrice(index_price_ticks=step)
        )


def test_a_long_run_gives_the_events_of_the_naive_exchange() -> None:
    market = Market()
    for command in random_commands(random.Random(22), 6_000):
        market.step(command)
    # The run came through every refusal and every ending there is.
    assert market.seen >= {
        "Trade", "OrderRested", "PositionChanged", "MARKET_STATE", "INVALID_SIZE",
        "INVALID_LEVERAGE", "PRICE_OUTSIDE_BAND", "MIN_NOTIONAL", "MAX_OPEN_ORDERS",
        "MAX_OPEN_INTEREST", "REDUCE_ONLY_NO_POSITION", "INSUFFICIENT_MARGIN",
        "INSUFFICIENT_HOLD", "UNKNOWN_ORDER", "NOT_ORDER_OWNER", "USER", "IOC_REMAINDER",
        "FOK_UNFILLED", "POST_ONLY_WOULD_TAKE", "SELF_TRADE", "PRICE_BAND", "REDUCE_ONLY",
        "UNAFFORDABLE", "INVALID_TIME_IN_FORCE",
        "MAX_POSITION", "NO_PRICE_TO_MATCH",
    }  # fmt: skip
    assert len(market.naive.premiums) > 300
    assert sum(map(bool, market.naive.premiums)) > 100
    assert market.naive.trades > 500


def entries_of(commands: list[Command]) -> tuple[bytes, str]:
    engine = Engine()
    entries = b""
    for now_ms, command in enumerate(commands, 1):
        events = engine.apply(command, now_ms)
        assert engine.seq == now_ms
        entries += encode_entry(
            OutputEntry(
                seq=engine.seq,
                input_id=f"{now_ms}-0",
                time_ms=now_ms,
                command_id=getattr(command, "command_id", 0),
                events=events,
            )
        )
    return entries, engine.digest()


@pytest.mark.parametrize("seed", range(3))
def test_a_replay_gives_the_same_bytes_and_digest(seed: int) -> None:
    commands = [*OPENING, *random_commands(random.Random(seed), 1_000)]
    assert entries_of(commands) == entries_of(commands)


def test_different_commands_give_different_digests() -> None:
    commands = [*OPENING, *random_commands(random.Random(1), 50)]
    assert entries_of(commands)[1] != entries_of(commands[:-1])[1]


@pytest.mark.parametrize("seed", range(3))
def test_a_command_delivered_again_changes_nothing(seed: int) -> None:
    """At once, and once more much later; price updates aside, where the newest simply wins."""
    rng = random.Random(seed)
    market = Market()
    delivered: list[Command] = []
    for command in random_commands(random.Random(seed), 600):
        market.step(command)
        if isinstance(command, UpdateIndexPrice):
            continue
        delivered.append(command)
        assert market.step(command) == ()
        assert market.step(rng.choice(delivered)) == ()
