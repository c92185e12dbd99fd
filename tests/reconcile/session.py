"""A seeded trading session through the real parts: orders placed by `trading`, matched by an engine
process in a thread, persisted by `ledger`. Two markets, so that what is global can go wrong, too.

At its end each market has what stays open between two commands: conditional orders that wait, one
of the whole position, one that fired and awaits its hold, an amended order, a countdown, margin
added.
"""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
import redis
from django.conf import settings

from accounts.access.refusals import refusals
from accounts.models import User
from common.errors import DomainError
from ledger.services import deposit
from markets.rules import forget_markets
from matching.messages.commands import UpdateIndexPrice
from matching.messages.streams import input_stream, output_stream, ticker_key
from matching.messages.vocabulary import (
    MarketState,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
    TriggerBy,
    TriggerKind,
)
from matching.runtime.process import EngineProcess
from persistence.models import MarketCursor
from persistence.reading import persist_market
from persistence.recovery.starting_points import ensure_starting_point
from tests.builders.markets import build_market
from tests.patience import PATIENCE_S
from trading.commands.publisher import publish_command
from trading.models import Countdown, Fill, Order, Position
from trading.orders.request import NewOrder, NewTrigger, OrderChanges
from trading.services import (
    adjust_margin,
    amend_order,
    cancel_order,
    configure_market,
    place_order,
    set_countdown,
    set_market_state,
)

MARKETS = ("BTC-PERP", "ETH-PERP")
MARK_TICKS = 250_000  # 25,000.0
FUNDS_UNITS = 1_000_000_000_000
FIRES_AT_TICKS = MARK_TICKS + 500  # beyond what the session's prices reach by themselves
JUMP_TICKS = MARK_TICKS + 2_000  # an index that moves the mark price, which follows, past it
NEVER_TICKS = MARK_TICKS + 20_000
ORDERS_LEFT_OPEN = 4 * len(MARKETS)


@contextmanager
def engine_running(snapshot_every: int = 10_000) -> Iterator[None]:
    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=5)
    process = EngineProcess(client, lambda: MARKETS, "engine", snapshot_every)
    stop = threading.Event()
    thread = threading.Thread(target=process.run, args=(stop,), name="engine")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
        client.close()


class Session:
    def __init__(self, client: redis.Redis, seed: int) -> None:
        self.client = client
        self.random = random.Random(seed)
        self.traders: list[User] = []

    def open(self) -> None:
        """Markets that are active and marked, and traders with money."""
        for market_id in MARKETS:
            market = build_market(
                market_id,
                min_notional_units=1_000_000,
                index_stale_ms=3_600_000,
                max_open_interest_lots=10_000_000,
            )
            configure_market(market, by=None)
            set_market_state(market, MarketState.ACTIVE, by=None)
            publish_command(market_id, UpdateIndexPrice(index_price_ticks=MARK_TICKS))
            ensure_starting_point(market_id)
        for number in range(5):
            trader = User.objects.create(username=f"trader{number}", password="!")
            deposit(trader.pk, FUNDS_UNITS, approved=True)
            self.traders.append(trader)

    def trade(self, orders: int) -> None:
        for number in range(orders):
            for market_id in MARKETS:
                self._place(market_id)
            if number % 5 == 4:
                self._cancel_one()
            if number % 10 == 9:
                self.settle()
                self._move_index()
        self.settle()

    def settle(self) -> None:
        """Wait until every command is applied and persisted."""
        deadline = time.monotonic() + PATIENCE_S
        while not all(self._is_settled(market_id) for market_id in MARKETS):
            if time.monotonic() > deadline:
                pytest.fail(f"not persisted within {PATIENCE_S} s")
            time.sleep(0.01)
        forget_markets()
        refusals.forget()

    def _is_settled(self, market_id: str) -> bool:
        reached = persist_market(market_id)
        sent = self.client.xlen(input_stream(market_id))
        return reached == sent and self.client.exists(ticker_key(market_id)) == 1

    def _place(self, market_id: str) -> None:
        choose = self.random
        side = choose.choice((Side.LONG, Side.SHORT))
        away = choose.randint(-40, 60) * (-1 if side is Side.LONG else 1)
        is_market = choose.random() < 0.15
        time_in_force = choose.choice((None, None, TimeInForce.IOC, TimeInForce.GTX))
        new = NewOrder(
            market_id=market_id,
            side=side,
            qty=str(Decimal(choose.randint(1, 60)) / 1000),
            order_type=OrderType.MARKET if is_market else OrderType.LIMIT,
            price=None if is_market else str(Decimal(MARK_TICKS + away) / 10),
            leverage=choose.choice((2, 5, 20)),
            time_in_force=None if is_market else time_in_force,
            reduce_only=choose.random() < 0.1,
        )
        place_order(choose.choice(self.traders).pk, new)

    def leave_open(self) -> None:
        """What stays between two commands, in each market; all of it persisted."""
        for market_id in MARKETS:
            long = Position.objects.filter(market_id=market_id, position_lots__gt=0).earliest("pk")
            self._wait(market_id, long.user_id, FIRES_AT_TICKS)
            self._wait(market_id, long.user_id, NEVER_TICKS)
            self._wait(
                market_id,
                long.user_id,
                MARK_TICKS - 20_000,
                side=Side.SHORT,
                qty=None,
                leverage=None,
                order_type=OrderType.MARKET,
                price=None,
                close_position=True,
            )
            resting = self._rests(market_id, long.user_id)
            self.settle()
            amend_order(long.user_id, resting, OrderChanges(price="24010", qty="0.03"))
            adjust_margin(long.user_id, market_id, "50")
            set_countdown(long.user_id, market_id, 3_600_000)
        self.settle()

    def _wait(self, market_id: str, user_id: int, trigger_ticks: int, **terms: Any) -> None:
        values: dict[str, Any] = {
            "side": Side.LONG,
            "order_type": OrderType.LIMIT,
            "qty": "0.02",
            "price": str(Decimal(MARK_TICKS) / 10),
            "leverage": 5,
            "trigger": NewTrigger(
                type=TriggerKind.STOP, by=TriggerBy.MARK, price=str(Decimal(trigger_ticks) / 10)
            ),
        }
        place_order(user_id, NewOrder(market_id=market_id, **(values | terms)))

    def _rests(self, market_id: str, user_id: int) -> int:
        """An order far from the mark; its id."""
        new = NewOrder(
            market_id=market_id,
            side=Side.LONG,
            order_type=OrderType.LIMIT,
            qty="0.02",
            price="24000",
            leverage=5,
        )
        return place_order(user_id, new).order_id

    def fire(self) -> None:
        """The engine fires what waits at `FIRES_AT_TICKS`; nobody has persisted that yet."""
        published = {}
        for market_id in MARKETS:
            publish_command(market_id, UpdateIndexPrice(index_price_ticks=JUMP_TICKS))
            published[market_id] = self.client.xlen(input_stream(market_id))
        deadline = time.monotonic() + PATIENCE_S
        while any(self.client.xlen(output_stream(m)) < count for m, count in published.items()):
            assert time.monotonic() < deadline, "the engine took no price"
            time.sleep(0.01)

    def _cancel_one(self) -> None:
        live = Order.objects.filter(status__in=[OrderStatus.OPEN, OrderStatus.PENDING])
        order = self.random.choice(list(live.order_by("pk")))
        try:
            cancel_order(order.user_id, order.pk)
        except DomainError as error:
            assert error.code == "ORDER_NOT_OPEN"  # noqa: PT017  it was filled meanwhile

    def _move_index(self) -> None:
        for market_id in MARKETS:
            index = MARK_TICKS + self.random.randint(-20, 20)
            publish_command(market_id, UpdateIndexPrice(index_price_ticks=index))


def make_session(client: redis.Redis, seed: int, orders: int, snapshot_every: int = 10_000) -> None:
    """Afterwards the engine has stopped, everything is persisted, and much has happened."""
    session = Session(client, seed)
    with engine_running(snapshot_every):
        session.open()
        session.settle()
        session.trade(orders)
        session.leave_open()
        session.fire()
    # What fired asks for its hold, and no engine is there to take it.
    for market_id in MARKETS:
        persist_market(market_id)
    forget_markets()
    waiting = Order.objects.filter(status=OrderStatus.WAITING)
    assert waiting.filter(triggered_at__isnull=False, held_units__gt=0).count() == len(MARKETS)
    assert waiting.filter(triggered_at__isnull=True).count() == 2 * len(MARKETS)
    assert Countdown.objects.count() == len(MARKETS)
    assert Fill.objects.count() > orders // 4
    assert set(Order.objects.values_list("status", flat=True)) >= {"open", "filled", "cancelled"}
    assert all(cursor.seq > orders for cursor in MarketCursor.objects.all())
