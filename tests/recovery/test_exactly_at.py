"""Recovery at its boundaries: a snapshot exactly where the stream is trimmed, what is exactly at
the cursor, and what a consumer group still holds pending of a process that is gone."""

from typing import Any

import pytest
import redis

from matching.messages.codec import encode_command
from matching.messages.commands import UpdateIndexPrice
from matching.messages.streams import (
    COMMAND_FIELD,
    dead_letter_stream,
    epoch_key,
    input_stream,
    output_stream,
    snapshots_key,
    trimmed_key,
)
from matching.runtime import market as market_module
from matching.runtime.market import MarketRunner, RecoveryNeeded
from matching.runtime.reader import InputEntry
from persistence.models import EngineSnapshotArchive
from persistence.recovery.archive import archive_and_trim, progress_of
from persistence.recovery.starting_points import make_starting_point, missing_starting_point
from tests.ledger.world import make_market

MARKET = "BTC-PERP"
PRICE = encode_command(UpdateIndexPrice(index_price_ticks=1_000))


@pytest.fixture
def client(transactional_db: None, redis_db: redis.Redis) -> redis.Redis:
    make_market(MARKET)
    make_starting_point(MARKET)
    return redis_db


def runner(client: redis.Redis) -> MarketRunner:
    return MarketRunner(client, MARKET, "engine", snapshot_every=10_000)


def send(client: redis.Redis, *input_ids: str) -> None:
    for input_id in input_ids:
        client.xadd(input_stream(MARKET), {COMMAND_FIELD: PRICE}, id=input_id)


def run_to_snapshot(client: redis.Redis, *input_ids: str) -> None:
    """An engine takes these and leaves a snapshot behind the last."""
    send(client, *input_ids)
    one = runner(client)
    one.recover()
    one.snapshot()


def delivered(client: redis.Redis) -> list[InputEntry]:
    """What the group has for another consumer."""
    answer: Any = client.xreadgroup("engine", "new", {input_stream(MARKET): ">"})
    # A list of pairs by RESP2, a dictionary of lists of lists by RESP3.
    return next(iter(answer.values()))[0] if isinstance(answer, dict) else answer[0][1]


@pytest.mark.parametrize(
    ("trimmed", "is_usable"),
    [("1000-1", True), ("1000-2", True), ("1000-3", False), ("1001-0", False), ("999-9", True)],
)
def test_a_snapshot_at_the_id_up_to_which_is_trimmed(
    client: redis.Redis, trimmed: str, is_usable: bool
) -> None:
    """It needs what follows it, and nothing that went. Worker and engine judge alike."""
    run_to_snapshot(client, "1000-1", "1000-2")
    client.hdel(snapshots_key(MARKET), "0")
    client.set(trimmed_key(MARKET), trimmed)
    if is_usable:
        assert missing_starting_point(MARKET) == ""
        runner(client).recover()
    else:
        assert missing_starting_point(MARKET) == "Redis has no usable snapshot of the market"
        with pytest.raises(RecoveryNeeded, match=f"trimmed up to {trimmed}"):
            runner(client).recover()


def test_an_older_snapshot_serves_where_the_newer_one_is_damaged_if_nothing_after_it_went(
    client: redis.Redis,
) -> None:
    run_to_snapshot(client, "1000-1")
    run_to_snapshot(client, "1000-2")
    client.hset(snapshots_key(MARKET), "2", b"damaged")
    client.set(trimmed_key(MARKET), "1000-1")
    assert missing_starting_point(MARKET) == ""
    client.set(trimmed_key(MARKET), "1000-2")
    assert missing_starting_point(MARKET) == "Redis has no usable snapshot of the market"


@pytest.mark.parametrize("each", [1, 2])
@pytest.mark.parametrize("page", [1, 3, 1_000])
def test_nothing_is_pending_after_a_recovery(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch, page: int, each: int
) -> None:
    """Delivered to a process that died before it answered; however many pages they fill."""
    monkeypatch.setattr(market_module, "REPLAY_PAGE", page)
    stream = input_stream(MARKET)
    send(client, "1000-1", "1000-2", "1000-3", "1000-4")
    client.xgroup_create(stream, "engine", id="0-0")
    client.xgroup_create(stream, "standby", id="0-0")
    for group, consumer in (("engine", "gone"), ("engine", "gone too"), ("standby", "other")):
        client.xreadgroup(group, consumer, {stream: ">"}, count=each)
    assert client.xpending(stream, "engine")["pending"] == 2 * each
    one = runner(client)
    one.recover()
    assert one.seq == 4
    assert client.xpending(stream, "engine")["pending"] == 0
    assert client.xpending(stream, "standby")["pending"] == each  # the other engine's own
    # And the group goes on right behind what was replayed.
    send(client, "1000-5")
    assert [row_id for row_id, _ in delivered(client)] == [b"1000-5"]


def test_what_is_processed_is_no_longer_pending(client: redis.Redis) -> None:
    one = runner(client)
    one.recover()
    stream = input_stream(MARKET)
    send(client, "1000-1", "1000-2")
    rows = delivered(client)
    assert client.xpending(stream, "engine")["pending"] == 2
    one.process(rows)
    assert client.xpending(stream, "engine")["pending"] == 0
    assert one.seq == 2


def test_a_starting_point_takes_away_what_belonged_to_the_old_one(client: redis.Redis) -> None:
    """Snapshots, output, dead letters and the mark of what was trimmed; of this market only."""
    make_market("ETH-PERP")
    make_starting_point("ETH-PERP")
    kinds = (snapshots_key, output_stream, trimmed_key, dead_letter_stream)
    for market_id in (MARKET, "ETH-PERP"):
        client.xadd(output_stream(market_id), {"entry": b"x"}, id="5-0")
        client.xadd(dead_letter_stream(market_id), {"reason": "x"}, id="5-0")
        client.set(trimmed_key(market_id), "7-0")
        client.hset(snapshots_key(market_id), "5", b"rubbish")
    kept = {kind: client.dump(kind("ETH-PERP")) for kind in (*kinds, epoch_key)}
    epoch = client.get(epoch_key(MARKET))
    make_starting_point(MARKET, "asked for")
    assert client.get(epoch_key(MARKET)) != epoch
    assert client.hkeys(snapshots_key(MARKET)) == [b"0"]
    assert not client.exists(output_stream(MARKET), trimmed_key(MARKET), dead_letter_stream(MARKET))
    assert {kind: client.dump(kind("ETH-PERP")) for kind in (*kinds, epoch_key)} == kept


def test_nothing_is_archived_or_cut_where_it_is_too_early(client: redis.Redis) -> None:
    """Without a snapshot, without an epoch, and with snapshots the ledger has yet to reach."""
    run_to_snapshot(client, "1000-1")
    assert archive_and_trim(*progress_of([MARKET])) == 0
    assert client.xlen(input_stream(MARKET)) == 1
    assert list(EngineSnapshotArchive.objects.values_list("seq", flat=True)) == [0]
    client.delete(epoch_key(MARKET))
    assert archive_and_trim(*progress_of([MARKET])) == 0
    client.set(epoch_key(MARKET), "an epoch")
    client.delete(snapshots_key(MARKET))
    assert archive_and_trim(*progress_of([MARKET])) == 0
