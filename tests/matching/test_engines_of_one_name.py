"""Two processes under one engine name share a consumer group: each is delivered a part of the
stream, and both must nevertheless publish all of it, once, in its order."""

from typing import Any

import pytest
import redis

from matching.messages.codec import decode_entry
from matching.messages.commands import UpdateIndexPrice
from matching.messages.streams import ENTRY_FIELD, input_stream, output_stream
from matching.runtime.market import MarketRunner
from persistence.recovery.starting_points import ensure_starting_point
from tests.trading.client import make_market
from trading.commands.publisher import publish_command

pytestmark = pytest.mark.django_db(transaction=True)

MARKET = "BTC-PERP"


@pytest.fixture
def runners(redis_db: redis.Redis) -> list[MarketRunner]:
    make_market(MARKET)
    ensure_starting_point(MARKET)
    both = [MarketRunner(redis_db, MARKET, "engine", snapshot_every=1_000) for _ in range(2)]
    for runner in both:
        runner.recover()
    return both


def read(client: redis.Redis, runner: MarketRunner, count: int) -> list[Any]:
    key = input_stream(MARKET)
    reply: Any = client.xreadgroup(runner.engine_name, "reader", {key: ">"}, count=count)
    return list(reply[0][1]) if reply else []


def published(client: redis.Redis) -> list[str]:
    found: Any = client.xrange(output_stream(MARKET))
    entries = [decode_entry(fields[ENTRY_FIELD]) for _, fields in found]
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    return [entry.input_id for entry in entries]


def asked(client: redis.Redis) -> list[str]:
    found: Any = client.xrange(input_stream(MARKET))
    return [raw_id.decode() for raw_id, _ in found]


@pytest.mark.parametrize("shares", [(1, 1), (2, 3), (1, 5)])
def test_each_command_is_published_once_and_in_order(
    redis_db: redis.Redis, runners: list[MarketRunner], shares: tuple[int, int]
) -> None:
    for price in range(1, 31):
        publish_command(MARKET, UpdateIndexPrice(index_price_ticks=price))
    while True:
        batches = [read(redis_db, r, n) for r, n in zip(runners, shares, strict=True)]
        if not any(batches):
            break
        # The one that was delivered the later share is the faster.
        for runner, batch in reversed(list(zip(runners, batches, strict=True))):
            if batch:
                runner.process(batch)
    assert published(redis_db) == asked(redis_db)
    pending: Any = redis_db.xpending(input_stream(MARKET), "engine")
    assert pending["pending"] == 0


def test_an_entry_delivered_again_is_not_applied_again(
    redis_db: redis.Redis, runners: list[MarketRunner]
) -> None:
    """Recovering moves the group; the other process may then get what it has applied."""
    one, other = runners
    publish_command(MARKET, UpdateIndexPrice(index_price_ticks=5))
    batch = read(redis_db, one, 10)
    one.process(batch)
    other.recover()
    one.process(batch)
    publish_command(MARKET, UpdateIndexPrice(index_price_ticks=6))
    one.process(read(redis_db, one, 10))
    assert published(redis_db) == asked(redis_db)
