"""A real feeds process, and the hands that write what an engine would."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import redis
from django.conf import settings
from django.db import connection
from pytest_django.plugin import DjangoDbBlocker
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from accounts.models import User
from common.redis_client import redis_client
from exchange_site.embedded.parts import feeds_command
from exchange_site.embedded.ports import free_port
from feeds.orders.calls import SignedInAs
from feeds.protocol import OrderRequest
from matching.messages.codec import encode_entry
from matching.messages.events import Event, OrderAccepted, OutputEntry, Trade, TradeLeg
from matching.messages.streams import ENTRY_FIELD, Depth, depth_key, output_stream
from matching.messages.vocabulary import ExecutionType, Side
from prices.demo_markets import DEMO_MARKETS
from tests.feeds import ANEW
from tests.patience import PATIENCE_S
from tests.trading.client import token_of

MARKET = "BTC-PERP"


def database_url() -> str:
    """Of the test database, for a process of its own."""
    database = connection.settings_dict
    return (
        f"postgres://{database['USER']}:{database['PASSWORD']}@{database['HOST']}"
        f":{database['PORT']}/{database['NAME']}"
    )


class Feeds:
    def __init__(
        self, url: str, client: redis.Redis, process: "subprocess.Popen[bytes]", log: Path
    ) -> None:
        self.url = url
        self.redis = client
        self.process = process
        self.log = log
        self.clients = ExitStack()

    def connect(self, path: str = "", **options: Any) -> "Ear":
        """Who leaves is told goodbye at once: what it has not heard is in nobody's way."""
        options = {"max_queue": None} | options
        return Ear(self.clients.enter_context(connect(self.url + path, **options)))

    def write_entry(self, seq: int, *events: Event, market_id: str = MARKET) -> None:
        entry = OutputEntry(
            seq=seq, input_id=f"{seq}-0", time_ms=1_000 + seq, command_id=0, events=events
        )
        stream = output_stream(market_id)
        self.redis.xadd(stream, {ENTRY_FIELD: encode_entry(entry)}, id=f"{seq}-0")

    def write_depth(
        self, seq: int, bids: list[tuple[int, int]], asks: list[tuple[int, int]]
    ) -> None:
        depth = Depth(seq=seq, time_ms=seq, bids=bids, asks=asks)
        self.redis.set(depth_key(MARKET), msgspec.json.encode(depth))


class Ear:
    """One WebSocket client."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def say(self, **body: Any) -> None:
        self.socket.send(msgspec.json.encode(body).decode())

    def hear(self) -> dict[str, Any]:
        """The next message that is no heartbeat."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            left_s = max(0.0, deadline - time.monotonic())
            body = msgspec.json.decode(self.socket.recv(timeout=left_s))
            if body.get("op") != "heartbeat":
                return dict(body)

    def ask(self, **body: Any) -> dict[str, Any]:
        self.say(**body)
        return self.hear()

    def sign_in(self, user: User) -> None:
        answer = self.ask(op="auth", token=token_of(user.pk))
        assert answer == {"op": "authenticated", "userId": user.pk}


class NoOrders:
    """Whoever sends none."""

    def __init__(self, tell: Callable[[str], None]) -> None: ...
    def take(self, request: OrderRequest, who: SignedInAs | None) -> None: ...
    def leave(self) -> None: ...


def drain(ear: Ear) -> None:
    """Until the connection ends."""
    while True:
        ear.hear()


def leg(account_id: int, order_id: int, **changes: int) -> TradeLeg:
    values = {
        "remaining_lots": 0,
        "hold_released_units": 5_000_000,
        "margin_delta_units": 4_000_000,
        "realized_pnl_units": 0,
        "fee_units": 25_000,
        "available_delta_units": 975_000,
    }
    return TradeLeg(order_id=order_id, account_id=account_id, **(values | changes))


def trade(trade_id: int, taker: TradeLeg, maker: TradeLeg) -> Trade:
    return Trade(
        trade_id=trade_id,
        execution=ExecutionType.TRADE,
        price_ticks=500_001,
        size_lots=20,
        taker_side=Side.LONG,
        taker=taker,
        maker=maker,
    )


def accepted(order_id: int, account_id: int) -> OrderAccepted:
    return OrderAccepted(
        order_id=order_id,
        account_id=account_id,
        side=Side.LONG,
        price_ticks=500_001,
        size_lots=20,
        released_units=0,
    )


def subscribed_account(feeds: Feeds, user: User, **more: Any) -> tuple[Ear, dict[str, int]]:
    ear = feeds.connect()
    ear.sign_in(user)
    answer = ear.ask(op="subscribe", channels=["account"], **more)
    assert answer["op"] == "subscribed"
    return ear, answer["seq"]


def subscribed_until(feeds: Feeds, seq: int) -> None:
    """Waits until the process has read the market's output up to a sequence."""
    user = User.objects.create_user(f"reader-{seq}", password="a long enough secret")
    deadline = time.monotonic() + PATIENCE_S
    while subscribed_account(feeds, user)[1][MARKET] < seq:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture(scope="package")
def running_feeds(
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Feeds]:
    """One process for this folder (`tests.feeds.server`)."""
    log = tmp_path_factory.mktemp("feeds") / "feeds.log"
    with (
        django_db_blocker.unblock(),
        serving(settings.REDIS_URL, redis_client(), log, _shared_command) as served,
    ):
        yield served


def _shared_command(port: int) -> list[str]:
    return [sys.executable, "-m", "tests.feeds.server", "feeds", "--port", str(port)]


@pytest.fixture
def feeds(transactional_db: None, redis_db: redis.Redis, running_feeds: Feeds) -> Iterator[Feeds]:
    """Serves BTC-PERP and ETH-PERP, and knows nothing yet."""
    add_markets()
    site = running_feeds.url.replace("ws://", "http://").removesuffix("/ws")
    assert httpx.post(f"{site}{ANEW}", timeout=PATIENCE_S).status_code == HTTPStatus.NO_CONTENT
    yield running_feeds
    running_feeds.clients.close()


def add_markets() -> None:
    for demo in DEMO_MARKETS:
        demo.build().save()


@contextmanager
def serving(
    redis_url: str,
    client: redis.Redis,
    log: Path,
    command: Callable[[int], list[str]] = feeds_command,
) -> Iterator[Feeds]:
    port = free_port()
    process = subprocess.Popen(
        command(port),
        cwd=settings.BASE_DIR,
        env={**os.environ, "DATABASE_URL": database_url(), "REDIS_URL": redis_url},
        stderr=log.open("w"),
    )
    served = Feeds(f"ws://127.0.0.1:{port}/ws", client, process, log)
    try:
        _wait_until_up(served)
        yield served
    finally:
        served.clients.close()
        process.terminate()
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


def _wait_until_up(served: Feeds) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            with connect(served.url):
                return
        except (OSError, WebSocketException):
            assert served.process.poll() is None, "the feeds process ended"
            assert time.monotonic() < deadline, "the feeds did not come up"
            time.sleep(0.1)


@pytest.fixture
def new_user(transactional_db: None) -> Callable[[str], User]:
    def make(name: str) -> User:
        return User.objects.create_user(name, password="a long enough secret")

    return make
