"""Any sequence a client may come back with ends in a replay, a gap or an error."""

from pathlib import Path
from typing import Any

import pytest
import redis
from websockets.exceptions import ConnectionClosed

from accounts.models import User
from exchange_site.embedded import redis_server
from exchange_site.embedded.child import Child
from exchange_site.embedded.ports import free_port
from matching.messages.streams import ENTRY_FIELD, output_stream
from persistence.models import MarketCursor
from persistence.recovery.starting_points import make_starting_point
from tests.feeds.conftest import (
    MARKET,
    Ear,
    Feeds,
    accepted,
    add_markets,
    drain,
    serving,
    subscribed_account,
    subscribed_until,
)
from tests.patience import PATIENCE_S


@pytest.fixture
def alice(transactional_db: None) -> User:
    return User.objects.create_user("alice", password="a long enough secret")


def write(feeds: Feeds, user: User, *seqs: int) -> None:
    for seq in seqs:
        feeds.write_entry(seq, accepted(seq, user.pk))


def hear_gap(ear: Ear) -> tuple[int, int]:
    gap = ear.hear()
    assert (gap["type"], gap["marketId"]) == ("gap", MARKET), gap
    return gap["afterSeq"], gap["nextSeq"]


def hear_seqs(ear: Ear, count: int) -> list[int]:
    return [ear.hear()["seq"] for _ in range(count)]


def test_ahead_of_the_market_is_a_gap_and_live_goes_on(feeds: Feeds, alice: User) -> None:
    write(feeds, alice, 1, 2, 3)
    subscribed_until(feeds, 3)
    for ahead in (4, 120, 2**63 - 1):
        ear, _ = subscribed_account(feeds, alice, lastSeq={MARKET: ahead})
        assert hear_gap(ear) == (ahead, 4)
    ear, _ = subscribed_account(feeds, alice, lastSeq={MARKET: 1, "ETH-PERP": 7})
    assert hear_seqs(ear, 2) == [2, 3]
    gap = ear.hear()
    assert (gap["marketId"], gap["afterSeq"], gap["nextSeq"]) == ("ETH-PERP", 7, 1)
    write(feeds, alice, 4)
    assert hear_seqs(ear, 1) == [4]


IMPOSSIBLE: list[tuple[dict[str, Any], str]] = [
    ({"channels": ["account"], "lastSeq": {"NO-PERP": 1}}, "UNKNOWN_MARKET"),
    ({"channels": ["account"], "lastSeq": {MARKET: -1}}, "INVALID_MESSAGE"),
    ({"channels": ["account"], "lastSeq": {MARKET: 2**63}}, "INVALID_MESSAGE"),
    ({"channels": ["account"], "lastSeq": {MARKET: 1.5}}, "INVALID_MESSAGE"),
    ({"channels": ["account"], "lastSeq": {MARKET: None}}, "INVALID_MESSAGE"),
    ({"channels": ["account"], "lastSeq": 5}, "INVALID_MESSAGE"),
    ({"channels": ["account"], "epoch": {MARKET: "x"}}, "INVALID_MESSAGE"),
    ({"channels": [f"book:{MARKET}"], "lastSeq": {MARKET: 1}}, "INVALID_MESSAGE"),
]


def test_what_can_not_be_meant_is_an_error_and_subscribes_to_nothing(
    feeds: Feeds, alice: User
) -> None:
    ear = feeds.connect()
    ear.sign_in(alice)
    for said, code in IMPOSSIBLE:
        assert ear.ask(op="subscribe", **said)["code"] == code, said
    write(feeds, alice, 1)
    subscribed_until(feeds, 1)
    assert ear.ask(op="ping")["op"] == "pong"


def test_a_market_set_back_is_told_to_whoever_saw_more(feeds: Feeds, alice: User) -> None:
    make_starting_point(MARKET)
    write(feeds, alice, *range(1, 121))
    ear, _ = subscribed_account(feeds, alice, lastSeq={MARKET: 119})
    old_epoch = ear.hear()["epoch"]
    subscribed_until(feeds, 120)
    MarketCursor.objects.filter(pk=MARKET).update(seq=100, input_id="100-0")
    make_starting_point(MARKET, "a test")
    assert hear_gap(ear) == (120, 101)
    write(feeds, alice, *range(101, 131))
    heard = [ear.hear() for _ in range(30)]
    assert [message["seq"] for message in heard] == list(range(101, 131))
    new_epoch = heard[-1]["epoch"]
    assert new_epoch != old_epoch
    # Sequence 120 is of both epochs by now: without a name it can't be told which one was meant.
    for more in ({}, {"epoch": {MARKET: old_epoch}}):
        ear, _ = subscribed_account(feeds, alice, lastSeq={MARKET: 120}, **more)
        assert hear_gap(ear) == (120, 131)
    ear, _ = subscribed_account(feeds, alice, lastSeq={MARKET: 120}, epoch={MARKET: new_epoch})
    assert hear_seqs(ear, 10) == list(range(121, 131))
    ear, _ = subscribed_account(feeds, alice, lastSeq={MARKET: 100}, epoch={MARKET: old_epoch})
    assert hear_seqs(ear, 30) == list(range(101, 131))
    ear, _ = subscribed_account(feeds, alice, lastSeq={MARKET: 90})
    assert hear_gap(ear) == (90, 101)


def test_output_that_is_lost_within_an_epoch_is_told(feeds: Feeds, alice: User) -> None:
    write(feeds, alice, *range(1, 11))
    subscribed_until(feeds, 10)
    ear, _ = subscribed_account(feeds, alice)
    feeds.redis.delete(output_stream(MARKET))
    write(feeds, alice, *range(1, 6))
    assert hear_gap(ear) == (10, 6)
    write(feeds, alice, *range(6, 13))
    assert hear_seqs(ear, 7) == list(range(6, 13))
    ear, _ = subscribed_account(feeds, alice, lastSeq={MARKET: 8})
    assert hear_gap(ear) == (8, 13)
    # As many entries as before, but others.
    feeds.redis.delete(output_stream(MARKET))
    feeds.write_entry(12, accepted(999, alice.pk))
    assert hear_gap(ear) == (12, 13)


def test_an_entry_that_can_not_be_read_is_a_gap(feeds: Feeds, alice: User) -> None:
    write(feeds, alice, 1)
    subscribed_until(feeds, 1)
    ear, _ = subscribed_account(feeds, alice)
    feeds.redis.xadd(output_stream(MARKET), {ENTRY_FIELD: b"of a later version"}, id="2-0")
    write(feeds, alice, 3)
    assert hear_gap(ear) == (1, 3)
    assert hear_seqs(ear, 1) == [3]
    ear, _ = subscribed_account(feeds, alice, lastSeq={MARKET: 0})
    assert hear_seqs(ear, 1) == [1]
    assert hear_gap(ear) == (1, 3)
    assert hear_seqs(ear, 1) == [3]


def test_a_long_replay_beside_a_busy_market_has_every_entry_once(feeds: Feeds, alice: User) -> None:
    write(feeds, alice, *range(1, 2_001))
    subscribed_until(feeds, 2_000)
    ear, _ = subscribed_account(feeds, alice, lastSeq={MARKET: 0})
    for seq in range(2_001, 3_501):
        write(feeds, alice, seq)
    assert hear_seqs(ear, 3_500) == list(range(1, 3_501))


def test_feeds_that_start_without_redis_and_end_by_a_signal(alice: User, folder: Path) -> None:
    add_markets()
    server = redis_server.prepare(folder / "redis", port=free_port())
    client = redis.Redis.from_url(server.url())
    child = None
    try:
        with serving(server.url(), client, folder / "feeds.log") as feeds:
            ear = feeds.connect()
            ear.sign_in(alice)
            answer = ear.ask(op="subscribe", channels=["account"], lastSeq={MARKET: 3})
            assert (answer["op"], answer["seq"]) == ("subscribed", {})
            assert ear.hear()["code"] == "REPLAY_UNAVAILABLE"
            child = Child(server, log=folder / "redis.log").wait_ready()
            write(feeds, alice, *range(1, 8))
            afterwards = hear_gap(ear)[1]  # what was there when the feeds found Redis
            assert 1 < afterwards <= 8
            assert hear_seqs(ear, 8 - afterwards) == list(range(afterwards, 8))
            ear, _ = subscribed_account(feeds, alice, lastSeq={MARKET: 3})
            assert hear_seqs(ear, 4) == [4, 5, 6, 7]
            # And once more while they run: with nothing lost nothing is told.
            child.stop()
            assert ear.ask(op="ping")["op"] == "pong"
            child = Child(server, log=folder / "redis.log").wait_ready()
            write(feeds, alice, 8)
            assert hear_seqs(ear, 1) == [8]
            feeds.process.terminate()  # with a client connected
            with pytest.raises(ConnectionClosed):
                drain(ear)
            feeds.process.wait(PATIENCE_S)
    finally:
        client.close()
        if child is not None:
            child.stop()
