"""Stored input through the engine again, from a snapshot: nothing is published, nothing changes.

Because the engine is deterministic this answers two questions about a running market: does this
build of the engine compute what was published (`verify`), and what exactly did the engine's state
look like at a past sequence (`state_at`)?
"""

from collections.abc import Iterator
from typing import Any

import msgspec
import redis

from matching.core.market import snapshot
from matching.messages.snapshot import EngineSnapshot, SnapshotUnusable, decode_snapshot
from matching.messages.streams import (
    ENTRY_FIELD,
    id_order,
    input_stream,
    output_stream,
    snapshots_key,
    trimmed_key,
)
from matching.runtime.applier import Applier, CommandFailed
from matching.runtime.market import REPLAY_PAGE


class ReplayImpossible(Exception):
    """What a replay would need is not stored (any more); the text says what."""


class Verified(msgspec.Struct, frozen=True):
    """What `verify` found. ``diverged_seq`` is 0 when every compared entry is the same."""

    from_seq: int
    to_seq: int
    compared: int
    diverged_seq: int = 0
    published: bytes = b""
    computed: bytes = b""


def verify(client: redis.Redis, market_id: str, from_seq: int) -> Verified:
    """Replay from the newest snapshot before ``from_seq`` and compare each entry from there on with
    what is published, byte for byte, up to the end of the output stream or the first difference.
    Raises ReplayImpossible, CommandFailed and redis.RedisError."""
    applier = _applier_before(client, market_id, from_seq)
    published = _published(client, market_id, from_seq)
    compared, last_seq = 0, from_seq - 1
    expected = next(published, None)
    for seq, frame in _replayed(client, market_id, applier):
        if expected is None:
            break
        if seq < expected[0]:
            continue
        if frame != expected[1]:
            return Verified(from_seq, seq, compared + 1, seq, expected[1], frame)
        compared, last_seq = compared + 1, seq
        expected = next(published, None)
    if expected is not None:
        raise ReplayImpossible(f"the input stream ends before sequence {expected[0]}")
    return Verified(from_seq, last_seq, compared)


def state_at(client: redis.Redis, market_id: str, seq: int) -> EngineSnapshot:
    """The engine's state after ``seq``. Raises ReplayImpossible and redis.RedisError."""
    applier = _applier_before(client, market_id, seq + 1)
    replayed = _replayed(client, market_id, applier)
    while applier.engine.seq < seq:
        try:
            next(replayed)
        except StopIteration:
            raise ReplayImpossible(f"the input stream ends before sequence {seq}") from None
        except CommandFailed as error:
            raise ReplayImpossible(str(error)) from error
    return snapshot.take(applier.engine.state, applier.input_id)


def _applier_before(client: redis.Redis, market_id: str, seq: int) -> Applier:
    """From the newest usable snapshot of a sequence below ``seq``, its input still being stored."""
    frames: Any = client.hgetall(snapshots_key(market_id))
    trimmed: Any = client.get(trimmed_key(market_id))
    for kept_seq in sorted((int(field) for field in frames if int(field) < seq), reverse=True):
        try:
            frozen = decode_snapshot(frames[str(kept_seq).encode()])
            state = snapshot.restore(frozen)
        except SnapshotUnusable:
            continue
        if trimmed and id_order(frozen.input_id) < id_order(trimmed.decode()):
            break
        return Applier(state, frozen.input_id)
    oldest = min((int(field) for field in frames), default=None)
    hint = "there is no snapshot" if oldest is None else f"the oldest snapshot kept is at {oldest}"
    raise ReplayImpossible(f"no replay can reach sequence {seq}: {hint}")


def _replayed(client: redis.Redis, market_id: str, applier: Applier) -> Iterator[tuple[int, bytes]]:
    while True:
        page: Any = client.xrange(
            input_stream(market_id), min=f"({applier.input_id}", count=REPLAY_PAGE
        )
        if not page:
            return
        for raw_id, fields in page:
            applied = applier.apply(raw_id.decode(), fields)
            yield applied.seq, applied.frame


def _published(client: redis.Redis, market_id: str, from_seq: int) -> Iterator[tuple[int, bytes]]:
    start = f"{from_seq}-0"
    while True:
        page: Any = client.xrange(output_stream(market_id), min=start, count=REPLAY_PAGE)
        if not page:
            return
        for raw_id, fields in page:
            yield id_order(raw_id.decode())[0], fields[ENTRY_FIELD]
        start = f"({page[-1][0].decode()}"
