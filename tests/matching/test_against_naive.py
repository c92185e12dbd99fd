"""The engine fills exactly as a naive book does: same makers, takers, prices, sizes and order."""

import random
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from matching.core.engine import Engine
from matching.core.market.invariants import check_invariants
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
from matching.messages.events import (
    CancelRejected,
    Event,
    OrderCancelled,
    OrderRejected,
    OrderRested,
    Trade,
)
from matching.messages.vocabulary import (
    MarketState,
    OrderType,
    SelfTradePrevention,
    Side,
    TimeInForce,
)
from tests.matching.naive import Happening, NaiveBook, NaiveOrder
from tests.proofs import share

MARK = 1_000
LOWEST, HIGHEST = 950, 1_050  # the band of 5 % around the mark, both inclusive
CONFIG = MarketConfig(
    config_version=1,
    units_per_tick_lot=1_000,
    min_size_lots=1,
    max_size_lots=10**6,
    min_notional_units=0,
    price_band_ppm=50_000,
    max_open_orders=100_000,
    max_open_interest_lots=10**9,
    tiers=(LeverageTier(floor_units=0, max_leverage=20, maintenance_ppm=5_000),),
    liquidation_fee_ppm=0,
    mark_clamp_ppm=1,
    circuit_breaker_ppm=0,
    index_stale_ms=3_600_000,
    funding_interval_ms=86_400_000,
    funding_interest_ppm=0,
    funding_cap_ppm=0,
    impact_notional_units=0,
)
# Margin of the whole notional and a hold of several times that: money never decides here.
HOLD_PER_LOT = 4 * CONFIG.units_per_tick_lot * HIGHEST


def opened_engine() -> Engine:
    engine = Engine()
    engine.apply(ConfigureMarket(command_id=1, config=CONFIG), 1)
    engine.apply(SetMarketState(command_id=2, state=MarketState.ACTIVE), 2)
    engine.apply(UpdateIndexPrice(index_price_ticks=MARK), 3)
    return engine


def placed(
    order_id: int,
    account_id: int,
    side: Side,
    price: int,
    lots: int,
    order_type: OrderType = OrderType.LIMIT,
    tif: TimeInForce = TimeInForce.GTC,
    prevention: SelfTradePrevention = SelfTradePrevention.EXPIRE_MAKER,
) -> PlaceOrder:
    return PlaceOrder(
        order_id=order_id,
        account_id=account_id,
        side=side,
        order_type=order_type,
        time_in_force=tif,
        price_ticks=price,
        size_lots=lots,
        margin_units=0,
        leverage=1,
        hold_units=HOLD_PER_LOT * lots,
        maker_fee_ppm=200,
        taker_fee_ppm=500,
        reduce_only=False,
        self_trade_prevention=prevention,
    )


class Comparison:
    """Both books, given the same commands."""

    def __init__(self) -> None:
        self.engine = opened_engine()
        self.naive = NaiveBook(LOWEST, HIGHEST)
        self.arrivals = 0
        self.fills = 0

    def step(self, command: Command) -> None:
        got = list(happenings(self.engine.apply(command, 1_000)))
        expected = self._expected(command)
        assert got == expected, command
        self.fills += sum(1 for happening in got if happening[0] == "fill")

    def _expected(self, command: Command) -> list[Happening]:
        if isinstance(command, CancelOrder):
            return self.naive.cancel(command.order_id, command.account_id)
        if isinstance(command, CancelAllOrders):
            return self.naive.cancel_all(command.account_id)
        assert isinstance(command, PlaceOrder)
        self.arrivals += 1
        order = NaiveOrder(
            command.order_id,
            command.account_id,
            command.side is Side.LONG,
            command.price_ticks,
            command.size_lots,
            self.arrivals,
        )
        is_market = command.order_type is OrderType.MARKET
        return self.naive.place(
            order, command.time_in_force, command.self_trade_prevention, is_market
        )

    def compare_books(self) -> None:
        check_invariants(self.engine.state)
        book = self.engine.state.book
        for is_long, side in ((True, book.bids), (False, book.asks)):
            levels = [(level.price_ticks, level.size_lots) for level in side.levels()]
            assert levels == self.naive.levels(is_long)
            queue = [
                (order.order_id, order.price_ticks, order.remaining_lots)
                for level in side.levels()
                for order in level
            ]
            assert queue == self.naive.queue(is_long)


def happenings(events: tuple[Event, ...]) -> Iterator[Happening]:
    for event in events:
        match event:
            case Trade(taker=taker, maker=maker):
                yield ("fill", maker.order_id, taker.order_id, event.price_ticks, event.size_lots)
            case OrderCancelled():
                yield ("cancel", event.order_id, str(event.reason), event.cancelled_lots)
                assert event.remaining_lots == 0
            case OrderRested():
                yield ("rest", event.order_id, event.price_ticks, event.remaining_lots)
            case OrderRejected() | CancelRejected():
                yield ("reject", event.order_id, str(event.code))
            case _:
                pass


# Few prices, accounts and ids, so that levels fill up, traders meet themselves and ids repeat.
_places = st.builds(
    placed,
    order_id=st.integers(1, 60),
    account_id=st.integers(1, 4),
    side=st.sampled_from(Side),
    price=st.one_of(st.integers(995, 1_005), st.integers(940, 1_060)),
    lots=st.integers(1, 12),
    order_type=st.sampled_from([OrderType.LIMIT, OrderType.LIMIT, OrderType.MARKET]),
    tif=st.sampled_from(TimeInForce),
    prevention=st.sampled_from(SelfTradePrevention),
).map(
    # A market order is always IOC or FOK.
    lambda order: (
        order
        if order.order_type is OrderType.LIMIT or order.time_in_force is TimeInForce.FOK
        else placed(
            order.order_id,
            order.account_id,
            order.side,
            order.price_ticks,
            order.size_lots,
            OrderType.MARKET,
            TimeInForce.IOC,
            order.self_trade_prevention,
        )
    )
)
_cancels = st.tuples(st.integers(1, 60), st.integers(1, 4))


@settings(max_examples=share(100), deadline=None)
@given(st.lists(st.one_of(_places, _places, _places, _cancels, st.integers(1, 4)), max_size=60))
def test_any_commands_fill_as_in_the_naive_book(
    steps: list[PlaceOrder | tuple[int, int] | int],
) -> None:
    comparison = Comparison()
    for number, step in enumerate(steps, 10):
        if isinstance(step, PlaceOrder):
            comparison.step(step)
        elif isinstance(step, tuple):
            comparison.step(CancelOrder(command_id=number, order_id=step[0], account_id=step[1]))
        else:
            comparison.step(CancelAllOrders(command_id=number, account_id=step))
        comparison.compare_books()


def seeded_commands(seed: int, count: int) -> Iterator[Command]:
    """Limits around a wandering middle, market orders against them, and cancels of both."""
    rng = random.Random(seed)
    middle = MARK
    live: list[tuple[int, int]] = []
    for number in range(1, count + 1):
        middle = min(1_030, max(970, middle + rng.choice((-1, 0, 0, 0, 1))))
        draw = rng.random()
        if draw < 0.30 and live:
            order_id, account_id = live.pop(rng.randrange(len(live)))
            yield CancelOrder(command_id=10 + number, order_id=order_id, account_id=account_id)
            continue
        if draw < 0.31:
            yield CancelAllOrders(command_id=10 + number, account_id=rng.randint(1, 30))
            continue
        account_id, lots = rng.randint(1, 30), rng.randint(1, 50)
        side = rng.choice((Side.LONG, Side.SHORT))
        prevention = rng.choice(tuple(SelfTradePrevention))
        if draw < 0.45:
            price = HIGHEST if side is Side.LONG else LOWEST
            yield placed(
                number, account_id, side, price, lots, OrderType.MARKET, TimeInForce.IOC, prevention
            )
            continue
        away = rng.randint(-3, 20)
        price = middle - away if side is Side.LONG else middle + away
        tif = rng.choices(tuple(TimeInForce), weights=(85, 5, 5, 5))[0]
        live.append((number, account_id))
        yield placed(number, account_id, side, price, lots, OrderType.LIMIT, tif, prevention)


def test_twenty_thousand_seeded_commands_fill_as_in_the_naive_book() -> None:
    comparison = Comparison()
    for number, command in enumerate(seeded_commands(20261122, 20_000)):
        comparison.step(command)
        if number % 500 == 0:
            comparison.compare_books()
    comparison.compare_books()
    assert comparison.fills > 5_000  # the run is worth its name
    assert len(comparison.naive.resting) > 50


def test_the_whole_remaining_queue_is_met_in_order() -> None:
    """Sweep what a seeded run left behind with one order per side."""
    comparison = Comparison()
    for command in seeded_commands(7, 2_000):
        comparison.step(command)
    for order_id, side in ((10**6, Side.LONG), (10**6 + 1, Side.SHORT)):
        price = HIGHEST if side is Side.LONG else LOWEST
        comparison.step(placed(order_id, 99, side, price, 10**6, OrderType.MARKET, TimeInForce.IOC))
    comparison.compare_books()
    assert comparison.naive.resting == []
