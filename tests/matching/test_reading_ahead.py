"""What the engine asks Redis for before it needs it, and sends before it hears of it, changes
nothing: every command is applied once and in order, and nothing wrong is published."""

from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.conf import settings

from matching.messages.codec import decode_entry
from matching.messages.commands import UpdateIndexPrice
from matching.messages.streams import ENTRY_FIELD, epoch_key, input_stream, output_stream
from matching.runtime.line import Line
from matching.runtime.market import PUBLISH_EVERY, MarketRunner, RecoveryNeeded
from matching.runtime.process import BATCH_COMMANDS_MAX, EngineProcess
from matching.runtime.publish import OtherOutput, Publisher
from matching.runtime.reader import Reader
from persistence.recovery.starting_points import ensure_starting_point
from tests.trading.client import make_market
from trading.commands.publisher import publish_commands

MARKET = "BTC-PERP"
STREAM = input_stream(MARKET)
OTHER = input_stream("ETH-PERP")


def send(*prices: int) -> None:
    publish_commands((MARKET, UpdateIndexPrice(index_price_ticks=price)) for price in prices)


def ids(client: redis.Redis, key: str = STREAM) -> list[str]:
    found: Any = client.xrange(key)
    return [raw_id.decode() for raw_id, _ in found]


def published(client: redis.Redis) -> list[str]:
    """The commands behind the output entries, which must have no gap."""
    found: Any = client.xrange(output_stream(MARKET))
    entries = [decode_entry(fields[ENTRY_FIELD]) for _, fields in found]
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    return [entry.input_id for entry in entries]


@pytest.fixture
def reader(redis_db: redis.Redis) -> Iterator[Reader]:
    for key in (STREAM, OTHER):
        redis_db.xgroup_create(key, "engine", id="0-0", mkstream=True)
    made = Reader(redis_db, "engine", "1", count=2)
    yield made
    made.drop()


def test_entries_are_known_to_follow_the_last_one(redis_db: redis.Redis, reader: Reader) -> None:
    send(1, 2, 3)
    reader.ask({STREAM: "0-0", OTHER: "0-0"}, block_ms=1_000)
    (delivery,) = reader.take().values()
    assert [raw_id.decode() for raw_id, _ in delivery.entries] == ids(redis_db)[:2]
    assert delivery.follows == "0-0"
    assert reader.has_more(delivery)
    reader.ask({STREAM: ids(redis_db)[1]}, block_ms=None)
    assert reader.is_ahead
    (delivery,) = reader.take().values()
    assert [raw_id.decode() for raw_id, _ in delivery.entries] == ids(redis_db)[2:]
    assert delivery.follows == ids(redis_db)[1]
    assert not reader.has_more(delivery)


def test_what_another_took_from_between_is_noticed(redis_db: redis.Redis, reader: Reader) -> None:
    send(1, 2)
    redis_db.xreadgroup("engine", "another", {STREAM: ">"}, count=1)
    reader.ask({STREAM: "0-0"}, block_ms=None)
    (delivery,) = reader.take().values()
    assert [raw_id.decode() for raw_id, _ in delivery.entries] == ids(redis_db)[1:]
    assert delivery.follows == ""


def test_a_refusal_of_redis_is_raised_and_the_line_stays_usable(
    redis_db: redis.Redis, reader: Reader
) -> None:
    redis_db.xgroup_destroy(STREAM, "engine")
    reader.ask({STREAM: "0-0"}, block_ms=1_000)
    with pytest.raises(redis.ResponseError, match="NOGROUP"):
        reader.take()
    redis_db.xgroup_create(STREAM, "engine", id="0-0")
    send(1)
    reader.ask({STREAM: "0-0"}, block_ms=1_000)
    assert list(reader.take()) == [STREAM]


def test_a_line_that_broke_is_opened_again(redis_db: redis.Redis) -> None:
    line = Line(redis_db)
    line.send("CLIENT", "ID")
    own_id = line.receive()
    redis_db.client_kill_filter(_id=own_id)
    line.send("PING")
    with pytest.raises(redis.ConnectionError):
        line.receive()
    assert line.open_answers == 0
    line.send("PING")
    assert line.receive() == b"PONG"
    line.drop()


@pytest.fixture
def runner(transactional_db: None, redis_db: redis.Redis) -> MarketRunner:
    make_market(MARKET)
    ensure_starting_point(MARKET)
    made = MarketRunner(redis_db, MARKET, "engine", snapshot_every=10**6)
    made.recover()
    return made


def delivered(client: redis.Redis, count: int) -> Any:
    return client.xreadgroup("engine", "1", {STREAM: ">"}, count=count)


def entries(answer: Any) -> Any:
    return answer[0][1] if isinstance(answer, list) else next(iter(answer.values()))


def test_a_batch_goes_out_in_parts_and_is_acknowledged(
    redis_db: redis.Redis, runner: MarketRunner
) -> None:
    count = 2 * PUBLISH_EVERY + 1
    send(*range(1, count + 1))
    runner.process(entries(delivered(redis_db, count)), runner.input_id)
    assert published(redis_db) == ids(redis_db)
    pending: Any = redis_db.xpending(STREAM, "engine")
    assert pending["pending"] == 0


def test_a_part_under_another_epoch_sends_the_market_back(
    redis_db: redis.Redis, runner: MarketRunner
) -> None:
    send(*range(1, PUBLISH_EVERY + 2))
    batch = entries(delivered(redis_db, PUBLISH_EVERY + 1))
    before = published(redis_db)
    redis_db.set(epoch_key(MARKET), "another")
    with pytest.raises(RecoveryNeeded, match="another starting point"):
        runner.process(batch, runner.input_id)
    assert published(redis_db) == before
    pending: Any = redis_db.xpending(STREAM, "engine")
    assert pending["pending"] == PUBLISH_EVERY + 1


def test_nothing_is_written_beside_an_entry_that_differs(
    redis_db: redis.Redis, runner: MarketRunner
) -> None:
    publisher = Publisher(Line(redis_db), MARKET, "engine")
    first = runner.seq + 1
    publisher.send(runner.epoch, first, [b"one", b"two"], [], [])
    publisher.settle()
    before = ids(redis_db, output_stream(MARKET))
    publisher.send(runner.epoch, first, [b"one", b"too", b"three"], [], [])
    with pytest.raises(OtherOutput, match=f"sequence {first + 1} differs"):
        publisher.settle()
    assert ids(redis_db, output_stream(MARKET)) == before
    publisher.send(runner.epoch, first + 1, [b"two", b"three"], [], [])
    publisher.settle()
    assert ids(redis_db, output_stream(MARKET)) == [*before, f"{first + 2}-0"]
    publisher.drop()


class _UntilPublished:
    """A stop flag: fills the input once the engine is there, and is set when all of it is out."""

    def __init__(self, client: redis.Redis, count: int) -> None:
        self.client = client
        self.count = count
        self.process: EngineProcess | None = None
        self.is_filled = False

    def is_set(self) -> bool:
        assert self.process is not None
        hosted = self.process.hosted.get(MARKET)
        if hosted is None:
            return False
        if not self.is_filled:
            self.is_filled = True
            send(*range(1, self.count + 1))
        return hosted.runner.seq >= self.count

    def wait(self, seconds: float) -> None:
        raise AssertionError("Redis was lost")


def test_a_process_that_reads_ahead_publishes_everything_once(
    redis_db: redis.Redis, runner: MarketRunner
) -> None:
    stop = _UntilPublished(redis_db, 3 * BATCH_COMMANDS_MAX + 7)
    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=5)
    stop.process = EngineProcess(client, lambda: [MARKET], "engine", 10**6)
    stop.process.run(stop)  # type: ignore[arg-type]
    client.close()
    assert published(redis_db) == ids(redis_db)
