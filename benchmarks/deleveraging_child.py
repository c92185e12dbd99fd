"""Deleverages against few and against many counterparties, and counts; prints JSON. See
`deleveraging`."""

import gc
import sys
import time

import msgspec

from benchmarks.engine_flow import CONFIG, START_MS
from matching.core.engine import Engine
from matching.core.market import snapshot
from matching.core.market.invariants import check_invariants
from matching.messages.commands import (
    Command,
    ConfigureMarket,
    PlaceOrder,
    SetMarketState,
    UpdateIndexPrice,
)
from matching.messages.events import FundingSettled, PositionLiquidated, Trade
from matching.messages.snapshot import EngineSnapshot
from matching.messages.vocabulary import (
    ExecutionType,
    MarketState,
    OrderType,
    SelfTradePrevention,
    Side,
    TimeInForce,
)

BANKRUPTS = 100
LOTS = 3  # of each counterparty; of a bankrupt twice as many
MARK, GAP = 10_000, 10_500  # shorts of leverage 50 are bankrupt from 10,200 on
HOUSE = 1  # the short that stays solvent
FIRST_BANKRUPT, FIRST_LONG = 10, 1_000
LEVERAGES = (1, 2, 3, 5, 10, 20, 50)


class Deleveraged(msgspec.Struct):
    """CPU milliseconds of the one command, and what it did.

    funded_ms    CPU milliseconds of a command that settles funding for all of them
    """

    counterparties: int
    ms: float
    bankrupts: int
    fills: int
    funded_ms: float


class Market:
    """One in which everybody buys from the house or from those who will be bankrupt."""

    def __init__(self, counterparties: int) -> None:
        self.engine = Engine()
        self.last_order_id = 0
        self._apply(ConfigureMarket(command_id=1, config=CONFIG))
        self._apply(SetMarketState(command_id=2, state=MarketState.ACTIVE))
        self._apply(UpdateIndexPrice(index_price_ticks=MARK))
        for number in range(counterparties):
            is_from_bankrupt = number < 2 * BANKRUPTS
            seller = FIRST_BANKRUPT + number // 2 if is_from_bankrupt else HOUSE
            price = MARK if is_from_bankrupt else MARK - 100 + number * 7 % 200
            self._order(seller, Side.SHORT, price, 50 if is_from_bankrupt else 1)
            leverage = LEVERAGES[number * 11 % len(LEVERAGES)]
            self._order(FIRST_LONG + number, Side.LONG, price, leverage)
        self._apply(UpdateIndexPrice(index_price_ticks=MARK))
        check_invariants(self.engine.state)

    def _apply(self, command: Command) -> None:
        self.engine.apply(command, START_MS)

    def _order(self, account_id: int, side: Side, price: int, leverage: int) -> None:
        self.last_order_id += 1
        self._apply(
            PlaceOrder(
                order_id=self.last_order_id,
                account_id=account_id,
                side=side,
                order_type=OrderType.LIMIT,
                time_in_force=TimeInForce.GTC,
                price_ticks=price,
                size_lots=LOTS,
                margin_units=0,
                leverage=leverage,
                hold_units=2 * CONFIG.units_per_tick_lot * price * LOTS,
                maker_fee_ppm=200,
                taker_fee_ppm=500,
                reduce_only=False,
                self_trade_prevention=SelfTradePrevention.EXPIRE_MAKER,
            )
        )

    def snapshot(self) -> EngineSnapshot:
        return snapshot.take(self.engine.state, "1-1")


def _timed(engine: Engine, command: Command, now_ms: int) -> tuple[float, list[object]]:
    gc.collect()
    gc.freeze()
    gc.disable()
    started = time.process_time_ns()
    events = engine.apply(command, now_ms)
    spent = time.process_time_ns() - started
    gc.enable()
    return spent / 1e6, list(events)


def _deleverage(market: EngineSnapshot) -> Deleveraged:
    engine = Engine(snapshot.restore(market))
    engine.apply(UpdateIndexPrice(index_price_ticks=MARK), START_MS)
    ms, events = _timed(engine, UpdateIndexPrice(index_price_ticks=GAP), START_MS)
    check_invariants(engine.state)
    due_ms = engine.state.next_funding_ms
    engine.apply(UpdateIndexPrice(index_price_ticks=GAP), due_ms - 1)  # else the index is stale
    funded_ms, funded = _timed(engine, UpdateIndexPrice(index_price_ticks=GAP), due_ms)
    assert any(isinstance(event, FundingSettled) for event in funded)
    trades = [event for event in events if isinstance(event, Trade)]
    assert {trade.execution for trade in trades} == {ExecutionType.ADL}
    return Deleveraged(
        counterparties=len(market.positions) - BANKRUPTS - 1,
        ms=ms,
        bankrupts=sum(isinstance(event, PositionLiquidated) for event in events),
        fills=len(trades),
        funded_ms=funded_ms,
    )


def measure(sizes: list[int], rounds: int) -> list[list[Deleveraged]]:
    """Round by round, in which the sizes take turns."""
    markets = [Market(size).snapshot() for size in sizes]
    return [[_deleverage(market) for market in markets] for _ in range(rounds)]


if __name__ == "__main__":
    rounds, *sizes = map(int, sys.argv[1:])
    sys.stdout.buffer.write(msgspec.json.encode(measure(sizes, rounds)))
