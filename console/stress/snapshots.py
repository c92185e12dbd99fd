"""A market as it stands: its newest snapshot, and what its engine was asked since."""

from typing import Any

import msgspec
import redis

from common.redis_client import redis_client
from console.stress.ladder import LadderRefused, check_size, check_snapshot
from matching.messages.snapshot import EngineSnapshot, SnapshotUnusable, decode_snapshot
from matching.messages.streams import snapshots_key
from matching.runtime.replay import ReplayImpossible, brought_forward
from persistence.recovery.kept_snapshots import frame_of

FRAME_BYTES_MAX = 64_000_000
COMMANDS_MAX = 200_000  # behind a snapshot; an engine takes one every 10,000


class FoundSnapshot(msgspec.Struct, frozen=True):
    """``note``: what one should know of it, if anything."""

    snapshot: EngineSnapshot
    note: str


def newest_snapshot(market_id: str) -> FoundSnapshot:
    """A damaged one is passed over for the one before it, as an engine does that starts. Raises
    LadderRefused and redis.RedisError."""
    client = redis_client()
    names: Any = client.hkeys(snapshots_key(market_id))
    seqs = sorted((int(name) for name in names if name.isdigit()), reverse=True)
    faults = []
    for seq in seqs:
        frame = frame_of(client, market_id, seq)
        if not frame:  # its engine has dropped it for a newer one meanwhile
            continue
        if len(frame) > FRAME_BYTES_MAX:
            raise LadderRefused(f"its snapshot is larger than {FRAME_BYTES_MAX:,} bytes")
        try:
            snapshot = decode_snapshot(frame)
        except SnapshotUnusable as error:
            faults.append(f"its snapshot at sequence {seq} can't be read: {error}")
            continue
        return _as_it_stands(client, market_id, snapshot, faults)
    raise LadderRefused("; ".join(faults) or "there is no snapshot of it yet")


def _as_it_stands(
    client: redis.Redis, market_id: str, snapshot: EngineSnapshot, faults: list[str]
) -> FoundSnapshot:
    """Of what can't be brought to now, as it was; the note says so."""
    check_size(snapshot)
    try:
        snapshot = brought_forward(client, market_id, snapshot, COMMANDS_MAX)
    except (ReplayImpossible, SnapshotUnusable) as error:
        faults = [*faults, f"it is as of its snapshot at sequence {snapshot.seq}: {error}"]
    check_snapshot(snapshot)
    return FoundSnapshot(snapshot, "; ".join(faults))
