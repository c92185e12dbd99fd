"""The exchange on a Redis that sentinels watch: its master is killed, and everything goes on."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest
import redis
from django.conf import settings
from pytest_django.plugin import DjangoDbBlocker

from common import redis_client as clients
from common.redis.addresses import RedisAddressRefused, SentinelAddress, checked
from matching.messages.codec import decode_command
from matching.messages.commands import PlaceOrder
from matching.messages.streams import COMMAND_FIELD, input_stream
from matching.runtime.line import Line
from matching.runtime.snapshotter import own_client
from tests.builders.sentinel import WatchedRedis
from tests.deploy.test_redis_of_its_own import KEEP, do_a_task, run
from tests.flow.demo import demo_on
from tests.flow.exchange import MARKET, Exchange, Trader, wait_for
from tests.flow.test_waiting import body_of, result_of, wait_for_result

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedRedis]:
    servers = WatchedRedis(tmp_path_factory.mktemp("watched"))
    wait_for(servers.has_replica, "a replica that follows")
    yield servers
    servers.stop()


def forget_clients() -> None:
    for client in (clients.redis_client, clients._prompt_client, clients.probe_redis_client):
        client.cache_clear()


@pytest.fixture(scope="module")
def exchange(
    watched: WatchedRedis,
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Exchange]:
    """All parts on it, this process's services too."""
    with ExitStack() as stack:
        patched = stack.enter_context(pytest.MonkeyPatch.context())
        stack.callback(forget_clients)
        patched.setattr(settings, "REDIS_URL", watched.url)
        forget_clients()
        running = Exchange(tmp_path_factory.mktemp("logs"))
        stack.enter_context(demo_on(running, django_db_blocker))
        running.start_beat()
        yield running


def waited_for(trader: Trader, side: str) -> str:
    """How an order stands whose answer waited for the engine: told by what the API reads of the
    output on its event loop. A market that recovers may not answer in time."""

    def look() -> str | None:
        answer = wait_for_result(trader, body_of(side, "0.01", "50010"), {})
        return str(result_of(answer)["status"]) if answer.status_code == 200 else None

    return wait_for(look, "an answer with its result")


def placed_ids() -> list[int]:
    """Of all orders in the input, as often as they are there."""
    entries: Any = clients.redis_client().xrange(input_stream(MARKET))
    commands = [decode_command(fields[COMMAND_FIELD]) for _, fields in entries]
    return [command.order_id for command in commands if isinstance(command, PlaceOrder)]


@pytest.mark.drill
def test_a_master_is_killed_and_nothing_is_lost(exchange: Exchange, watched: WatchedRedis) -> None:
    maker, taker = exchange.trader("100000"), exchange.trader("100000")
    before = maker.place("SHORT", "0.01", "50020")
    maker.wait_until(before, "open")
    killed = watched.kill_master()
    meanwhile = maker.place("SHORT", "0.02", "50030")  # nobody is master yet
    wait_for(lambda: watched.sentinel.master_port() != killed, "another master")
    maker.wait_until(meanwhile, "open")
    assert placed_ids().count(meanwhile) == 1
    taking = taker.place("LONG", "0.03", "50030")
    taker.wait_until(taking, "filled")
    assert taker.fills() == [("TAKER", "50020", "0.01"), ("TAKER", "50030", "0.02")]
    assert waited_for(maker, "SHORT") == "open"
    assert waited_for(taker, "LONG") == "filled"
    watched.restart(killed)
    wait_for(watched.has_replica, "the old master as a replica")


@pytest.mark.drill
def test_tasks_and_cache_find_the_master(exchange: Exchange) -> None:
    do_a_task(exchange)
    run(exchange, f"{KEEP}; assert cache.get('a') == 1")


@pytest.mark.drill
def test_a_master_that_lives_on_is_left(exchange: Exchange, watched: WatchedRedis) -> None:
    """It is made a replica, as before maintenance: no connection stays there to be refused."""
    wait_for(watched.has_replica, "a replica that follows")
    before = watched.sentinel.master_port()
    client, line = clients.redis_client(), Line(clients.redis_client())
    line.send("INCR", "by line")
    assert line.receive() == 1
    watched.give_over()
    wait_for(lambda: watched.sentinel.master_port() != before, "another master")
    after = watched.store_at(watched.sentinel.master_port())
    wait_for(partial(reached, lambda: client.set("by client", 1)), "a client that is back")
    wait_for(partial(reached, partial(by_line, line)), "a line that is back")
    wait_for(partial(reached, lambda: asyncio.run(by_event_loop())), "a client of an event loop")
    wait_for(partial(reached, lambda: own_client(client).set("by child", 1)), "a child's client")
    there = after.mget("by client", "by line", "by event loop", "by child")
    assert all(there), there
    maker = exchange.trader()
    maker.wait_until(maker.place("SHORT", "0.01", "50040"), "open")
    assert waited_for(maker, "SHORT") == "open"


def reached(do: Callable[[], object]) -> bool:
    """Whatever else fails but the connection is no part of a failover."""
    try:
        do()
    except (redis.ConnectionError, redis.TimeoutError):
        return False
    return True


def by_line(line: Line) -> None:
    line.send("INCR", "by line")
    answer = line.receive()
    assert isinstance(answer, int), answer


async def by_event_loop() -> None:
    async with clients.async_redis_client() as client:
        await client.set("by event loop", 1)


@pytest.mark.parametrize(
    ("url", "sentinels", "master", "database", "password"),
    [
        ("redis+sentinel://a:1,b:2/ours/3", (("a", 1), ("b", 2)), "ours", 3, None),
        ("redis+sentinel://:p%40w@a/ours", (("a", 26_379),), "ours", 0, "p@w"),
        ("redis+sentinel://[::1]:5/the-one/0", (("::1", 5),), "the-one", 0, None),
    ],
)
def test_addresses(
    url: str, sentinels: object, master: str, database: int, password: str | None
) -> None:
    read = SentinelAddress.parsed(checked(url))
    assert (read.sentinels, read.master, read.database) == (sentinels, master, database)
    assert read.password == password


@pytest.mark.parametrize(
    "url",
    [
        "redis+sentinel://", "redis+sentinel://a:1", "redis+sentinel://a:1/",
        "redis+sentinel:///m/0",
        "redis+sentinel://a:99999/m/0", "redis+sentinel://a,,b/m/0", "redis+sentinel://a:1/m/x",
        "http://a", "a:6379", "",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused_in_a_line(url: str) -> None:
    with pytest.raises(RedisAddressRefused):
        checked(url)
