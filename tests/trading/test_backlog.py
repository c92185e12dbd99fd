"""Orders that came while Redis was away go first, in their order, and nothing overtakes them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise

import pytest
import redis
from django.db import connections

from matching.messages.commands import CancelOrder, PlaceOrder
from matching.messages.streams import input_stream
from tests.builders.away import redis_away
from tests.flow.exchange import wait_for
from tests.trading.client import Trader, make_market, sent_commands, set_ticker
from trading.commands import backlog, publisher
from trading.commands.backlog import BacklogSender, send_backlogs
from trading.models import Order, OutboxCommand, UnsentMarket

pytestmark = pytest.mark.django_db(transaction=True)

STREAM = input_stream("BTC-PERP")


@pytest.fixture(autouse=True)
def applied(trader: Trader) -> None:
    OutboxCommand.objects.update(applied_seq=1)  # the market's configuration


@contextmanager
def away() -> Iterator[None]:
    nobody = redis_away()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("request_redis_client", "probe_redis_client"):
            patch.setattr(publisher, name, lambda: nobody)
        yield


def placed(trader: Trader) -> int:
    return int(trader.place(qty="0.01", margin="50").body["orderId"])


def has_placed(ids: list[int], many: int) -> bool:
    return len(ids) > many


def sent_ids(redis_db: redis.Redis) -> list[int]:
    """Orders as an engine takes them: each where it first comes."""
    commands = sent_commands(redis_db)
    ids = [command.order_id for command in commands if isinstance(command, PlaceOrder)]
    return list(dict.fromkeys(ids))


def test_what_comes_later_waits_behind(trader: Trader, redis_db: redis.Redis) -> None:
    with away():
        first = placed(trader)
    second = placed(trader)
    assert trader.api.delete(f"/order/{first}").status == 202
    assert redis_db.xlen(STREAM) == 0
    assert send_backlogs() == 3
    *orders, cancel = sent_commands(redis_db)
    assert sent_ids(redis_db) == [first, second]
    assert isinstance(cancel, CancelOrder)
    assert (len(orders), cancel.order_id) == (2, first)
    third = placed(trader)
    assert sent_ids(redis_db) == [first, second, third]
    assert not UnsentMarket.objects.exists()
    assert send_backlogs() == 0


def test_other_markets_go_on(trader: Trader, redis_db: redis.Redis) -> None:
    make_market("ETH-PERP")
    OutboxCommand.objects.update(applied_seq=1)
    set_ticker(redis_db, "ETH-PERP")
    redis_db.delete(input_stream("ETH-PERP"))
    with away():
        placed(trader)
    placed(trader)
    answer = trader.place(marketId="ETH-PERP", qty="0.01", margin="50")
    assert answer.status == 202, answer.body
    assert redis_db.xlen(STREAM) == 0
    assert redis_db.xlen(input_stream("ETH-PERP")) == 1


def test_while_redis_stays_away_the_mark_stays(trader: Trader, redis_db: redis.Redis) -> None:
    with away():
        first = placed(trader)
        with pytest.raises(redis.RedisError):
            send_backlogs()
    assert UnsentMarket.objects.count() == 1
    assert send_backlogs() == 1
    assert sent_ids(redis_db) == [first]


def test_what_was_sent_last_before_is_sent_again(trader: Trader, redis_db: redis.Redis) -> None:
    """A replica that becomes master may lack it."""
    first = placed(trader)
    redis_db.delete(STREAM)
    with away():
        second = placed(trader)
    send_backlogs()
    assert sent_ids(redis_db) == [first, second]


def test_a_stream_that_refuses_keeps_its_mark(trader: Trader, redis_db: redis.Redis) -> None:
    redis_db.delete(STREAM)
    redis_db.set(STREAM, "no stream")
    first = placed(trader)
    assert send_backlogs() == 0
    assert UnsentMarket.objects.count() == 1
    redis_db.delete(STREAM)
    assert send_backlogs() == 1
    assert sent_ids(redis_db) == [first]


def test_many_go_in_batches(
    trader: Trader, redis_db: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "BATCH_MAX", 2)
    with away():
        ids = [placed(trader) for _ in range(5)]
    assert send_backlogs() == 5
    assert sent_ids(redis_db) == ids


def test_a_row_that_is_no_command_holds_up_no_other(trader: Trader, redis_db: redis.Redis) -> None:
    with away():
        first = placed(trader)
        assert trader.api.delete(f"/order/{first}").status == 202
        second = placed(trader)
    OutboxCommand.objects.filter(command_type="CancelOrder").update(payload={"type": "Nonsense"})
    send_backlogs()
    assert sent_ids(redis_db) == [first, second]


def test_nothing_overtakes_while_the_mark_goes(trader: Trader, redis_db: redis.Redis) -> None:
    """One places without a pause, Redis goes and comes, and the thread of a worker sends: ten
    times over a mark is set and taken away between two orders."""
    ids: list[int] = []
    enough = threading.Event()

    def place() -> None:
        while not enough.is_set():
            ids.append(placed(trader))
            if len(ids) % 5 == 0:
                trader.api.delete("/orders")
        connections.close_all()

    sender = BacklogSender()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backlog, "LOOK_EVERY_S", 0.001)
        sender.start()
        placing = threading.Thread(target=place, daemon=True)
        placing.start()
        for _ in range(10):
            many = len(ids) + 3
            with away():
                wait_for(partial(has_placed, ids, many), "orders while Redis is away")
            wait_for(lambda: not UnsentMarket.objects.exists(), "a mark that goes")
        enough.set()
        placing.join()
        sender.stop()
    found = sent_ids(redis_db)
    overtaken = sum(later < earlier for earlier, later in pairwise(found))
    assert (overtaken, len(found)) == (0, len(ids))
    assert Order.objects.count() == len(ids)
