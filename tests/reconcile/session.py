"""A seeded trading session through the real parts: orders placed by `trading`, matched by an engine
process in a thread, persisted by `ledger`. Two markets, so that what is global can go wrong, too.
"""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import pytest
import redis
from django.conf import settings

from accounts.authentication import suspended_users
from accounts.models import User
from exchange_site.api import ApiError
from ledger.models import MarketCursor
from ledger.persistence import persist_market
from ledger.services import deposit
from ledger.starting_points import ensure_starting_point
from matching.messages.commands import UpdateIndexPrice
from matching.messages.streams import input_stream, ticker_key
from matching.messages.vocabulary import MarketState, OrderStatus, OrderType, Side, TimeInForce
from matching.runtime.process import EngineProcess
from trading.market_rules import forget_markets
from trading.models import Fill, Market, Order
from trading.publisher import publish_command
from trading.services import cancel_order, configure_market, place_order, set_market_state
from trading.services.terms import NewOrder

DEADLINE_SECONDS = 60
MARKETS = ("BTC-PERP", "ETH-PERP")
MARK_TICKS = 250_000  # 25,000.0
FUNDS_UNITS = 1_000_000_000_000


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
        thread.join(DEADLINE_SECONDS)
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
            market = Market(
                id=market_id,
                base_asset=market_id[:3],
                tick_size=Decimal("0.1"),
                lot_size=Decimal("0.001"),
                max_size_lots=100_000,
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
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not all(self._is_settled(market_id) for market_id in MARKETS):
            if time.monotonic() > deadline:
                pytest.fail(f"not persisted within {DEADLINE_SECONDS} s")
            time.sleep(0.01)
        forget_markets()
        suspended_users.forget()

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

    def _cancel_one(self) -> None:
        live = Order.objects.filter(status__in=[OrderStatus.OPEN, OrderStatus.PENDING])
        order = self.random.choice(list(live.order_by("pk")))
        try:
            cancel_order(order.user_id, order.pk)
        except ApiError as error:
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
    assert Fill.objects.count() > orders // 4
    assert set(Order.objects.values_list("status", flat=True)) >= {"open", "filled", "cancelled"}
    assert all(cursor.seq > orders for cursor in MarketCursor.objects.all())
