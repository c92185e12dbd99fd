"""The snapshots that Redis keeps of a market, each decoded once by a process that looks often.

Who listens and who archives look every few seconds. To decode a snapshot of a million orders takes
seconds, in which nothing would be persisted; to read its bytes and hash them, hundredths of one.
"""

import hashlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import redis
import structlog

from matching.messages.snapshot import SnapshotUnusable, decode_head
from matching.messages.streams import snapshots_key

log = structlog.get_logger(__name__)


class KeptSnapshot(NamedTuple):
    """sha256: of the frame as it is kept, in hexadecimal."""

    seq: int
    input_id: str
    sha256: str


# By market and sequence: the frame's hash, and None where it is unusable.
_known: dict[str, dict[int, tuple[str, KeptSnapshot | None]]] = {}


def kept_snapshots(client: redis.Redis, market_id: str) -> Iterator[KeptSnapshot]:
    """Those that are whole, newest first. Raises redis.RedisError."""
    fields: Any = client.hkeys(snapshots_key(market_id))
    seqs = sorted(map(int, fields), reverse=True)
    known = _known.setdefault(market_id, {})
    for gone in known.keys() - set(seqs):
        known.pop(gone, None)  # another thread may have done it
    for seq in seqs:
        snapshot = kept_snapshot(market_id, seq, frame_of(client, market_id, seq))
        if snapshot is not None:
            yield snapshot


def kept_snapshot(market_id: str, seq: int, frame: bytes) -> KeptSnapshot | None:
    """What the frame that is kept under the sequence is; None if it is unusable."""
    known = _known.setdefault(market_id, {})
    before, snapshot = known.get(seq, ("", None))
    if (sha256 := sha256_of(frame)) != before:
        snapshot = _decoded(frame, market_id, seq, sha256)
        known[seq] = sha256, snapshot
    return snapshot


def frame_of(client: redis.Redis, market_id: str, seq: int) -> bytes:
    """Empty if it is gone."""
    frame: Any = client.hget(snapshots_key(market_id), str(seq))
    return bytes(frame or b"")


def sha256_of(frame: bytes) -> str:
    return hashlib.sha256(frame).hexdigest()


def _decoded(frame: bytes, market_id: str, seq: int, sha256: str) -> KeptSnapshot | None:
    try:
        head = decode_head(frame)
    except SnapshotUnusable as error:
        log.warning("snapshot_unusable", market=market_id, seq=seq, reason=str(error))
        return None
    return KeptSnapshot(head.seq, head.input_id, sha256)
