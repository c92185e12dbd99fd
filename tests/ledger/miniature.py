"""A market in miniature: a real engine in this process, what it says in the real output stream, and
the rows the API would have committed before each command. Commands that the ledger promises (the
holds of triggered orders) come back through the real input stream, some time later.
"""

import random
from collections import Counter, deque
from datetime import timedelta
from typing import Any

import msgspec
import redis
from django.db import transaction
from django.db.models import F

from accounts.models import User
from ledger.models import Account, AccountKind, EntryKind, JournalEntry, Posting, Wallet
from matching.core.engine import Engine
from matching.messages import commands as c
from matching.messages.codec import decode_command, encode_entry
from matching.messages.events import Event, OutputEntry, Trade
from matching.messages.holds import band_edges, reserve_per_lot, worst_price_ticks
from matching.messages.streams import COMMAND_FIELD, ENTRY_FIELD, input_stream, output_stream
from matching.messages.vocabulary import (
    MarketState,
    OrderType,
    SelfTradePrevention,
    Side,
    TimeInForce,
    TriggerBy,
    TriggerKind,
)
from persistence.projection.batch import EPOCH
from persistence.reading import persist_market
from persistence.recovery.starting_points import make_starting_point
from tests.builders.markets import build_market
from tests.ledger.world import make_user
from trading.commands.order_command import command_of_order
from trading.commands.outbox import NOT_YET, command_of_row
from trading.models import Order, OutboxCommand

MILLION = 1_000_000
START_MS = 1_760_000_000_000
START_TICKS = 500_000
K = 100  # money units per tick and lot
TIERS = (
    c.LeverageTier(floor_units=0, max_leverage=50, maintenance_ppm=8_000),
    c.LeverageTier(floor_units=100_000 * MILLION, max_leverage=20, maintenance_ppm=25_000),
    c.LeverageTier(floor_units=2_000_000 * MILLION, max_leverage=5, maintenance_ppm=100_000),
)
CONFIG = c.MarketConfig(
    config_version=1,
    units_per_tick_lot=K,
    min_size_lots=1,
    max_size_lots=100_000,
    min_notional_units=0,
    price_band_ppm=100_000,
    max_open_orders=40,
    max_open_interest_lots=10**9,
    tiers=TIERS,
    liquidation_fee_ppm=5_000,
    mark_clamp_ppm=50_000,
    circuit_breaker_ppm=300_000,
    index_stale_ms=10_000,
    funding_interval_ms=60_000,
    funding_interest_ppm=100,
    funding_cap_ppm=20_000,
    impact_notional_units=10_000 * MILLION,
)


class Miniature:
    """``traders_of``: another market whose traders are these, too. ``deposits``: of each, in whole
    currency; drawn by the seed if not given."""

    def __init__(
        self,
        redis_db: redis.Redis,
        seed: int,
        traders: int = 8,
        market_id: str = "MINI-PERP",
        traders_of: "Miniature | None" = None,
        deposits: int | None = None,
    ) -> None:
        self.random = random.Random(seed)
        self.redis_db = redis_db
        self.engine = Engine()
        self.now_ms = START_MS
        self.input_id = "0-0"
        self.index_ticks = START_TICKS
        self.seen: Counter[str] = Counter()
        self.promised: deque[c.Command] = deque()  # by the ledger, still on their way
        self.read_to = "0"
        self.market = build_market(
            market_id,
            max_size_lots=CONFIG.max_size_lots,
            max_open_interest_lots=CONFIG.max_open_interest_lots,
        )
        self.market.save()
        make_starting_point(self.market.pk)
        deposits = (deposits or self.random.choice([5_000, 100_000, 1_000_000])) * MILLION
        self.traders: list[User] = (
            traders_of.traders
            if traders_of
            else [make_user(f"trader{n}", deposits) for n in range(traders)]
        )
        accounts = Account.objects.filter(user__in=self.traders)
        self.accounts = {(row.user_id, row.kind): row.pk for row in accounts}
        self.send(c.ConfigureMarket(command_id=NOT_YET, config=CONFIG))
        self.send(c.SetMarketState(command_id=NOT_YET, state=MarketState.ACTIVE))
        self.say(c.UpdateIndexPrice(index_price_ticks=START_TICKS))

    # ------------------------------------------------------------------------ engine and ledger

    def say(self, command: c.Command) -> tuple[Event, ...]:
        """The engine takes it; its entry goes into the output stream."""
        self.now_ms += self.random.choice([1, 10, 100, 1_000, 2_000])
        self.input_id = f"{self.now_ms}-0"
        events = self.engine.apply(command, self.now_ms)
        entry = OutputEntry(
            seq=self.engine.seq,
            input_id=self.input_id,
            time_ms=self.now_ms,
            command_id=getattr(command, "command_id", 0),
            events=events,
        )
        stream_id = f"{entry.seq}-0"
        self.redis_db.xadd(
            output_stream(self.market.pk), {ENTRY_FIELD: encode_entry(entry)}, id=stream_id
        )
        for event in events:
            name = type(event).__name__
            self.seen[f"{name}:{event.execution}" if isinstance(event, Trade) else name] += 1
        return events

    def send(self, command: c.Command) -> tuple[Event, ...]:
        """As its outbox row, and then to the engine."""
        payload = msgspec.to_builtins(command)
        del payload["command_id"]
        row = OutboxCommand.objects.create(
            market=self.market, command_type=type(command).__name__, payload=payload
        )
        return self.say(command_of_row(row))

    def persist(self) -> None:
        assert persist_market(self.market.pk) == self.engine.seq
        entries: Any = self.redis_db.xrange(input_stream(self.market.pk), min=f"({self.read_to}")
        for stream_id, fields in entries:
            self.promised.append(decode_command(fields[COMMAND_FIELD]))
            self.read_to = stream_id.decode()

    def deliver_promised(self) -> None:
        while self.promised:
            self.say(self.promised.popleft())

    @transaction.atomic
    def hold(self, user: User, units: int, kind: EntryKind, order_id: int | None = None) -> bool:
        """From available to held, as the API does it; whether the wallet had it."""
        wallets = Wallet.objects.filter(user=user, available_units__gte=units)
        if not wallets.update(
            available_units=F("available_units") - units, held_units=F("held_units") + units
        ):
            return False
        if units:
            entry = JournalEntry.objects.create(
                kind=kind,
                market=self.market,
                order_id=order_id,
                created_at=EPOCH + timedelta(milliseconds=self.now_ms),
            )
            moved = {AccountKind.AVAILABLE: -units, AccountKind.HELD: units}
            Posting.objects.bulk_create(
                Posting(entry=entry, account_id=self.accounts[user.pk, k], amount_units=amount)
                for k, amount in moved.items()
            )
        return True

    # --------------------------------------------------------------------------------- a step

    def step(self) -> None:
        """Something at random that a trader, an operator or the price source does."""
        actions = (
            (55, self.place),
            (4, self.cancel),
            (2, self.cancel_all),
            (7, self.amend),
            (2, self.amend_conditional),
            (4, self.adjust_margin),
            (1, self.fund_insurance),
            (2, self.set_countdown),
            (3, self.set_state),
            (16, self.move_price),
        )
        weights, calls = zip(*actions, strict=True)
        self.random.choices(calls, weights)[0]()
        if self.promised and self.random.random() < 0.3:
            command = self.promised.popleft()
            self.say(command)
            if self.random.random() < 0.2:
                self.say(command)  # delivered twice
        if self.random.random() < 0.05:
            self.persist()

    def place(self) -> None:
        order = self._random_order()
        hold_units = 0
        if not order.reduce_only and order.trigger_kind is None:
            hold_units = self._hold_of(order)
            if self.random.random() < 0.05:
                hold_units = hold_units * self.random.randint(1, 100) // 100
        attached = self._attached_to(order) if self.random.random() < 0.1 else []
        with transaction.atomic():
            order.hold_units = order.held_units = hold_units
            Order.objects.bulk_create([*attached, order])  # ids in this order
            for one in attached:
                one.parent = order
                one.save()
            if not self.hold(order.user, hold_units, EntryKind.ORDER_HOLD, order.pk):
                transaction.set_rollback(True)
                return
        for one in attached:
            self.say(command_of_order(one))
        command = command_of_order(order)
        self.say(command)
        if self.random.random() < 0.05:
            self.say(command)

    def _attached_to(self, entry: Order) -> list[Order]:
        """A take-profit and a stop-loss, or one that trails."""
        found = [self._random_order(), self._random_order()]
        for order in found:
            order.trigger_callback_ppm = order.trigger_price_ticks = 0
            order.hold_units = order.held_units = 0
            self._make_conditional(order)
            order.user, order.size_lots = entry.user, entry.size_lots
            order.side = Side.SHORT if entry.side == Side.LONG else Side.LONG
            order.reduce_only, order.close_position, order.margin_units = True, False, 0
        return [] if entry.reduce_only else found

    def _random_order(self) -> Order:
        pick = self.random.choice
        mark = self.mark_ticks
        side = pick(list(Side))
        order_type = pick([OrderType.LIMIT, OrderType.LIMIT, OrderType.MARKET])
        lower, upper = band_edges(mark, CONFIG.price_band_ppm)
        price, tif = (upper if side is Side.LONG else lower), TimeInForce.IOC
        if order_type is OrderType.LIMIT:
            price = self._near_mark(0.004)
            tif = pick([*TimeInForce, *[TimeInForce.GTC] * 3])
        size_lots = self.random.randint(1, pick([50, 2_000]))
        now = EPOCH + timedelta(milliseconds=self.now_ms)
        order = Order(
            user=pick(self.traders),
            market=self.market,
            side=side,
            order_type=order_type,
            time_in_force=tif,
            price_ticks=price,
            size_lots=size_lots,
            margin_units=pick([0, 0, size_lots * (K * price // pick([2, 10, 45])) + 7]),
            leverage=pick([1, 5, 10, 20, 50]),
            reduce_only=self.random.random() < 0.15,
            self_trade_prevention=pick(list(SelfTradePrevention)),
            maker_fee_ppm=pick([-100, 0, 200]),
            taker_fee_ppm=pick([200, 500]),
            created_at=now,
            updated_at=now,
        )
        if self.random.random() < 0.1:
            order.expires_at = now + timedelta(milliseconds=pick([3_000, 100_000]))
        if self.random.random() < 0.25:
            self._make_conditional(order)
        return order

    def _make_conditional(self, order: Order) -> None:
        kind = self.random.choice(list(TriggerKind))
        order.trigger_kind = kind
        order.trigger_by = self.random.choice(list(TriggerBy))
        if kind is TriggerKind.TRAILING_STOP:
            order.trigger_callback_ppm = self.random.choice([1_000, 10_000])
        else:
            order.trigger_price_ticks = self._near_mark(0.01)
        if self.random.random() < 0.3:
            order.close_position = order.reduce_only = True

    def _near_mark(self, spread: float) -> int:
        return max(1, round(self.mark_ticks * (1 + self.random.gauss(0, spread))))

    def _hold_of(self, order: Order) -> int:
        mark, side = self.mark_ticks, Side(order.side)
        best_bid = self.engine.state.book.best_bid_ticks()
        order_type = OrderType(order.order_type)
        return order.size_lots * reserve_per_lot(
            units_per_tick_lot=K,
            taker_fee_ppm=order.taker_fee_ppm,
            side=side,
            worst_ticks=worst_price_ticks(side, order_type, order.price_ticks, mark, best_bid),
            mark_ticks=mark,
            named_margin_per_lot_units=order.margin_units // order.size_lots,
            leverage=order.leverage,
        )

    @property
    def mark_ticks(self) -> int:
        return self.engine.state.mark_price_ticks or self.index_ticks

    # ------------------------------------------------------------------------ other commands

    def cancel(self) -> None:
        accounts = list(self.engine.state.accounts.values())
        ids = [(a.account_id, i) for a in accounts for i in (*a.open_orders, *a.waiting)]
        if ids:
            account_id, order_id = self.random.choice(ids)
            self.send(c.CancelOrder(command_id=NOT_YET, order_id=order_id, account_id=account_id))

    def cancel_all(self) -> None:
        side = self.random.choice([None, *Side])
        account_id = self.random.choice(self.traders).pk
        self.send(c.CancelAllOrders(command_id=NOT_YET, account_id=account_id, side=side))

    def amend(self) -> None:
        orders = list(self.engine.state.book.orders.values())
        if not orders:
            return
        order = self.random.choice(orders)
        price = order.price_ticks if self.random.random() < 0.5 else self._near_mark(0.004)
        share = self.random.choice([0.5, 1, 2])
        size = order.filled_lots + max(1, int(order.remaining_lots * share))
        hold_units = 0
        if not order.reduce_only and self.random.random() < 0.7:
            hold_units = 2 * K * price * size // order.leverage
        user = next(user for user in self.traders if user.pk == order.account_id)
        if self.hold(user, hold_units, EntryKind.AMEND_HOLD, order.order_id):
            self.send(
                c.AmendOrder(
                    command_id=NOT_YET,
                    order_id=order.order_id,
                    account_id=order.account_id,
                    price_ticks=price,
                    size_lots=size,
                    hold_units=hold_units,
                )
            )

    def amend_conditional(self) -> None:
        waiting = list(self.engine.state.triggers.orders.values())
        if waiting:
            command = self.random.choice(waiting).command
            self.send(
                c.AmendConditional(
                    command_id=NOT_YET,
                    order_id=command.order_id,
                    account_id=command.account_id,
                    size_lots=self.random.choice([0, 1, command.size_lots + 1]),
                    trigger_price_ticks=self._near_mark(0.01),
                    callback_ppm=self.random.choice([0, 5_000]),
                )
            )

    def adjust_margin(self) -> None:
        user = self.random.choice(self.traders)
        amount = self.random.choice([1, 10**6, 10**9, -1, -(10**6), -(10**8)])
        if self.hold(user, max(0, amount), EntryKind.MARGIN_HOLD):
            self.send(c.AdjustMargin(command_id=NOT_YET, account_id=user.pk, amount_units=amount))

    def fund_insurance(self) -> None:
        amount = self.random.choice([1, 10**7, 10**10])
        self.send(c.FundInsurance(command_id=NOT_YET, amount_units=amount))

    def set_countdown(self) -> None:
        user, ms = self.random.choice(self.traders), self.random.choice([0, 5_000, 100_000])
        self.send(c.SetCountdown(command_id=NOT_YET, account_id=user.pk, countdown_ms=ms))

    def set_state(self) -> None:
        state = MarketState.ACTIVE
        if self.engine.state.market_state is state and self.random.random() < 0.5:
            state = self.random.choice(
                [MarketState.POST_ONLY, MarketState.REDUCE_ONLY, MarketState.HALTED]
            )
        self.send(c.SetMarketState(command_id=NOT_YET, state=state))

    def move_price(self) -> None:
        jump = self.random.choice([-0.5, -0.2, -0.1, 0.1, 0.2, 0.5])
        change = self.random.gauss(0, 0.003) if self.random.random() < 0.95 else jump
        self.index_ticks = min(5_000_000, max(1_000, round(self.index_ticks * (1 + change))))
        known = self.index_ticks if self.random.random() < 0.98 else 0
        self.say(c.UpdateIndexPrice(index_price_ticks=known))

    def settle(self) -> None:
        self.send(c.SettleMarket(command_id=NOT_YET, price_ticks=self.index_ticks))
