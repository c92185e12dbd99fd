"""Named traders on one market, to write scenarios as they would be told.

    exchange = Exchange(mark=1_000)
    alice, bob = exchange.traders("alice", "bob")
    ask = bob.sells(5, at=1_001, leverage=10)
    alice.buys(5, at=1_001, leverage=10)

Every command is checked for invariants, and for money that adds up. Lots are lots, prices ticks,
money units. By default one tick times one lot is 1,000 units, makers pay 200 ppm, takers 500 ppm,
maintenance margin is 1 % and a liquidation costs nothing. The mark price follows the index price to
the tick, whatever the book says, unless `mark_clamp_ppm` is given.
"""

from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from matching.core.engine import Engine
from matching.core.market import snapshot
from matching.core.market.invariants import check_invariants
from matching.messages.commands import (
    ActivateOrder,
    AdjustMargin,
    AdvanceClock,
    AmendConditional,
    AmendOrder,
    CancelAllOrders,
    CancelOrder,
    Command,
    ConfigureMarket,
    FundInsurance,
    LeverageTier,
    MarketConfig,
    PlaceOrder,
    SetCountdown,
    SetMarketState,
    SettleMarket,
    Trigger,
    UpdateIndexPrice,
)
from matching.messages.events import (
    Event,
    TradeLeg,
)
from matching.messages.snapshot import decode_snapshot, encode_snapshot
from matching.messages.vocabulary import (
    MarketState,
    OrderType,
    PriceMatch,
    SelfTradePrevention,
    Side,
    TimeInForce,
)
from tests.matching.audit import Audit
from tests.matching.conditions import one_tier, stop_at, take_profit_at, trailing_stop_at
from tests.matching.placed import Placed, every, only

__all__ = ["every", "one_tier", "only", "stop_at", "take_profit_at", "trailing_stop_at"]

FUNDS = 1_000_000_000  # what every trader starts with
PLENTY_PER_LOT = 3_000_000  # a hold that never runs short at prices around 1,000
HOUR_MS = 3_600_000
START_MS = 1_002 * HOUR_MS  # six hours before a funding time

RULES = MarketConfig(
    config_version=1,
    units_per_tick_lot=1_000,
    min_size_lots=1,
    max_size_lots=1_000,
    min_notional_units=0,
    price_band_ppm=100_000,
    max_open_orders=100,
    max_open_interest_lots=10_000,
    tiers=(LeverageTier(floor_units=0, max_leverage=20, maintenance_ppm=10_000),),
    liquidation_fee_ppm=0,
    mark_clamp_ppm=1,
    circuit_breaker_ppm=0,
    index_stale_ms=HOUR_MS,
    funding_interval_ms=8 * HOUR_MS,
    funding_interest_ppm=0,
    funding_cap_ppm=20_000,
    impact_notional_units=10**9,
)


class Exchange:
    def __init__(
        self,
        mark: int = 1_000,
        *,
        state: MarketState = MarketState.ACTIVE,
        maker_fee_ppm: int = 200,
        taker_fee_ppm: int = 500,
        insurance: int = 0,
        **rules: Any,
    ) -> None:
        """``rules`` are those of `MarketConfig` that differ from `RULES`."""
        self.engine = Engine()
        self.audit = Audit()
        self.now_ms = START_MS
        self.fees_ppm = (maker_fee_ppm, taker_fee_ppm)
        self.config = msgspec.structs.replace(RULES, **rules)
        self._last_command_id = 0
        self._last_order_id = 0
        self.send(ConfigureMarket(command_id=self.next_command_id(), config=self.config))
        self.enter(state)
        if mark:
            self.mark(mark)
        if insurance:
            self.insures(insurance)

    def traders(self, *names: str) -> "list[Trader]":
        return [Trader(self, number, name) for number, name in enumerate(names, 1)]

    def send(self, command: Command) -> tuple[Event, ...]:
        events = self.engine.apply(command, self.now_ms)
        check_invariants(self.engine.state)
        self.audit.record(command, events)
        return events

    def passes(self, duration_ms: int) -> None:
        """Time; nothing happens before the next command."""
        self.now_ms += duration_ms

    def restarts(self) -> None:
        """From a snapshot that has been written and read, as after a crash."""
        frame = encode_snapshot(snapshot.take(self.engine.state, "1-1"))
        digest = self.engine.digest()
        self.engine = Engine(snapshot.restore(decode_snapshot(frame)))
        assert self.engine.digest() == digest

    def configures(self, **rules: Any) -> tuple[Event, ...]:
        version = self.config.config_version + 1
        self.config = msgspec.structs.replace(self.config, config_version=version, **rules)
        return self.send(ConfigureMarket(command_id=self.next_command_id(), config=self.config))

    def mark(self, price: int) -> tuple[Event, ...]:
        return self.send(UpdateIndexPrice(index_price_ticks=price))

    def ticks(self) -> tuple[Event, ...]:
        """Its clock is moved, and nothing else."""
        return self.send(AdvanceClock())

    def insures(self, units: int) -> tuple[Event, ...]:
        return self.send(FundInsurance(command_id=self.next_command_id(), amount_units=units))

    def settles(self, price: int) -> tuple[Event, ...]:
        return self.send(SettleMarket(command_id=self.next_command_id(), price_ticks=price))

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
        fees_ppm: tuple[int, int] | None = None,
        close_position: bool = False,
        expires_ms: int = 0,
        trigger: Trigger | None = None,
        attached_to: int = 0,
        match: PriceMatch | UnsetType = UNSET,
        other: int = 0,
        shows: int = 0,
    ) -> Placed:
        """A limit order at ``at``, or no worse than ``worst`` ticks one that takes its price from
        the book or a market order."""
        is_market = at is None and match is UNSET
        maker_fee_ppm, taker_fee_ppm = fees_ppm or self.exchange.fees_ppm
        if hold is None:
            hold = 0 if reduce_only or trigger else margin + PLENTY_PER_LOT * lots
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
            maker_fee_ppm=maker_fee_ppm,
            taker_fee_ppm=taker_fee_ppm,
            reduce_only=reduce_only,
            self_trade_prevention=stp,
            close_position=close_position,
            expires_ms=expires_ms,
            trigger=trigger,
            parent_id=attached_to or UNSET,
            price_match=match,
            other_id=other or UNSET,
            visible_lots=shows or UNSET,
        )
        return Placed(command.order_id, self.exchange.send(command))

    def cancels(self, order: Placed) -> Placed:
        command = CancelOrder(
            command_id=self.exchange.next_command_id(),
            order_id=order.order_id,
            account_id=self.account_id,
        )
        return Placed(order.order_id, self.exchange.send(command))

    def cancels_all(self, side: Side | None = None, *, protective: bool = False) -> Placed:
        command_id = self.exchange.next_command_id()
        command = CancelAllOrders(
            command_id=command_id, account_id=self.account_id, side=side, protective=protective
        )
        return Placed(0, self.exchange.send(command))

    def amends(
        self,
        order: Placed,
        *,
        at: int | None = None,
        lots: int | None = None,
        shows: int = 0,
        brings: int = 0,
    ) -> Placed:
        """What is left out stays, whatever the trader believes that it is: 777 here."""
        command = AmendOrder(
            command_id=self.exchange.next_command_id(),
            order_id=order.order_id,
            account_id=self.account_id,
            price_ticks=at or 777,
            size_lots=lots or 777,
            hold_units=brings,
            keeps_price=at is None or UNSET,
            keeps_size=lots is None or UNSET,
            visible_lots=shows or UNSET,
        )
        return Placed(order.order_id, self.exchange.send(command))

    def moves(self, order: Placed, **changes: int) -> Placed:
        """Of an order that waits: ``trigger``, ``callback_ppm``, ``at`` or ``lots``."""
        names = {"trigger": "trigger_price_ticks", "at": "price_ticks", "lots": "size_lots"}
        command = AmendConditional(
            command_id=self.exchange.next_command_id(),
            order_id=order.order_id,
            account_id=self.account_id,
            **{names.get(name, name): value for name, value in changes.items()},
        )
        return Placed(order.order_id, self.exchange.send(command))

    def activates(self, order: Placed, hold: int) -> Placed:
        command = ActivateOrder(
            command_id=self.exchange.next_command_id(),
            order_id=order.order_id,
            account_id=self.account_id,
            hold_units=hold,
        )
        return Placed(order.order_id, self.exchange.send(command))

    def adds_margin(self, units: int) -> Placed:
        """Below zero takes it out."""
        command = AdjustMargin(
            command_id=self.exchange.next_command_id(),
            account_id=self.account_id,
            amount_units=units,
        )
        return Placed(0, self.exchange.send(command))

    def counts_down(self, duration_ms: int, *, protective: bool = False) -> Placed:
        command = SetCountdown(
            command_id=self.exchange.next_command_id(),
            account_id=self.account_id,
            countdown_ms=duration_ms,
            protective=protective,
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
    opens(exchange, long, short, lots, leverage=10)


def opens(exchange: Exchange, long: Trader, short: Trader, lots: int, leverage: int = 20) -> None:
    """At 1,000; the short's leverage is 10."""
    short.sells(lots, at=1_000)
    long.buys(lots, at=1_000, leverage=leverage)
