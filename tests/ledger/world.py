"""A small market with hand-computed events: what an engine would say, written down digit by digit.

One lot at one tick is 500 units. A lot at 1,000 ticks needs 50,000 of margin (10×) and 250 of taker
fee, so its reserve is 50,250; makers pay 100 a lot.
"""

import threading
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import redis
from django.db import connection
from django.utils import timezone

from accounts.models import User
from ledger import services
from ledger.models import (
    Account,
    AccountFlow,
    AccountKind,
    EntryKind,
    JournalEntry,
    Posting,
    Wallet,
)
from markets.models import Market, MarketStatus
from matching.messages.codec import encode_entry
from matching.messages.events import (
    Event,
    OrderAccepted,
    OrderCancelled,
    OrderRejected,
    OrderRested,
    OutputEntry,
    PositionChanged,
    TradeLeg,
)
from matching.messages.streams import (
    COMMAND_FIELD,
    ENTRY_FIELD,
    id_order,
    input_stream,
    output_stream,
)
from matching.messages.vocabulary import (
    CancelReason,
    OrderType,
    RejectCode,
    SelfTradePrevention,
    Side,
    TimeInForce,
)
from persistence.models import DeadLetter, MarketCursor
from persistence.recovery.starting_points import make_starting_point
from tests.builders.markets import build_market
from tests.ledger.prices import FIRST_TIME_MS
from trading.commands.publisher import last_published_id
from trading.models import Candle, Fill, Order, OutboxCommand, Position, TierDay, TraderDay

DEPOSIT_UNITS = 10_000_000
NO_COMMAND = b"{}"  # stands in the input stream for a command whose entry is told by hand


def make_market(market_id: str = "BTC-PERP") -> Market:
    """Its row alone, without configuration."""
    market = build_market(
        market_id,
        tick_size=Decimal("0.5"),
        max_size_lots=1_000_000,
        max_open_interest_lots=10_000_000,
    )
    market.save()
    return market


def open_market(market_id: str = "BTC-PERP") -> Market:
    """A market with its starting point in Redis, as the listener makes it for a new one."""
    market = make_market(market_id)
    make_starting_point(market_id)
    return market


def make_user(name: str, deposit_units: int = DEPOSIT_UNITS) -> User:
    user = User.objects.create(username=name, password="!")
    if deposit_units:
        services.deposit(user.pk, deposit_units, approved=True)
    return user


def make_order(
    user: User, market: Market, side: Side, size_lots: int, price_ticks: int, hold_units: int
) -> int:
    """A pending order with its hold, as the intake commits it."""
    now = timezone.now()
    order = Order.objects.create(
        user=user,
        market=market,
        side=side,
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        price_ticks=price_ticks,
        size_lots=size_lots,
        margin_units=0,
        leverage=10,
        reduce_only=not hold_units,
        self_trade_prevention=SelfTradePrevention.EXPIRE_MAKER,
        hold_units=hold_units,
        held_units=hold_units,
        created_at=now,
        updated_at=now,
    )
    if hold_units:
        wallet = Wallet.objects.get(user=user)
        wallet.available_units -= hold_units
        wallet.held_units += hold_units
        wallet.save()
        entry = JournalEntry.objects.create(
            kind=EntryKind.ORDER_HOLD, market=market, order_id=order.pk, created_at=now
        )
        accounts = {a.kind: a for a in Account.objects.filter(user=user)}
        Posting.objects.bulk_create(
            [
                Posting(
                    entry=entry, account=accounts[AccountKind.AVAILABLE], amount_units=-hold_units
                ),
                Posting(entry=entry, account=accounts[AccountKind.HELD], amount_units=hold_units),
            ]
        )
    return order.pk


def leg(order_id: int, account_id: int, remaining: int, hold: int, margin: int, pnl: int, fee: int):
    return TradeLeg(
        order_id=order_id,
        account_id=account_id,
        remaining_lots=remaining,
        hold_released_units=hold,
        margin_delta_units=margin,
        realized_pnl_units=pnl,
        fee_units=fee,
        available_delta_units=hold + pnl - margin - fee,
    )


def position(account_id: int, lots: int, cost: int, margin: int) -> PositionChanged:
    return PositionChanged(
        account_id=account_id, position_lots=lots, entry_cost_units=cost, margin_units=margin
    )


@dataclass
class World:
    redis_db: redis.Redis
    market: Market
    alice: User
    bob: User
    carol: User
    orders: dict[str, int] = field(default_factory=dict)
    entries: list[OutputEntry] = field(default_factory=list)
    taken_in: int = 0

    @property
    def market_id(self) -> str:
        return self.market.pk

    def say(self, *events: Event, command_id: int = 0, time_ms: int | None = None) -> OutputEntry:
        """The next entry of the market; not yet in the stream. A millisecond after the one before,
        if no time is given."""
        seq = len(self.entries) + 1
        if time_ms is None:
            time_ms = FIRST_TIME_MS + seq
        entry = OutputEntry(
            seq=seq,
            input_id=f"{time_ms}-0",
            time_ms=time_ms,
            command_id=command_id,
            events=events,
        )
        self.entries.append(entry)
        return entry

    def publish(self, *entries: OutputEntry) -> None:
        for entry in entries or self.entries:
            self._take_in(entry.seq)
            self.publish_bytes(f"{entry.seq}-0", encode_entry(entry))

    def _take_in(self, seq: int) -> None:
        """Every entry has its command in the input stream; what it said doesn't matter here. Of
        later ids there are commands that the ledger itself sent."""
        for entry in self.entries[self.taken_in : seq]:
            key = input_stream(self.market_id)
            if id_order(last_published_id(self.market_id)) >= id_order(entry.input_id):
                continue
            self.redis_db.xadd(key, {COMMAND_FIELD: NO_COMMAND}, id=entry.input_id)
        self.taken_in = max(self.taken_in, seq)

    def publish_bytes(self, stream_id: str, data: bytes) -> None:
        self.redis_db.xadd(output_stream(self.market_id), {ENTRY_FIELD: data}, id=stream_id)

    def order(self, name: str) -> Order:
        return Order.objects.get(pk=self.orders[name])

    def place(self, name: str, user: User, side: Side, size: int, price: int, hold: int) -> int:
        self.orders[name] = make_order(user, self.market, side, size, price, hold)
        return self.orders[name]

    def accepted(self, name: str, released: int = 0) -> OrderAccepted:
        order = self.order(name)
        return OrderAccepted(
            order_id=order.pk,
            account_id=order.user_id,
            side=Side(order.side),
            price_ticks=order.price_ticks,
            size_lots=order.size_lots,
            released_units=released,
        )

    def rested(self, name: str, remaining: int, released: int = 0) -> OrderRested:
        order = self.order(name)
        return OrderRested(
            order_id=order.pk,
            account_id=order.user_id,
            side=Side(order.side),
            price_ticks=order.price_ticks,
            remaining_lots=remaining,
            arrival=order.pk,
            released_units=released,
        )

    def cancelled(
        self, name: str, lots: int, remaining: int, released: int, reason: CancelReason
    ) -> OrderCancelled:
        order = self.order(name)
        return OrderCancelled(
            order_id=order.pk,
            account_id=order.user_id,
            reason=reason,
            cancelled_lots=lots,
            remaining_lots=remaining,
            released_units=released,
        )

    def rejected(self, name: str, released: int) -> OrderRejected:
        order = self.order(name)
        return OrderRejected(
            order_id=order.pk,
            account_id=order.user_id,
            code=RejectCode.MIN_NOTIONAL,
            released_units=released,
        )


def make_world(redis_db: redis.Redis) -> World:
    market = open_market()
    return World(redis_db, market, make_user("alice"), make_user("bob"), make_user("carol"))


def rows(world: World) -> dict[str, Any]:
    """Everything persisted, without ids and clocks of the database."""
    names: dict[int | None, str] = {order_id: name for name, order_id in world.orders.items()}
    users: dict[int | None, str | None] = {
        world.alice.pk: "alice",
        world.bob.pk: "bob",
        world.carol.pk: "carol",
        None: None,
    }
    status = MarketStatus.objects.get(market=world.market)
    cursor = MarketCursor.objects.get(market=world.market)
    return {
        "orders": {
            names[o.pk]: (
                o.status,
                o.reason,
                o.filled_lots,
                o.cancelled_lots,
                o.held_units,
                o.filled_cost_units,
                o.updated_at if o.status != "pending" else None,
            )
            for o in Order.objects.all()
        },
        "fills": [
            (
                f.trade_id, f.role, names[f.order_id], users[f.user_id], f.side, f.price_ticks,
                f.size_lots, f.fee_units, f.realized_pnl_units, f.seq, f.executed_at,
            )
            for f in Fill.objects.order_by("id")
        ],
        "candles": list(Candle.objects.order_by("interval_ms", "start_ms").values()),
        "flows": list(
            AccountFlow.objects.filter(market__isnull=False)
            .order_by("interval_ms", "start_ms", "market", "account_kind", "entry_kind")
            .values("interval_ms", "start_ms", "account_kind", "entry_kind", "amount_units")
        ),
        "days": [list(model.objects.order_by("pk").values()) for model in (TraderDay, TierDay)],
        "positions": {
            users[p.user_id]: (
                p.position_lots, p.entry_cost_units, p.margin_units, p.realized_pnl_units, p.seq,
                p.updated_at,
            )
            for p in Position.objects.all()
        },
        "wallets": {
            users[w.user_id]: (w.available_units, w.held_units) for w in Wallet.objects.all()
        },
        "journal": [
            (
                p.entry.kind, p.entry.seq, names.get(p.entry.order_id), p.entry.trade_id,
                p.account.kind, users[p.account.user_id], p.account.market_id, p.amount_units,
            )
            for p in Posting.objects.filter(entry__seq__isnull=False)
            .select_related("entry", "account")
            .order_by("id")
        ],
        "status": (
            status.state, status.applied_config_version, status.mark_price_ticks,
            status.index_price_ticks, status.last_price_ticks, status.mark_price_at,
        ),
        "cursor": (cursor.seq, cursor.input_id, cursor.entry_time_ms),
        "commands": list(OutboxCommand.objects.order_by("id").values_list("applied_seq")),
        "dead_letters": list(
            DeadLetter.objects.order_by("id").values_list("seq", "input_id", "reason")
        ),
    }  # fmt: skip


def in_threads(count, call):
    """Run the call in so many threads at once; the answers, exceptions among them."""
    barrier = threading.Barrier(count)
    answers = []

    def run():
        barrier.wait()
        try:
            answers.append(call())
        except Exception as error:  # noqa: BLE001  an answer like any other
            answers.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers
