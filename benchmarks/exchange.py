"""The whole path: an exchange as `make run` starts it, and traders at its HTTP API.

What counts is the time from an order being due to its fill being readable, at an offered rate the
machine bears, and how many orders a second are taken and persisted when 64 connections post as fast
as they are answered. Both are taken as the exchange grows in one way at a time: traders, orders
resting in the book, markets. Figures are this machine's, with the load generator on the same cores;
ratios say how the exchange scales. Nothing is asked of them.
"""

import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import django
import httpx
import msgspec
import psutil

from benchmarks import http_load
from benchmarks.held import HOLD_OF_ORDERS
from benchmarks.order_load import Plan, Seen, crossing_order
from benchmarks.report import Row, main
from exchange_site.embedded.ports import free_port

ROOT = Path(__file__).parents[1]
READY_WITHIN_S = 180.0
INDEX_TICKS = 500_000  # 50,000.0
RATE = 25.0
RUSHING = 64  # connections
PARTS = (
    "postgres",
    "redis-server",
    "exchange_site.api_server",
    "exchange_site.asgi",
    "runengine",
    " worker",  # a word of its own: the folder's name may have it, too
    "beat",
    "runprices",
)
NAMES = {
    "redis-server": "redis",
    "exchange_site.api_server": "api",
    "exchange_site.asgi": "feeds",
    "runengine": "engine",
    " worker": "worker",
}


@dataclass(frozen=True)
class Point:
    """How large the exchange is when it is measured."""

    traders: int
    resting: int
    markets: int

    def __str__(self) -> str:
        return f"{self.traders} traders, {self.resting:,} resting, {self.markets} markets"


# The first is what the others are compared with. What rests stays, so those come last.
SHORT = [
    Point(10, 0, 1),
    Point(100, 0, 1),
    Point(10, 0, 4),
    Point(10, 1_000, 1),
    Point(10, 10_000, 1),
]
FULL = [
    Point(10, 0, 1),
    Point(100, 0, 1),
    Point(1_000, 0, 1),
    Point(10, 0, 4),
    Point(10, 0, 16),
    Point(10, 1_000, 1),
    Point(10, 100_000, 1),
    Point(10, 1_000_000, 1),
]
OPEN_ORDERS_MAX = 100_000  # of one account in one market: as many as an exchange may allow


def wait_for(look: Callable[[], object], what: str, within_s: float = READY_WITHIN_S) -> None:
    deadline = time.monotonic() + within_s
    while not look():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited in vain for {what}")
        time.sleep(0.05)


class Exchange:
    """`manage.py runexchange` without its simulator, on a data folder of its own."""

    def __init__(self) -> None:
        self.data = Path(tempfile.mkdtemp(prefix="exchange-benchmarks-"))
        self.data.chmod(0o755)
        self.port = free_port()
        own = {"DATABASE_URL", "REDIS_URL", "DJANGO_SECRET_KEY", "DJANGO_SETTINGS_MODULE"}
        environment = {name: value for name, value in os.environ.items() if name not in own}
        environment |= {"PORT": str(self.port), "FEEDS_PORT": str(free_port()), "SIMULATE": "0"}
        environment |= {"EXCHANGE_DATA": str(self.data), "LOG_LEVEL": "WARNING"}
        with (self.data / "run.log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "runexchange"],
                cwd=ROOT, env=environment, stdout=log, stderr=log,
            )  # fmt: skip
        self.beside: list[psutil.Process] = []  # parts of it that somebody else started

    def wait_ready(self) -> None:
        wait_for(self._ready, f"the exchange, see {self.data}/run.log")
        # This process is another of its parts from here on.
        os.environ |= {"EXCHANGE_DATA": str(self.data), "LOG_LEVEL": "WARNING"}
        os.environ["DJANGO_SETTINGS_MODULE"] = "exchange_site.settings"
        for name in ("DATABASE_URL", "REDIS_URL", "DJANGO_SECRET_KEY"):
            os.environ.pop(name, None)  # services.env says them
        django.setup()

    def hold_prices(self, held: bool) -> None:
        """Its walk would move the markets' prices: meanwhile the benchmark says the index."""
        for process in psutil.Process(self.process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):  # others come and go
                if "runprices" in process.cmdline():
                    (process.suspend if held else process.resume)()

    def _ready(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError((self.data / "run.log").read_text()[-2_000:])
        return "Ctrl-C stops everything" in (self.data / "run.log").read_text()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.hold_prices(False)
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)
        shutil.rmtree(self.data, ignore_errors=True)

    def cpu_seconds(self) -> dict[str, float]:
        """What each part has used so far, its children included."""
        used: defaultdict[str, float] = defaultdict(float)
        own = psutil.Process(self.process.pid).children(recursive=True)
        others = (one for part in self.beside for one in (part, *part.children(recursive=True)))
        for process in (*own, *others):
            try:
                command = " ".join(process.cmdline()) or process.name()
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            part = next((part for part in PARTS if part in command), "rest")
            used[NAMES.get(part, part)] += times.user + times.system
        return used


class Stage:
    """Markets, traders and resting orders, made through the exchange's own services."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{exchange.port}", timeout=60)
        self.markets: list[str] = []
        self.tokens: list[str] = []
        self.resting = 0
        self.maker = self._user("maker0", 10**15)

    def grow(self, point: Point) -> None:
        while len(self.markets) < point.markets:
            self._open_market(f"M{len(self.markets)}-PERP")
        for number in range(len(self.tokens), point.traders):
            self._trader(f"taker{number}")
        while self.resting < point.resting:
            count = min(10_000, point.resting - self.resting)
            if self.resting and self.resting % (OPEN_ORDERS_MAX // 2) == 0:
                self.maker = self._user(f"maker{self.resting}", 10**15)
            self._rest(self.markets[0], count, 1, self.resting)
            self.resting += count
        self.wait_persisted()

    def wait_persisted(self) -> None:
        from matching.messages.vocabulary import OrderStatus
        from trading.models import Order

        pending = Order.objects.filter(
            status=OrderStatus.PENDING, market__in=self.markets
        ).order_by()
        wait_for(lambda: not pending.exists(), "everything persisted", 600)

    def _user(self, name: str, funds_units: int) -> Any:
        from accounts.models import User
        from ledger.services import deposit

        user = User(username=name)
        user.set_unusable_password()
        user.save()
        deposit(user.pk, funds_units, approved=True)
        return user

    def _trader(self, name: str) -> None:
        from benchmarks.tokens import token_of

        self.tokens.append(token_of(self._user(name, 10**12)))

    def _open_market(self, market_id: str) -> None:
        """With a spread of one dollar and more at its best prices than anyone will take."""
        from matching.messages.commands import UpdateIndexPrice
        from matching.messages.vocabulary import MarketState
        from prices.demo_markets import DEMO_MARKETS
        from trading import services
        from trading.commands.publisher import publish_command

        market = DEMO_MARKETS[0].build()
        market.pk, market.index_stale_ms, market.max_open_orders = (
            market_id,
            3_600_000,
            OPEN_ORDERS_MAX,
        )
        market.max_size_lots = market.max_open_interest_lots = 10**9
        services.configure_market(market, by=None)
        services.set_market_state(market, MarketState.ACTIVE, by=None)
        publish_command(market_id, UpdateIndexPrice(index_price_ticks=INDEX_TICKS))
        self.markets.append(market_id)
        wait_for(lambda: self._ticker(market_id).get("markPrice") == "50000", "a mark price")
        self._rest(market_id, 10, 100_000, -1)
        wait_for(lambda: self._ticker(market_id).get("bestAsk"), "a spread")

    def _ticker(self, market_id: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.http.get(f"/markets/{market_id}/ticker").json()
        return answer

    def _rest(self, market_id: str, count: int, size_lots: int, behind: int) -> None:
        """Orders of the maker on both sides, written as the API writes them, many at a time: at the
        best prices, or from there on down the book at ``behind``."""
        from django.db import connection, transaction
        from django.utils import timezone

        from trading.commands.order_command import command_of_order
        from trading.commands.publisher import publish_commands
        from trading.models import Order

        now = timezone.now()
        orders = []
        for number in range(count):
            is_bid = number % 2 == 0
            away = 5 if behind < 0 else 10 + (behind + number) // 2 % 40_000
            hold_units = size_lots * 20_000_000
            orders.append(
                Order(
                    user=self.maker, market_id=market_id, side="LONG" if is_bid else "SHORT",
                    order_type="limit", time_in_force="GTC", size_lots=size_lots, margin_units=0,
                    price_ticks=INDEX_TICKS - away if is_bid else INDEX_TICKS + away,
                    leverage=10, reduce_only=False, self_trade_prevention="EXPIRE_MAKER",
                    hold_units=hold_units, held_units=hold_units, maker_fee_ppm=200,
                    taker_fee_ppm=500, created_at=now, updated_at=now,
                )
            )  # fmt: skip
        with transaction.atomic():
            Order.objects.bulk_create(orders)
            with connection.cursor() as cursor:
                cursor.execute(HOLD_OF_ORDERS, [[order.pk for order in orders]])
        publish_commands((market_id, command_of_order(order)) for order in orders)


@dataclass(frozen=True)
class Measured:
    point: Point
    answered_ms: list[float]
    readable_ms: list[float]
    taken_per_s: float
    persisted_per_s: float
    cpu_share: dict[str, float]  # of one core, while orders came as fast as they were answered


def measure(exchange: Exchange, stage: Stage, point: Point, seconds: float) -> Measured:
    stage.grow(point)
    paced = offer(exchange, stage, point, seconds)
    stage.wait_persisted()
    before, began = exchange.cpu_seconds(), time.monotonic()
    rushed = rush(exchange, stage, point, seconds)
    stage.wait_persisted()
    took = time.monotonic() - began
    used = {part: now - before.get(part, 0.0) for part, now in exchange.cpu_seconds().items()}
    return Measured(
        point,
        paced.answered_ms,
        paced.readable_ms,
        rushed.rate,
        rushed.statuses["202"] / took,
        {part: seconds_used / took for part, seconds_used in used.items()},
    )


def rush(exchange: Exchange, stage: Stage, point: Point, seconds: float) -> http_load.Measured:
    """As fast as they are answered, all traders in turn; each connection buys, then sells."""
    each_side = max(RUSHING, point.traders)
    requests = []
    for number in range(2 * each_side):
        trader = number % point.traders
        order = crossing_order(stage.markets[trader % point.markets], number < each_side)
        body = msgspec.json.encode(order | {"clientOrderId": http_load.PLACEHOLDER.decode()})
        requests.append(http_load.posting("/order", stage.tokens[trader], body))
    prefix = f"{time.monotonic_ns() // 1_000_000 % 10**8:08d}"
    plan = http_load.Plan(exchange.port, RUSHING, seconds, 0.3, prefix, requests)
    return http_load.measure(plan)


def offer(exchange: Exchange, stage: Stage, point: Point, seconds: float) -> Seen:
    plan = Plan(
        port=exchange.port,
        tokens=stage.tokens[: point.traders],
        markets=stage.markets[: point.markets],
        seconds=seconds,
        connections=8,
        rate=RATE,
    )
    command = [sys.executable, "-m", "benchmarks.order_load"]
    done = subprocess.run(
        command, cwd=ROOT, input=msgspec.json.encode(plan), stdout=subprocess.PIPE, check=True
    )
    seen = msgspec.json.decode(done.stdout, type=Seen)
    if seen.refused or not seen.orders:
        raise RuntimeError(f"{point}: {seen.orders} orders taken, others: {seen.refused}")
    return seen


def rows_of(measured: Measured, first: Measured) -> list[Row]:
    """Beside the first point's, as ratios of cost: above 1 is better than there."""

    def at(percent: int, times: list[float]) -> float:
        return statistics.quantiles(times, n=100)[percent - 1]

    stage, point = "exchange", measured.point
    rows = []
    for percent in (50, 99):
        cost, base = at(percent, measured.readable_ms), at(percent, first.readable_ms)
        figure = f"{point}: fill readable, p{percent} at {RATE:.0f}/s"
        rows.append(Row(stage, figure, cost, "ms", base, base / cost))
    cost, base = at(50, measured.answered_ms), at(50, first.answered_ms)
    rows.append(Row(stage, f"{point}: order answered, p50", cost, "ms", base, base / cost))
    for what, rate, base in (
        ("taken", measured.taken_per_s, first.taken_per_s),
        ("persisted", measured.persisted_per_s, first.persisted_per_s),
    ):
        rows.append(Row(stage, f"{point}: {what}", rate, "orders/s", base, rate / base))
    shares = sorted(measured.cpu_share.items(), key=lambda share: -share[1])
    rows += [
        Row(stage, f"{point}: CPU of {part}", 100 * share, "% of a core")
        for part, share in shares
        if share >= 0.01
    ]
    return rows


def run(short: bool) -> list[Row]:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # by way of the clean-up below
    exchange = Exchange()
    try:
        exchange.wait_ready()
        exchange.hold_prices(True)
        stage = Stage(exchange)
        stage.grow(SHORT[0])
        rush(exchange, stage, SHORT[0], 1.0)  # the first requests of a process are slow
        found = [
            measure(exchange, stage, point, 1.5 if short else 20.0)
            for point in (SHORT if short else FULL)
        ]
    finally:
        exchange.stop()
    return [row for measured in found for row in rows_of(measured, found[0])]


if __name__ == "__main__":
    main(run, "exchange")
