"""The newest snapshot of a market that can be run."""

from typing import Any

import msgspec

from common.redis_client import redis_client
from console.stress.ladder import LadderRefused, check_snapshot
from matching.messages.snapshot import EngineSnapshot, SnapshotUnusable, decode_snapshot
from matching.messages.streams import snapshots_key
from persistence.recovery.kept_snapshots import frame_of

FRAME_BYTES_MAX = 64_000_000


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
        check_snapshot(snapshot)
        return FoundSnapshot(snapshot, "; ".join(faults))
    raise LadderRefused("; ".join(faults) or "there is no snapshot of it yet")
