"""The exchange on a Redis Cluster: its parts trade there, a master is killed while orders come, and
everything goes on by itself."""

import asyncio
import dataclasses
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from functools import partial
from typing import Any

import httpx
import pytest
import redis
from django.conf import settings
from pytest_django.plugin import DjangoDbBlocker

from common import redis_client as clients
from common.redis.addresses import AddressedPool, RedisAddressRefused, checked
from common.redis.cluster import ClusterAddress, ClusterClient
from markets.rules import published_tickers
from matching.messages.streams import by_server, depth_key, input_stream, server_of, ticker_key
from matching.messages.vocabulary import OrderStatus
from matching.runtime.line import Line
from tests.builders.cluster import MASTERS, RedisCluster
from tests.builders.round_trips import round_trips
from tests.builders.tls import TlsFront, make_certificate
from tests.deploy.test_sentinels import forget_clients, waited_for
from tests.flow.demo import demo_on
from tests.flow.exchange import MARK_TICKS, MARKET, Exchange, Trader, wait_for
from trading.models import Fill, Order

pytestmark = pytest.mark.django_db

OTHER_MARKET = "ETH-PERP"
PAUSE_S = 0.05  # after an order: a trader may send so many


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    servers = RedisCluster(tmp_path_factory.mktemp("cluster"))
    yield servers
    servers.stop()


@pytest.fixture(scope="module")
def exchange(
    cluster: RedisCluster,
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Exchange]:
    """All parts on it, this process's services too; what can't be on one stays where it was."""
    beside = dict.fromkeys(("BROKER_URL", "CACHE_URL", "LIMITS_URL"), settings.REDIS_URL)
    with ExitStack() as stack:
        patched = stack.enter_context(pytest.MonkeyPatch.context())
        stack.callback(forget_clients)
        patched.setattr(settings, "REDIS_URL", cluster.url)
        forget_clients()
        running = Exchange(tmp_path_factory.mktemp("logs"), **beside)
        stack.enter_context(demo_on(running, django_db_blocker))
        running.start_beat()
        wait_for(partial(is_open, running, OTHER_MARKET), "an open market")
        running.set_mark(OTHER_MARKET, MARK_TICKS, price_of_mark(running, OTHER_MARKET))
        yield running


def is_open(running: Exchange, market_id: str) -> bool:
    return bool(running.ticker(market_id)["state"] == "ACTIVE")


def price_of_mark(running: Exchange, market_id: str) -> str:
    rules = running.http.get(f"/markets/{market_id}").json()
    price = MARK_TICKS * Decimal(rules["tickSize"])
    return f"{price.normalize():f}"


@pytest.mark.drill
def test_tickers_of_many_markets_are_asked_of_each_server_once(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = clients.request_redis_client()
    market_ids = [MARKET, OTHER_MARKET, *(f"M{number}-PERP" for number in range(50))]
    published_tickers(client, market_ids)  # connects
    with round_trips(monkeypatch) as sent:
        found = published_tickers(client, market_ids)
    assert 1 < len(sent) <= MASTERS
    assert found[MARKET] is not None
    assert found[OTHER_MARKET] is not None


@pytest.mark.drill
def test_markets_are_on_several_servers(cluster: RedisCluster) -> None:
    ports = {cluster.master_of(input_stream(one)) for one in (MARKET, OTHER_MARKET, "SOL-PERP")}
    assert len(ports) == MASTERS


@pytest.mark.drill
def test_parts_trade_on_it(exchange: Exchange) -> None:
    maker, taker = exchange.trader("100000"), exchange.trader("100000")
    resting = maker.place("SHORT", "0.02", "50020")
    maker.wait_until(resting, "open")
    taking = taker.place("LONG", "0.02", "50020")
    taker.wait_until(taking, "filled")
    assert taker.fills() == [("TAKER", "50020", "0.02")]
    assert waited_for(maker, "SHORT") == "open"


class Sender(threading.Thread):
    """Places one order after the other until told to stop; ``placed`` are those that were taken."""

    def __init__(self, trader: Trader, market_id: str) -> None:
        super().__init__(daemon=True)
        self._trader = dataclasses.replace(trader, market_id=market_id)
        self._enough = threading.Event()
        self.placed: list[int] = []
        self.refused: list[str] = []

    def run(self) -> None:
        while not self._enough.wait(PAUSE_S):
            answer = self._trader.try_to_place("LONG", "0.001", "50020", timeInForce="IOC")
            if answer.status_code == httpx.codes.ACCEPTED:
                self.placed.append(int(answer.json()["orderId"]))
            else:
                self.refused.append(answer.text)

    def has_placed(self, more: int) -> Callable[[], bool]:
        enough = len(self.placed) + more
        return lambda: len(self.placed) >= enough

    def stop(self) -> None:
        self._enough.set()
        self.join()


@contextmanager
def orders_coming(exchange: Exchange) -> Iterator[Sender]:
    """Before what is done inside, and after it: each is taken, and filled once and in its turn."""
    maker, taker = exchange.trader("1000000"), exchange.trader("1000000")
    maker.wait_until(maker.place("SHORT", "5", "50020"), "open")
    sender = Sender(taker, MARKET)
    sender.start()
    wait_for(sender.has_placed(20), "orders before")
    yield sender
    wait_for(sender.has_placed(20), "orders after")
    sender.stop()
    assert not sender.refused
    pending = Order.objects.filter(user_id=taker.user_id, status=OrderStatus.PENDING)
    wait_for(lambda: not pending.exists(), "an engine's word on all orders")
    mine = Order.objects.filter(pk__in=sender.placed)
    assert {order.status for order in mine} == {OrderStatus.FILLED}
    # Each is there once, and none overtook another: they came to the engine as they were placed.
    fills = Fill.objects.filter(order_id__in=sender.placed).order_by("seq")
    assert list(fills.values_list("order_id", flat=True)) == sender.placed
    (position,) = taker.get("/user/positions")["positions"]
    assert Decimal(position["qty"]) == len(sender.placed) * Decimal("0.001")
    maker.cancel_everything()


@pytest.mark.drill
def test_a_master_is_killed_while_orders_come(exchange: Exchange, cluster: RedisCluster) -> None:
    with orders_coming(exchange):
        killed = cluster.master_of(input_stream(MARKET))
        waiting = clients.request_redis_client()  # of somebody who doesn't look again for a while
        assert waiting.get(ticker_key(MARKET))
        cluster.kill(killed)
        wait_for(lambda: killed not in cluster.masters_of(input_stream(MARKET)), "another master")
        assert waiting.get(ticker_key(MARKET))
    cluster.restart(killed)
    wait_for(cluster.is_well, "the old master as a replica")


@pytest.mark.drill
def test_a_market_moves_to_another_master_while_orders_come(
    exchange: Exchange, cluster: RedisCluster
) -> None:
    before = cluster.master_of(input_stream(MARKET))
    with orders_coming(exchange) as sender:
        target = cluster.master_of(input_stream(OTHER_MARKET))
        cluster.move(input_stream(MARKET), target)
        wait_for(sender.has_placed(20), "orders on the other master")
        cluster.move(input_stream(MARKET), before)
    assert cluster.master_of(input_stream(MARKET)) == before != target


@pytest.mark.drill
def test_afterwards_rows_and_engines_agree(exchange: Exchange) -> None:
    trader = dataclasses.replace(exchange.trader("100000"), market_id=OTHER_MARKET)
    price = price_of_mark(exchange, OTHER_MARKET)
    trader.wait_until(trader.place("LONG", "0.01", price), "open")
    trader.cancel_everything()
    reconciled = subprocess.run(
        [sys.executable, "manage.py", "reconcile"],
        cwd=settings.BASE_DIR,
        env=exchange.environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert reconciled.returncode == 0, reconciled.stdout


@pytest.mark.drill
def test_calls_of_several_markets_are_split(exchange: Exchange) -> None:
    client = clients.redis_client()
    parts = by_server(client, [MARKET, OTHER_MARKET, MARKET])
    assert [markets for _, markets in parts] == [[MARKET, MARKET], [OTHER_MARKET]]
    assert all(isinstance(server, redis.Redis) for server, _ in parts)


@pytest.fixture(scope="module")
def wrapped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a cluster is that takes clients by TLS alone: three masters, which tell its ports."""
    folder = tmp_path_factory.mktemp("wrapped")
    certificate, key = make_certificate(folder)
    servers = RedisCluster(folder, replicas=0, is_behind=True)
    front = TlsFront(certificate, key, {told: port for port, told in servers.told.items()})
    yield f"rediss+cluster://{servers.who}@{servers.places}/?ssl_ca_certs={certificate}"
    front.stop()
    servers.stop()


def test_all_ways_to_it_are_wrapped(wrapped: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "REDIS_URL", wrapped)
    forget_clients()
    try:
        client = clients.redis_client()
        client.set(ticker_key(MARKET), "by the whole")
        server = server_of(client, MARKET)
        with server.pipeline() as pipe:
            pipe.get(ticker_key(MARKET))
            pipe.set(depth_key(MARKET), "by its server")
            assert pipe.execute() == [b"by the whole", True]
        line = Line(server)
        line.send("GET", depth_key(MARKET))
        assert line.receive() == b"by its server"
        line.drop()
        assert asyncio.run(read_by_event_loop()) == [b"by the whole", b"by its server"]
    finally:
        forget_clients()


async def read_by_event_loop() -> list[Any]:
    client = clients.async_redis_client()
    try:
        pipe = client.pipeline(transaction=False)
        pipe.get(ticker_key(MARKET))
        return [*await pipe.execute(), await server_of(client, MARKET).get(depth_key(MARKET))]
    finally:
        await client.aclose()


def test_a_certificate_of_nobody_known_is_refused(wrapped: str) -> None:
    stranger = wrapped.partition("/?")[0]
    client = ClusterClient(stranger, AddressedPool, socket_timeout=5)
    with pytest.raises(redis.ConnectionError):
        client.get("a")
    with pytest.raises(redis.ConnectionError):
        client.server_of("a").get("a")


@pytest.mark.parametrize(
    ("url", "nodes", "options", "is_tls"),
    [
        ("redis+cluster://a:1,b:2", (("a", 1), ("b", 2)), {}, False),
        ("redis+cluster://:p%40w@a,b:2/0", (("a", 6_379), ("b", 2)), {"password": "p@w"}, False),
        (
            "rediss+cluster://u:p@a:1/?ssl_ca_certs=/ca.pem",
            (("a", 1),),
            {"username": "u", "password": "p", "ssl_ca_certs": "/ca.pem"},
            True,
        ),
    ],
)
def test_addresses(url: str, nodes: object, options: dict[str, Any], is_tls: bool) -> None:
    read = ClusterAddress.parsed(checked(url))
    assert (read.nodes, read.options, read.is_tls) == (nodes, options, is_tls)


@pytest.mark.parametrize(
    "url",
    [
        "redis+cluster://", "redis+cluster://a:1/1", "redis+cluster://a,,b", "redis+cluster://a:x",
        "redis+cluster://a:99999",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(RedisAddressRefused):
        checked(url)


@pytest.mark.parametrize(
    ("variables", "why"),
    [
        ({}, "REDIS_URL is a cluster: set BROKER_URL to a server beside it."),
        (
            {"BROKER_URL": "redis://a", "CACHE_URL": "redis+cluster://:secret@a:1"},
            "CACHE_URL can't be a cluster: name one server, or sentinels.",
        ),
        (
            {"BROKER_URL": "redis://a", "CACHE_URL": "redis://a"},
            "REDIS_URL is a cluster: set LIMITS_URL to a server beside it.",
        ),
    ],
)
def test_what_has_to_be_on_one_server_is_named_at_start(
    variables: dict[str, str], why: str
) -> None:
    refused = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=settings.BASE_DIR,
        env=os.environ | {"REDIS_URL": "redis+cluster://:secret@127.0.0.1:7000"} | variables,
        check=False,
        capture_output=True,
        text=True,
    )
    assert (refused.returncode, refused.stderr.strip()) == (1, f"error: {why}")
