"""An engine whose every number is measured, and traders who send it nothing but extreme values."""

import random
from collections import Counter
from typing import Any

import msgspec
from msgspec import UNSET

from matching.core.engine import Engine
from matching.core.market import snapshot
from matching.core.market.invariants import check_invariants
from matching.messages.codec import decode_command, decode_entry, encode_command, encode_entry
from matching.messages.commands import (
    ActivateOrder,
    AdjustMargin,
    AmendConditional,
    AmendOrder,
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
    MarkPriceChanged,
    OrderAccepted,
    OutputEntry,
)
from matching.messages.limits import (
    MAX_ID,
    MAX_MONEY_UNITS,
    MAX_NOTIONAL_UNITS,
    MAX_OPEN_INTEREST_UNITS,
    MAX_PRICE_TICKS,
    MAX_SIZE_LOTS,
    MAX_TIME_MS,
    PPM,
    highest_price_ticks,
)
from matching.messages.snapshot import decode_snapshot, encode_snapshot
from matching.messages.vocabulary import (
    MarketState,
    OrderType,
    SelfTradePrevention,
    Side,
    TimeInForce,
    TriggerBy,
    TriggerKind,
)

INT64 = 2**63
START_MS = 1_700_000_000_000
RULES = MarketConfig(
    config_version=1,
    units_per_tick_lot=1,
    min_size_lots=1,
    max_size_lots=MAX_SIZE_LOTS,
    min_notional_units=0,
    price_band_ppm=PPM - 1,
    max_open_orders=100_000,
    max_open_interest_lots=MAX_SIZE_LOTS,
    tiers=(LeverageTier(floor_units=0, max_leverage=1, maintenance_ppm=1),),
    liquidation_fee_ppm=0,
    mark_clamp_ppm=PPM - 1,
    circuit_breaker_ppm=0,
    index_stale_ms=3_600_000,
    funding_interval_ms=60_000,
    funding_interest_ppm=0,
    funding_cap_ppm=PPM,
    impact_notional_units=1,
)


def numbers(value: Any) -> list[int]:
    if isinstance(value, bool | str | None):
        return []
    if isinstance(value, int):
        return [value]
    if isinstance(value, dict):
        return [number for part in value.values() for number in numbers(part)]
    return [number for part in value for number in numbers(part)]


class Bounded:
    """An engine whose every entry and snapshot is written down, read again and measured."""

    def __init__(self, **rules: Any) -> None:
        self.engine = Engine()
        self.now_ms = START_MS
        self.last_id = 0
        self.version = 0
        self.configure(**rules)
        self.does(SetMarketState(command_id=self.id(), state=MarketState.ACTIVE))

    def id(self) -> int:
        self.last_id += 1
        return self.last_id

    def does(self, command: Command) -> tuple[Event, ...]:
        decode_command(encode_command(command))  # within the contract
        events = self.engine.apply(command, self.now_ms)
        state = self.engine.state
        entry = OutputEntry(
            seq=state.seq, input_id="1-1", time_ms=state.clock_ms, command_id=0, events=events
        )
        assert decode_entry(encode_entry(entry)) == entry
        self.measure(msgspec.to_builtins(entry))
        check_invariants(state)
        return events

    def look_at_snapshot(self) -> None:
        frozen = snapshot.take(self.engine.state, "1-1")
        assert decode_snapshot(encode_snapshot(frozen)) == frozen
        self.measure(msgspec.to_builtins(frozen))

    def measure(self, told: Any) -> None:
        assert all(-INT64 <= number < INT64 for number in numbers(told)), told

    def says(self, command: Command) -> Event:
        """The command's own event: the first that is no price."""
        return next(e for e in self.does(command) if not isinstance(e, MarkPriceChanged))

    def configure(self, **rules: Any) -> Event:
        self.version += 1
        config = msgspec.structs.replace(RULES, config_version=self.version, **rules)
        (event,) = self.does(ConfigureMarket(command_id=self.id(), config=config))
        return event

    def index(self, price_ticks: int) -> tuple[Event, ...]:
        return self.does(UpdateIndexPrice(index_price_ticks=price_ticks))

    def order(self, account_id: int, side: Side, lots: int, price: int, **terms: Any) -> PlaceOrder:
        given: dict[str, Any] = {
            "order_type": OrderType.LIMIT,
            "time_in_force": TimeInForce.GTC,
            "margin_units": 0,
            "leverage": 1,
            "hold_units": min(MAX_MONEY_UNITS, 4 * lots * price * RULES.units_per_tick_lot),
            "maker_fee_ppm": 0,
            "taker_fee_ppm": 0,
            "reduce_only": False,
            "self_trade_prevention": SelfTradePrevention.EXPIRE_MAKER,
        }
        return PlaceOrder(
            order_id=self.id(),
            account_id=account_id,
            side=side,
            size_lots=lots,
            price_ticks=price,
            **(given | terms),
        )

    def trade(self, lots: int, price: int) -> None:
        """Account 1 buys them from account 2."""
        for account_id, side in ((1, Side.LONG), (2, Side.SHORT)):
            assert isinstance(self.says(self.order(account_id, side, lots, price)), OrderAccepted)
        assert self.engine.state.open_interest_lots >= lots


class Extreme:
    """Draws commands of which every number is at an end of its range, or near what the market
    allows just now."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.market = Bounded(**self.rules())
        self.orders: list[tuple[int, int]] = []
        for _ in range(self.rng.choice((0, 0, 9))):  # of the money that a market takes nine tenths
            full = FundInsurance(command_id=self.market.id(), amount_units=MAX_MONEY_UNITS)
            self.market.does(full)

    def power(self, most: int, least: int = 1) -> int:
        """From the whole range, by magnitude; the ends often."""
        rng = self.rng
        if rng.random() < 0.3:
            return rng.choice((least, most))
        return max(least, min(most, int(10 ** rng.uniform(0, 19)) % (most + 1)))

    def rules(self) -> dict[str, Any]:
        rng = self.rng
        return {
            "units_per_tick_lot": rng.choice((1, 1, 100, 10**6, 10**12)),
            "price_band_ppm": rng.choice((1, 100_000, PPM - 1)),
            "max_open_interest_lots": rng.choice((1, 10**6, MAX_SIZE_LOTS, MAX_SIZE_LOTS)),
            "tiers": rng.choice(
                (
                    (LeverageTier(floor_units=0, max_leverage=1, maintenance_ppm=PPM - 1),),
                    (LeverageTier(floor_units=0, max_leverage=1_000, maintenance_ppm=999),),
                    (
                        LeverageTier(floor_units=0, max_leverage=1_000, maintenance_ppm=1),
                        LeverageTier(
                            floor_units=MAX_MONEY_UNITS, max_leverage=1, maintenance_ppm=900_000
                        ),
                    ),
                )
            ),
            "liquidation_fee_ppm": rng.choice((0, 0, 100_000)),
            "mark_clamp_ppm": rng.choice((1, PPM - 1)),
            "funding_interest_ppm": rng.choice((0, PPM)),
            "funding_cap_ppm": rng.choice((1, PPM)),
            "impact_notional_units": rng.choice((0, 1, MAX_MONEY_UNITS)),
        }

    def price(self) -> int:
        state = self.market.engine.state
        around = [state.mark_price_ticks, 2 * state.mark_price_ticks - 1, state.index_price_ticks]
        near = self.rng.choice(around)
        return near if 0 < near <= MAX_PRICE_TICKS else self.power(MAX_PRICE_TICKS)

    def index(self) -> int:
        state = self.market.engine.state
        highest = highest_price_ticks(state.tiers.k or 1, state.open_interest_lots)
        known = [highest, highest + 1, max(1, highest // 5), state.index_price_ticks * 2]
        wanted = self.rng.choice([*known, 0, 1, self.power(MAX_PRICE_TICKS)])
        return min(MAX_PRICE_TICKS, wanted)

    def lots(self, price: int) -> int:
        """The most that is allowed, a lot more, or anything."""
        state = self.market.engine.state
        value = max(1, state.tiers.k * max(price, state.mark_price_ticks))
        room = MAX_OPEN_INTEREST_UNITS // value - state.open_interest_lots
        most = MAX_NOTIONAL_UNITS // (state.tiers.k * price) if state.tiers.k else 1
        lots = self.rng.choice((1, room, room + 1, most, most + 1, self.power(MAX_SIZE_LOTS)))
        return max(1, min(MAX_SIZE_LOTS, lots))

    def place(self) -> Command:
        rng, price = self.rng, self.price()
        lots = self.lots(price)
        trigger = None
        if rng.random() < 0.1:
            trigger = Trigger(
                kind=rng.choice((TriggerKind.STOP, TriggerKind.TAKE_PROFIT)),
                by=rng.choice((TriggerBy.MARK, TriggerBy.LAST)),
                price_ticks=self.price(),
            )
        value = lots * price * self.market.engine.state.tiers.k
        hold = rng.choice((MAX_MONEY_UNITS, min(MAX_MONEY_UNITS, 2 * value), self.money()))
        taker_fee = rng.choice((0, 0, PPM))
        order = self.market.order(
            rng.choice((1, 2, 3, MAX_ID)),
            rng.choice((Side.LONG, Side.SHORT)),
            lots,
            price,
            margin_units=rng.choice((0, 0, MAX_MONEY_UNITS, min(MAX_MONEY_UNITS, value))),
            leverage=rng.choice((1, 1_000)),
            hold_units=hold,
            taker_fee_ppm=taker_fee,
            maker_fee_ppm=rng.choice((-taker_fee, taker_fee)),
            reduce_only=rng.random() < 0.1,
            expires_ms=rng.choice((0, 0, MAX_ID)),
            trigger=trigger,
        )
        self.orders.append((order.order_id, order.account_id))
        return order

    def money(self) -> int:
        return self.power(MAX_MONEY_UNITS)

    def amendment(self, new_id: int, order_id: int, account_id: int) -> Command:
        rng, price = self.rng, self.price()
        who = {"command_id": new_id, "order_id": order_id, "account_id": account_id}
        if rng.random() < 0.5:
            return AmendOrder(
                price_ticks=price,
                size_lots=self.lots(price),
                hold_units=rng.choice((0, MAX_MONEY_UNITS, self.money())),
                keeps_price=rng.choice((UNSET, True)),
                keeps_size=rng.choice((UNSET, True)),
                visible_lots=rng.choice((UNSET, UNSET, 1, self.lots(price))),
                **who,
            )
        waiting = list(self.market.engine.state.triggers.orders.values())
        if waiting:
            one = rng.choice(waiting).command
            who |= {"order_id": one.order_id, "account_id": one.account_id}
        return AmendConditional(
            size_lots=rng.choice((0, self.lots(price), MAX_SIZE_LOTS)),
            price_ticks=rng.choice((0, price)),
            trigger_price_ticks=rng.choice((0, self.price())),
            callback_ppm=rng.choice((0, 1, PPM - 1)),
            **who,
        )

    def command(self) -> Command:
        rng, new_id = self.rng, self.market.id()
        order_id, account_id = rng.choice(self.orders[-20:] or [(1, 1)])
        match rng.randrange(16):
            case 0 | 1 | 2:
                return UpdateIndexPrice(index_price_ticks=self.index())
            case 3:
                amount = rng.choice((1, -1)) * self.money()
                return AdjustMargin(command_id=new_id, account_id=account_id, amount_units=amount)
            case 4:
                return FundInsurance(command_id=new_id, amount_units=self.money())
            case 5 | 11:
                return self.amendment(new_id, order_id, account_id)
            case 6:
                return CancelOrder(command_id=new_id, order_id=order_id, account_id=account_id)
            case 7:
                return ActivateOrder(
                    command_id=new_id,
                    order_id=order_id,
                    account_id=account_id,
                    hold_units=rng.choice((0, MAX_MONEY_UNITS)),
                )
            case 8:
                return SetCountdown(
                    command_id=new_id, account_id=account_id, countdown_ms=86_400_000
                )
            case 9:
                self.market.version += 1
                rules = self.rules() | {"config_version": self.market.version}
                config = msgspec.structs.replace(RULES, **rules)
                return ConfigureMarket(command_id=new_id, config=config)
            case 10:
                return SetMarketState(command_id=new_id, state=MarketState.ACTIVE)
        return self.place()

    def run(self, steps: int) -> Counter[str]:
        seen: Counter[str] = Counter()
        for step in range(steps):
            late = self.rng.random() < 0.02
            self.market.now_ms += 60_000 if late else self.rng.randrange(2_000)
            if self.rng.random() < 0.001:
                self.market.now_ms = MAX_TIME_MS
            for event in self.market.does(self.command()):
                code = getattr(event, "code", "")
                seen[f"{type(event).__name__} {code}".strip()] += 1
            if step % 20 == 0:
                self.market.look_at_snapshot()
        price = self.index() or 1
        self.market.does(SettleMarket(command_id=self.market.id(), price_ticks=price))
        self.market.look_at_snapshot()
        return seen
