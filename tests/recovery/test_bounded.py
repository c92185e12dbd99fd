"""What Redis holds of a market does not grow with its history."""

import time
from typing import Any

import msgspec
import pytest

from matching.messages.snapshot import SnapshotHead, decode_head, decode_snapshot
from matching.messages.streams import (
    COMMAND_FIELD,
    Heartbeat,
    dead_letter_stream,
    heartbeat_key,
    input_stream,
    output_stream,
    snapshots_key,
    trimmed_key,
)
from persistence.models import DeadLetter, EngineSnapshotArchive
from persistence.recovery import archive, kept_snapshots
from persistence.recovery.archive import SNAPSHOTS_ARCHIVED, archive_and_trim, due, progress_of
from persistence.recovery.starting_points import missing_starting_point
from tests.recovery.exchange import MARK_TICKS, MARKET, Exchange, wait_until

SNAPSHOT_EVERY = 20
CHUNK = 25
KEPT = 30


def lengths(exchange: Exchange) -> tuple[int, int, int]:
    streams = (input_stream, output_stream, dead_letter_stream)
    input_length, output_length, dead = (int(exchange.client.xlen(s(MARKET))) for s in streams)
    return input_length, output_length, dead


def chunk(exchange: Exchange) -> None:
    for number in range(CHUNK):
        exchange.move_index(MARK_TICKS + number)
    rubbish: Any = exchange.client.xadd(input_stream(MARKET), {COMMAND_FIELD: b"rubbish"})
    exchange.last_price_id = rubbish.decode()  # what settling waits for
    exchange.settle()


@pytest.fixture
def busy(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> Exchange:
    monkeypatch.setattr(archive, "OUTPUT_ENTRIES_KEPT", KEPT)
    exchange.start(snapshot_every=SNAPSHOT_EVERY)
    exchange.trade(2)
    exchange.settle()
    return exchange


def wait_for_beat(exchange: Exchange) -> None:
    """Trimming waits for an engine that seems to be behind."""
    seq = exchange.published_seq()
    wait_until(lambda: (b := exchange.heartbeat()) and b.seq >= seq, "a heartbeat from the end")


def test_streams_stay_short_and_engines_restart_from_them(busy: Exchange) -> None:
    for _ in range(8):
        chunk(busy)
        wait_for_beat(busy)
        archive_and_trim(*progress_of([MARKET]))
        input_length, output_length, dead = lengths(busy)
        assert input_length <= 3 * (SNAPSHOT_EVERY + CHUNK + 1)
        assert output_length <= max(KEPT, 3 * (SNAPSHOT_EVERY + CHUNK + 1))
        assert dead == 0
    assert busy.published_seq() > 8 * CHUNK
    assert busy.client.exists(trimmed_key(MARKET))
    assert DeadLetter.objects.count() == 8
    archived = list(EngineSnapshotArchive.objects.order_by("seq"))
    assert len(archived) == SNAPSHOTS_ARCHIVED
    assert [row.seq for row in archived] == [decode_snapshot(bytes(r.frame)).seq for r in archived]
    busy.assert_sound()
    busy.engines[0].crash()
    busy.engine(snapshot_every=SNAPSHOT_EVERY)
    busy.trade(1)
    busy.settle()
    busy.assert_sound()


def test_a_market_is_due_when_there_is_anything_to_archive_or_to_cut(busy: Exchange) -> None:
    def is_due() -> bool:
        return bool(due(progress_of([MARKET])))

    wait_for_beat(busy)
    archive_and_trim(*progress_of([MARKET]))
    assert not is_due()
    for _ in range(4):
        chunk(busy)
    wait_for_beat(busy)
    assert is_due()
    archive_and_trim(*progress_of([MARKET]))
    assert not is_due()
    busy.client.xadd(dead_letter_stream(MARKET), {"reason": "planted"}, id="1000000-0")
    assert is_due()
    busy.client.delete(dead_letter_stream(MARKET))
    assert not is_due()
    EngineSnapshotArchive.objects.order_by("-seq").first().delete()  # type: ignore[union-attr]
    assert is_due()
    archive_and_trim(*progress_of([MARKET]))
    busy.client.delete(trimmed_key(MARKET))
    assert is_due()
    busy.client.delete(snapshots_key(MARKET))
    assert not is_due()  # a starting point is to be made first
    busy.client.set(snapshots_key(MARKET), "no hash")
    assert is_due()  # to be told of


def test_a_kept_snapshot_is_decoded_once(busy: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often it is looked at: a large one takes long, and the listener waits for it."""
    chunk(busy)
    chunk(busy)
    busy.engines[0].crash()  # no more snapshots
    decoded: list[bytes] = []

    def decode(frame: bytes) -> SnapshotHead:
        decoded.append(frame)
        return decode_head(frame)

    monkeypatch.setattr(kept_snapshots, "decode_head", decode)
    monkeypatch.setattr(kept_snapshots, "_known", {})
    for _ in range(3):
        assert missing_starting_point(MARKET) == ""
        archive_and_trim(*progress_of([MARKET]))
    assert sorted(decoded) == sorted(busy.client.hvals(snapshots_key(MARKET)))


def test_nothing_is_cut_before_it_is_persisted(busy: Exchange) -> None:
    seq = busy.published_seq()
    for number in range(3 * CHUNK):
        busy.move_index(MARK_TICKS + number)
    wait_until(lambda: busy.published_seq() >= seq + 3 * CHUNK, "the engine")
    wait_for_beat(busy)
    before = lengths(busy)
    archive_and_trim(*progress_of([MARKET]))
    assert lengths(busy) == before
    assert not EngineSnapshotArchive.objects.filter(seq__gt=seq).exists()


def test_nothing_is_cut_that_a_slower_engine_has_to_read(busy: Exchange) -> None:
    entries: Any = busy.client.xrange(input_stream(MARKET))
    third = entries[2][0].decode()
    beat = Heartbeat(
        engine="slow",
        pid=1,
        beat_ms=time.time_ns() // 1_000_000 + 60_000,
        started_ms=0,
        seq=3,
        input_id=third,
    )
    busy.client.hset(heartbeat_key(MARKET), "slow", msgspec.json.encode(beat))
    for _ in range(4):
        chunk(busy)
    wait_for_beat(busy)
    archive_and_trim(*progress_of([MARKET]))
    left: Any = busy.client.xrange(input_stream(MARKET), count=1)
    assert left[0][0].decode() == third
    busy.client.hdel(heartbeat_key(MARKET), "slow")
    archive_and_trim(*progress_of([MARKET]))
    left = busy.client.xrange(input_stream(MARKET), count=1)
    assert left[0][0].decode() > third


def test_the_entry_at_the_cursor_stays(busy: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "OUTPUT_ENTRIES_KEPT", 1)
    for _ in range(4):
        chunk(busy)
    wait_for_beat(busy)
    archive_and_trim(*progress_of([MARKET]))
    cursor = busy.cursor()
    stream_id = f"{cursor.seq}-0"
    assert busy.client.xrange(output_stream(MARKET), min=stream_id, max=stream_id)
    busy.trade(1)
    busy.settle()
    busy.assert_sound()
