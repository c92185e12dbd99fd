"""Parts are killed behind clients of the venue's calls over a socket: each call is answered once,
or its connection ends in words; and each order is there once."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from pytest_django.plugin import DjangoDbBlocker

from exchange_site.embedded.ports import free_port
from matching.messages.vocabulary import OrderStatus
from tests.deploy.test_sentinels import forget_clients
from tests.feeds.conftest import database_url
from tests.flow.demo import demo_on
from tests.flow.exchange import Exchange, Trader, wait_for
from tests.flow.venue import make_account
from tests.recovery.calling import AWAY, DUPLICATE, NOT_OPEN, Caller, PythonBinance
from tests.trading.servers import Redis
from trading.models import Order

pytestmark = [pytest.mark.django_db, pytest.mark.drill]

GOING_AWAY = 1001
CALLS = 40  # that are made while a part is away, and before and after


class Gate:
    """Stands before a server. While it is shut nobody gets in, and who was in is thrown out."""

    def __init__(self, host: str, port: int) -> None:
        self.port = free_port()
        self._target = (host, port)
        self._ends: list[socket.socket] = []
        self.open()

    def open(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._serve, args=(self._listener,), daemon=True).start()

    def shut(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        ends, self._ends = self._ends, []
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _serve(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client = listener.accept()[0]
                server = socket.create_connection(self._target)
                self._ends += (client, server)
                for ends in ((client, server), (server, client)):
                    threading.Thread(target=self._pump, args=ends, daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class Parts:
    def __init__(self, exchange: Exchange, redis: Redis, gate: Gate) -> None:
        self.exchange = exchange
        self.redis = redis
        self.gate = gate


@pytest.fixture(scope="module")
def parts(
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Parts]:
    """An exchange with a Redis of its own, and a gate before Postgres."""
    with ExitStack() as stack:
        patched = stack.enter_context(pytest.MonkeyPatch.context())
        stack.callback(forget_clients)
        redis = Redis(tmp_path_factory.mktemp("redis"))
        stack.callback(redis.kill)
        patched.setattr(settings, "REDIS_URL", redis.server.url())
        forget_clients()
        with django_db_blocker.unblock():
            place = urlsplit(database_url())
        assert place.hostname is not None
        assert place.port is not None
        gate = Gate(place.hostname, place.port)
        stack.callback(gate.shut)
        url = database_url().replace(f":{place.port}/", f":{gate.port}/")
        running = Exchange(tmp_path_factory.mktemp("logs"), DATABASE_URL=url)
        stack.enter_context(demo_on(running, django_db_blocker))
        running.start_beat()
        yield Parts(running, redis, gate)


Act = Callable[[Parts], Any]
FAULTS: dict[str, tuple[Act, Act]] = {
    "engine": (lambda p: p.exchange.kill_engine(), lambda p: p.exchange.start_engine()),
    "redis": (lambda p: p.redis.kill(), lambda p: p.redis.start()),
    "postgres": (lambda p: p.gate.shut(), lambda p: p.gate.open()),
    "api": (lambda p: p.exchange.stop_api(), lambda p: p.exchange.start_api()),
    "worker": (lambda p: p.exchange.kill_own_worker(), lambda p: p.exchange.start_own_worker()),
}


@pytest.mark.parametrize("what", FAULTS)
def test_a_part_is_away_while_calls_come(parts: Parts, what: str) -> None:
    break_it, heal_it = FAULTS[what]
    trader = parts.exchange.trader("1000000")
    caller = Caller(make_account(trader))
    other = parts.exchange.trader("1000000")
    python_binance = PythonBinance(make_account(other))

    stop = threading.Event()
    with ThreadPoolExecutor(2) as pool:
        running = [
            pool.submit(lambda: asyncio.run(caller.run(stop))),
            pool.submit(lambda: asyncio.run(python_binance.run(stop))),
        ]

        def has_made(count: int) -> bool:
            for one in running:
                if one.done():
                    one.result()
            return caller.tries >= count

        try:
            for act in (break_it, heal_it, None):
                wait_for(partial(has_made, caller.tries + CALLS), "calls")
                if act is not None:
                    act(parts)
        finally:
            stop.set()
        for one in running:
            one.result()
    assert caller.unasked == []
    assert set(caller.answers.values()) == {1}
    assert set(caller.refused) <= AWAY | {DUPLICATE, NOT_OPEN}
    # A server that stops may be reached once more before it is gone.
    ended = {(one.code, one.reason) for one in caller.closed}
    assert ended == ({(GOING_AWAY, "the server stops; connect again")} if what == "api" else set())
    meant = {"NEW": OrderStatus.OPEN, "CANCELED": OrderStatus.CANCELLED}
    are_there(trader, {name: meant[end] for name, end in caller.orders.items()})
    are_there(other, dict.fromkeys(python_binance.placed, OrderStatus.CANCELLED))
    trader.cancel_everything()
    other.cancel_everything()


def are_there(trader: Trader, expected: dict[str, OrderStatus]) -> None:
    """Each once, by the ledger."""
    mine = Order.objects.filter(user_id=trader.user_id)

    def look() -> bool:
        return dict(mine.values_list("client_order_id", "status")) == expected

    wait_for(look, "orders as they are meant to be")
    assert mine.count() == len(expected)
