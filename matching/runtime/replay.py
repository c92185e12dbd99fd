"""Stored input through the engine again, from a snapshot: nothing is published, nothing changes.

Because the engine is deterministic this answers two questions about a running market: does this
build of the engine compute what was published (`verify`), and what exactly did the engine's state
look like at a past sequence (`state_at`) or now (`brought_forward`)? `reproduce` answers both where
there is no Redis, of what was stored in a file.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import msgspec
import redis

from matching.core.market import snapshot
from matching.core.market.state import State
from matching.messages.snapshot import EngineSnapshot, SnapshotUnusable, decode_snapshot
from matching.messages.streams import (
    COMMAND_FIELD,
    ENTRY_FIELD,
    id_order,
    input_stream,
    output_stream,
    snapshots_key,
    trimmed_key,
)
from matching.runtime.applier import Applier, CommandFailed
from matching.runtime.market import REPLAY_PAGE

Frame = tuple[int, bytes]  # sequence, output entry as it is published
InputEntry = tuple[str, dict[bytes, bytes]]
Told = Callable[[int], None]


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


def verify(
    client: redis.Redis,
    market_id: str,
    from_seq: int,
    to_seq: int | None = None,
    told: Told | None = None,
) -> Verified:
    """Replay from the newest snapshot before ``from_seq`` and compare each entry from there on with
    what is published, byte for byte, up to ``to_seq``, the end of the output stream or the first
    difference. ``told`` hears of every sequence applied.
    Raises ReplayImpossible, CommandFailed and redis.RedisError."""
    applier = _applier_before(client, market_id, from_seq)
    published = stored_output(client, market_id, from_seq, to_seq)
    return _compared(_replayed(client, market_id, applier), published, from_seq, told)


def _compared(
    replayed: Iterator[Frame], published: Iterator[Frame], from_seq: int, told: Told | None = None
) -> Verified:
    compared, last_seq = 0, from_seq - 1
    expected = next(published, None)
    while expected is not None:
        seq, frame = next(replayed, (0, b""))
        if not seq:
            raise ReplayImpossible(f"the input stream ends before sequence {expected[0]}")
        if told is not None:
            told(seq)
        if seq < expected[0]:
            continue
        if frame != expected[1]:
            return Verified(from_seq, seq, compared + 1, seq, expected[1], frame)
        compared, last_seq = compared + 1, seq
        expected = next(published, None)
    return Verified(from_seq, last_seq, compared)


class Reproduced(msgspec.Struct, frozen=True):
    """``state`` as it stood after the last command."""

    state: EngineSnapshot
    verified: Verified


def reproduce(
    frame: bytes, inputs: Sequence[tuple[str, bytes]], published: Sequence[Frame]
) -> Reproduced:
    """The same without Redis: a snapshot's frame, the (input id, command) after it, and the
    published entries to compare with, of which the first may be missing.
    Raises SnapshotUnusable, ReplayImpossible and CommandFailed."""
    frozen = decode_snapshot(frame)
    applier = Applier(snapshot.restore(frozen), frozen.input_id)
    replayed = (
        (applied.seq, applied.frame)
        for input_id, command in inputs
        for applied in [applier.apply(input_id, {COMMAND_FIELD: command})]
    )
    first_seq = published[0][0] if published else frozen.seq + 1
    verified = _compared(replayed, iter(published), first_seq)
    for _ in replayed:
        pass
    return Reproduced(snapshot.take(applier.engine.state, applier.input_id), verified)


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


def brought_forward(
    client: redis.Redis, market_id: str, frozen: EngineSnapshot, commands_max: int
) -> EngineSnapshot:
    """The state after what is stored behind a snapshot, or after so many commands of it.
    Raises ReplayImpossible, SnapshotUnusable and redis.RedisError."""
    trimmed: Any = client.get(trimmed_key(market_id))
    if trimmed and id_order(frozen.input_id) < id_order(trimmed.decode()):
        raise ReplayImpossible("what came after it is stored no more")
    applier = Applier(snapshot.restore(frozen), frozen.input_id)
    try:
        for _ in islice(_replayed(client, market_id, applier), commands_max):
            pass
    except CommandFailed as error:
        raise ReplayImpossible(str(error)) from error
    return snapshot.take(applier.engine.state, applier.input_id)


class ReplayStart(NamedTuple):
    """``state`` is that of the frame, and an engine's to change."""

    seq: int
    input_id: str
    state: State
    frame: bytes


def _applier_before(client: redis.Redis, market_id: str, seq: int) -> Applier:
    kept = snapshot_before(client, market_id, seq)
    return Applier(kept.state, kept.input_id)


def snapshot_before(client: redis.Redis, market_id: str, seq: int) -> ReplayStart:
    """The newest usable snapshot of a sequence below ``seq``, its input still being stored.
    Raises ReplayImpossible and redis.RedisError."""
    frames: Any = client.hgetall(snapshots_key(market_id))
    trimmed: Any = client.get(trimmed_key(market_id))
    for kept_seq in sorted((int(field) for field in frames if int(field) < seq), reverse=True):
        try:
            frame = frames[str(kept_seq).encode()]
            frozen = decode_snapshot(frame)
            state = snapshot.restore(frozen)
        except SnapshotUnusable:
            continue
        if trimmed and id_order(frozen.input_id) < id_order(trimmed.decode()):
            break
        return ReplayStart(kept_seq, frozen.input_id, state, frame)
    oldest = min((int(field) for field in frames), default=None)
    hint = "there is no snapshot" if oldest is None else f"the oldest snapshot kept is at {oldest}"
    raise ReplayImpossible(f"no replay can reach sequence {seq}: {hint}")


def stored_input(client: redis.Redis, market_id: str, input_id: str) -> Iterator[InputEntry]:
    """What follows ``input_id`` in the input stream. Raises redis.RedisError."""
    while True:
        page: Any = client.xrange(input_stream(market_id), min=f"({input_id}", count=REPLAY_PAGE)
        for raw_id, fields in page:
            input_id = raw_id.decode()
            yield input_id, fields
        if not page:
            return


def _replayed(client: redis.Redis, market_id: str, applier: Applier) -> Iterator[Frame]:
    for input_id, fields in stored_input(client, market_id, applier.input_id):
        applied = applier.apply(input_id, fields)
        yield applied.seq, applied.frame


def stored_output(
    client: redis.Redis, market_id: str, from_seq: int, to_seq: int | None
) -> Iterator[Frame]:
    """(sequence, entry) of these sequences, as far as they are stored. Raises redis.RedisError."""
    start, end = f"{from_seq}-0", "+" if to_seq is None else f"{to_seq}-0"
    while True:
        page: Any = client.xrange(output_stream(market_id), start, end, count=REPLAY_PAGE)
        for raw_id, fields in page:
            yield id_order(raw_id.decode())[0], fields.get(ENTRY_FIELD, b"")
        if not page:
            return
        start = f"({page[-1][0].decode()}"
