"""Where a market's engine starts from: the newest usable of the few snapshots kept in Redis."""

from typing import Any

import redis
import structlog

from matching.core.market import snapshot
from matching.core.market.state import State
from matching.messages.snapshot import SnapshotUnusable, decode_snapshot, encode_snapshot
from matching.messages.streams import epoch_key, snapshots_key

SNAPSHOTS_KEPT = 3

log = structlog.get_logger(__name__)


def save_snapshot(
    client: redis.Redis, market_id: str, epoch: bytes, state: State, input_id: str
) -> None:
    """Keep the state, and of older ones the newest few. Raises redis.RedisError.

    A starting point made meanwhile must not be buried under a state from before it: with another
    epoch nothing is kept. (A transaction rather than a script: a script would copy the frame, tens
    of megabytes in a deep market, several times while Redis answers nobody.)
    """
    key = snapshots_key(market_id)
    frame = encode_snapshot(snapshot.take(state, input_id))
    with client.pipeline() as pipe:
        pipe.watch(epoch_key(market_id))  # type: ignore[no-untyped-call]
        if pipe.get(epoch_key(market_id)) != epoch:
            return
        pipe.multi()
        pipe.hset(key, str(state.seq), frame)
        try:
            pipe.execute()
        except redis.WatchError:
            return
    for seq in _seqs(client, market_id)[SNAPSHOTS_KEPT:]:
        client.hdel(key, str(seq))


def newest_state(client: redis.Redis, market_id: str) -> tuple[State, str] | None:
    """The state to start from and the input id it stands at; None if no snapshot is kept.

    A damaged one is passed over for the one before it, with a log line. Raises SnapshotUnusable
    when there are snapshots and none is usable, and redis.RedisError.
    """
    key = snapshots_key(market_id)
    reasons: list[str] = []
    for seq in _seqs(client, market_id):
        frame: Any = client.hget(key, str(seq))
        if frame is None:
            continue
        try:
            frozen = decode_snapshot(frame)
            return snapshot.restore(frozen), frozen.input_id
        except SnapshotUnusable as error:
            reasons.append(f"{seq}: {error}")
            log.error("snapshot_unusable", market=market_id, seq=seq, reason=str(error))
    if reasons:
        raise SnapshotUnusable("; ".join(reasons))
    return None


def _seqs(client: redis.Redis, market_id: str) -> list[int]:
    """Newest first."""
    fields = client.hkeys(snapshots_key(market_id))
    return sorted((int(field) for field in fields), reverse=True)
