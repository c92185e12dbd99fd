"""Named traders on one market, to write scenarios as they would be told.

    exchange = Exchange(mark=1_000)
    alice, bob = exchange.traders("alice", "bob")
    ask = bob.sells(5, at=1_001, leverage=10)
    alice.buys(5, at=1_001, leverage=10)

Every command is checked for invariants, and for money that adds up. Lots are lots, prices ticks,
money units. By default one tick times one lot is 1,000 units, makers pay 200 ppm, takers 500 ppm.
"""

from dataclasses import dataclass

from matching.core.engine import Engine
from matching.core.invariants import check_invariants
from matching.messages.commands import (
    CancelAllOrders,
    CancelOrder,
    Command,
    ConfigureMarket,
    MarketConfig,
    PlaceOrder,
    SetMarketState,
    UpdateIndexPrice,
)
from matching.messages.events import (
    Event,
    OrderAccepted,
    OrderCancelled,
    OrderRejected,
    OrderRested,
    Trade,
    TradeLeg,
)
from matching.messages.vocabulary import (
    MarketState,
    OrderType,
    SelfTradePrevention,
    Side,
    TimeInForce,
)
from tests.matching.audit import Audit

FUNDS = 1_000_000_000  # what every trader starts with
PLENTY_PER_LOT = 3_000_000  # a hold that never runs short at prices around 1,000


@dataclass
class Placed:
    """An order, and all that placing it caused."""

    order_id: int
    events: tuple[Event, ...]

    @property
    def trades(self) -> list[Trade]:
        return [event for event in self.events if isinstance(event, Trade)]

    @property
    def fills(self) -> list[tuple[int, int]]:
        """(price, lots) of each trade."""
        return [(trade.price_ticks, trade.size_lots) for trade in self.trades]

    @property
    def cancels(self) -> list[tuple[int, str, int, int]]:
        """(order, reason, lots, remaining), also of others' orders."""
        return [
            (e.order_id, str(e.reason), e.cancelled_lots, e.remaining_lots)
            for e in self.events
            if isinstance(e, OrderCancelled)
        ]

    @property
    def accepted(self) -> OrderAccepted | None:
        return next((e for e in self.events if isinstance(e, OrderAccepted)), None)

    @property
    def rested(self) -> OrderRested | None:
        return next((e for e in self.events if isinstance(e, OrderRested)), None)

    @property
    def refused(self) -> str | None:
        return next((str(e.code) for e in self.events if isinstance(e, OrderRejected)), None)

    @property
    def names(self) -> list[str]:
        return [type(event).__name__ for event in self.events]


class Exchange:
    def __init__(
        self,
        mark: int = 1_000,
        *,
        state: MarketState = MarketState.ACTIVE,
        units_per_tick_lot: int = 1_000,
        min_size_lots: int = 1,
        max_size_lots: int = 1_000,
        min_notional_units: int = 0,
        price_band_ppm: int = 100_000,
        maker_fee_ppm: int = 200,
        taker_fee_ppm: int = 500,
        max_leverage: int = 20,
        max_open_orders: int = 100,
        max_open_interest_lots: int = 10_000,
    ) -> None:
        self.engine = Engine()
        self.audit = Audit()
        self.config = MarketConfig(
            config_version=1,
            units_per_tick_lot=units_per_tick_lot,
            min_size_lots=min_size_lots,
            max_size_lots=max_size_lots,
            min_notional_units=min_notional_units,
            price_band_ppm=price_band_ppm,
            maker_fee_ppm=maker_fee_ppm,
            taker_fee_ppm=taker_fee_ppm,
            max_leverage=max_leverage,
            max_open_orders=max_open_orders,
            max_open_interest_lots=max_open_interest_lots,
        )
        self._last_command_id = 0
        self._last_order_id = 0
        self.send(ConfigureMarket(command_id=self.next_command_id(), config=self.config))
        self.enter(state)
        if mark:
            self.mark(mark)

    def traders(self, *names: str) -> "list[Trader]":
        return [Trader(self, number, name) for number, name in enumerate(names, 1)]

    def send(self, command: Command) -> tuple[Event, ...]:
        events = self.engine.apply(command, 1_000)
        check_invariants(self.engine.state)
        self.audit.record(command, events)
        return events

    def mark(self, price: int) -> tuple[Event, ...]:
        return self.send(UpdateIndexPrice(index_price_ticks=price))

    def enter(self, state: MarketState) -> tuple[Event, ...]:
        return self.send(SetMarketState(command_id=self.next_command_id(), state=state))

    def next_command_id(self) -> int:
        self._last_command_id += 1
        return self._last_command_id

    def next_order_id(self) -> int:
        self._last_order_id += 1
        return self._last_order_id

    @property
    def bids(self) -> list[tuple[int, int]]:
        return [
            (level.price_ticks, level.size_lots) for level in self.engine.state.book.bids.levels()
        ]

    @property
    def asks(self) -> list[tuple[int, int]]:
        return [
            (level.price_ticks, level.size_lots) for level in self.engine.state.book.asks.levels()
        ]


@dataclass
class Trader:
    exchange: Exchange
    account_id: int
    name: str

    def buys(self, lots: int, at: int | None = None, **terms: object) -> Placed:
        return self._order(Side.LONG, lots, at, **terms)  # type: ignore[arg-type]

    def sells(self, lots: int, at: int | None = None, **terms: object) -> Placed:
        return self._order(Side.SHORT, lots, at, **terms)  # type: ignore[arg-type]

    def _order(
        self,
        side: Side,
        lots: int,
        at: int | None,
        *,
        margin: int = 0,
        leverage: int = 10,
        hold: int | None = None,
        tif: TimeInForce | None = None,
        reduce_only: bool = False,
        stp: SelfTradePrevention = SelfTradePrevention.EXPIRE_MAKER,
        worst: int | None = None,
    ) -> Placed:
        """A limit order at ``at``, or a market order no worse than ``worst`` ticks."""
        is_market = at is None
        if hold is None:
            hold = 0 if reduce_only else margin + PLENTY_PER_LOT * lots
        command = PlaceOrder(
            order_id=self.exchange.next_order_id(),
            account_id=self.account_id,
            side=side,
            order_type=OrderType.MARKET if is_market else OrderType.LIMIT,
            time_in_force=tif or (TimeInForce.IOC if is_market else TimeInForce.GTC),
            price_ticks=at or worst or (10**6 if side is Side.LONG else 1),
            size_lots=lots,
            margin_units=margin,
            leverage=leverage,
            hold_units=hold,
            reduce_only=reduce_only,
            self_trade_prevention=stp,
        )
        return Placed(command.order_id, self.exchange.send(command))

    def cancels(self, order: Placed) -> Placed:
        command = CancelOrder(
            command_id=self.exchange.next_command_id(),
            order_id=order.order_id,
            account_id=self.account_id,
        )
        return Placed(order.order_id, self.exchange.send(command))

    def cancels_all(self) -> Placed:
        command = CancelAllOrders(
            command_id=self.exchange.next_command_id(), account_id=self.account_id
        )
        return Placed(0, self.exchange.send(command))

    @property
    def available(self) -> int:
        return FUNDS + self.exchange.audit.available[self.account_id]

    @property
    def held(self) -> int:
        orders = self.exchange.audit.orders.values()
        return sum(order.hold for order in orders if order.account_id == self.account_id)

    @property
    def position(self) -> tuple[int, int, int]:
        """Lots, entry cost and margin, as last told."""
        audit = self.exchange.audit
        return (
            audit.lots[self.account_id],
            audit.cost[self.account_id],
            audit.margin[self.account_id],
        )


def money_of(leg: TradeLeg) -> tuple[int, int, int, int, int]:
    """(hold released, margin delta, realised profit, fee, available delta)"""
    return (
        leg.hold_released_units,
        leg.margin_delta_units,
        leg.realized_pnl_units,
        leg.fee_units,
        leg.available_delta_units,
    )


def positioned(exchange: Exchange, long: Trader, short: Trader, lots: int) -> None:
    """``long`` buys from ``short`` at 1,000."""
    short.sells(lots, at=1_000)
    long.buys(lots, at=1_000)
