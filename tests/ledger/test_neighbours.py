"""What one market lacks never stops its neighbours: where several markets share a loop, whatever
goes wrong with one of them is that one's own."""

import pytest
import redis
from django.utils import timezone

from matching.messages.codec import encode_entry
from matching.messages.commands import UpdateIndexPrice
from matching.messages.events import OutputEntry
from matching.messages.streams import (
    ENTRY_FIELD,
    epoch_key,
    input_stream,
    output_stream,
    snapshots_key,
)
from persistence import listener as listener_module
from persistence import reading, tasks
from persistence.listener import OutputStreamListener
from persistence.models import PersistenceFault
from persistence.projection.projectors import project
from persistence.recovery import archive
from tests.ledger.test_listener import cursor_of, wait_until
from tests.ledger.world import open_market
from tests.patience import PATIENCE_S
from trading.commands import resend
from trading.commands.publisher import publish_commands
from trading.models import OutboxCommand

WELL = "ETH-PERP"


@pytest.fixture
def neighbour(world, monkeypatch):
    """The other market, and a listener that meets both."""
    monkeypatch.setattr(listener_module, "RETRY_SECONDS", (0.01, 0.02))
    monkeypatch.setattr(listener_module, "HOUSEKEEPING_SECONDS", 0.01)
    open_market(WELL)
    started = OutputStreamListener(node="test@here")
    yield started
    started.stop(timeout=PATIENCE_S)


def publish_to_neighbour(world, seq=1):
    entry = OutputEntry(seq=seq, input_id=f"{seq}-0", time_ms=1, command_id=0, events=())
    world.redis_db.xadd(output_stream(WELL), {ENTRY_FIELD: encode_entry(entry)}, id=f"{seq}-0")


def failing_for(market_id, real, fault):
    def faulty(*args, **kwargs):
        if market_id in args or any(getattr(arg, "pk", None) == market_id for arg in args):
            raise fault
        return real(*args, **kwargs)

    return faulty


@pytest.mark.parametrize("key_of", [output_stream, snapshots_key, epoch_key])
def test_a_key_of_another_kind_rests_its_market_alone(world, neighbour, key_of):
    neighbour.start()
    world.redis_db.delete(key_of(world.market_id))
    world.redis_db.sadd(key_of(world.market_id), "what does not belong here")
    publish_to_neighbour(world)
    wait_until(lambda: cursor_of(WELL) == 1, "the neighbour's entry")


@pytest.mark.parametrize("name", ["ensure_starting_point", "persist_market"])
def test_a_surprise_of_one_market_rests_it_alone(world, neighbour, monkeypatch, name):
    real = getattr(listener_module, name)
    faulty = failing_for(world.market_id, real, KeyError("a surprise"))
    monkeypatch.setattr(listener_module, name, faulty)
    neighbour.start()
    world.publish(world.say())
    publish_to_neighbour(world)
    wait_until(lambda: cursor_of(WELL) == 1, "the neighbour's entry")
    monkeypatch.setattr(listener_module, name, real)
    wait_until(lambda: cursor_of(world.market_id) == 1, "the market itself")


def test_an_entry_that_nobody_foresaw_is_poison_that_an_operator_sees(world, monkeypatch):
    def faulty(batch, entries):
        project(batch, [entry for entry in entries if entry.seq < 2])
        if entries[-1].seq >= 2:
            raise OverflowError("too large")

    first, second = world.say(), world.say()
    world.publish(first, second)
    monkeypatch.setattr(reading, "project", faulty)
    tasks.persist_market(world.market_id)
    fault = PersistenceFault.objects.get()
    assert (fault.kind, fault.reason) == ("PoisonEntry", "OverflowError: too large")
    assert cursor_of(world.market_id) == fault.seq - 1


@pytest.mark.parametrize("fault", [KeyError("a surprise"), redis.ResponseError("WRONGTYPE")])
def test_archiving_and_resending_see_to_the_others(world, monkeypatch, fault):
    open_market(WELL)
    seen = []

    def archived(progress):
        seen.append(progress.cursor.market_id)
        if progress.cursor.market_id != WELL:
            raise fault
        return 0

    monkeypatch.setattr(archive, "archive_and_trim", archived)
    tasks.archive_and_trim()
    assert set(seen) == {world.market_id, WELL}
    open_market("SOL-PERP")  # where nothing waits
    for market_id in (world.market_id, WELL):
        promise_long_ago(market_id)
    asked = []

    def resent(market):
        asked.append(market.pk)
        if market.pk != WELL:
            raise fault
        return 3

    monkeypatch.setattr(resend, "_resend", resent)
    assert resend.resend_unseen_commands() == 3
    assert set(asked) == {world.market_id, WELL}


def promise_long_ago(market_id):
    OutboxCommand.objects.create(
        market_id=market_id,
        command_type="SetMarketState",
        payload={},
        created_at=timezone.now() - 2 * resend.UNSEEN_AFTER,
    )


def test_a_redis_that_is_away_ends_the_run(world, monkeypatch):
    promise_long_ago(world.market_id)

    def away(_market):
        raise redis.ConnectionError("away")

    monkeypatch.setattr(resend, "_resend", away)
    with pytest.raises(redis.ConnectionError):
        resend.resend_unseen_commands()


def test_a_command_with_no_stream_to_go_to_holds_up_no_other(world):
    """In one call with others it is the only one missing."""
    world.redis_db.set(input_stream(world.market_id), "no stream")
    with pytest.raises(redis.ResponseError):
        publish_commands(
            (market_id, UpdateIndexPrice(index_price_ticks=5))
            for market_id in (world.market_id, WELL)
        )
    assert world.redis_db.xlen(input_stream(WELL)) == 1
