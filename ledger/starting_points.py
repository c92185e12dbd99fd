"""Where engines start from when Redis can't say: Postgres.

Theory of operation. An engine starts from a snapshot in Redis and appends only while the market's
epoch is the one it started in. Both are made here, from the rows at the ledger's cursor: for a new
market, after a loss of Redis, and when Redis came back with less than the ledger has persisted. A
new starting point changes the epoch, so an engine still running on the old one writes nothing more
and starts over by itself. Output entries beyond the cursor go: their orders are still pending
here, and are sent again.

Which input comes after the starting point? Where Redis still knows an epoch, the entries after the
cursor's. Where it knows none it lost everything, and all that is in the input stream came since.
"""

import secrets
from typing import Any

import msgspec
import redis
import structlog
from django.db import transaction

from exchange_site.redis_client import redis_client
from ledger.engine_rows import engine_snapshot_of_rows
from ledger.models import MarketCursor
from matching.messages.codec import UndecodableMessage, decode_entry
from matching.messages.snapshot import SnapshotUnusable, decode_snapshot, encode_snapshot
from matching.messages.streams import (
    ENTRY_FIELD,
    epoch_key,
    id_order,
    output_stream,
    snapshots_key,
    trimmed_key,
)

log = structlog.get_logger(__name__)

# KEYS epoch, snapshots, output, trimmed; ARGV epoch, seq, frame
_INSTALL = """
redis.call('SET', KEYS[1], ARGV[1])
redis.call('DEL', KEYS[2], KEYS[3], KEYS[4])
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
if ARGV[2] ~= '0' then  -- an empty stream whose next entry is the one after the cursor's
  redis.call('XADD', KEYS[3], ARGV[2] .. '-0', 'starting', 'point')
  redis.call('XTRIM', KEYS[3], 'MAXLEN', 0)
end
"""


def missing_starting_point(market_id: str) -> str:
    """Why the market needs a starting point from Postgres; empty if it has what it needs."""
    client = redis_client()
    if not client.exists(epoch_key(market_id)):
        return "Redis knows nothing of the market"
    if not _has_usable_snapshot(client, market_id):
        return "Redis has no usable snapshot of the market"
    cursor = MarketCursor.objects.get(pk=market_id)
    return _history_fault(client, cursor)


def ensure_starting_point(market_id: str) -> None:
    """Make one if the market lacks it. Many may ask at once."""
    if missing_starting_point(market_id):
        make_starting_point(market_id)


def make_starting_point(market_id: str, reason: str = "") -> int:
    """Make one from the rows at the cursor; returns its sequence, or the cursor's where, without a
    ``reason`` of the caller's own, none is missing any more.

    Waits for whoever is persisting the market. Engines of the market start over by themselves.
    """
    client = redis_client()
    with transaction.atomic():
        cursor = MarketCursor.objects.select_for_update(no_key=True).get(pk=market_id)
        reason = reason or missing_starting_point(market_id)
        if not reason:
            return cursor.seq
        snapshot = engine_snapshot_of_rows(cursor)
        if not client.exists(epoch_key(market_id)):
            snapshot = msgspec.structs.replace(snapshot, input_id="0-0")
        client.eval(
            _INSTALL,
            4,
            epoch_key(market_id),
            snapshots_key(market_id),
            output_stream(market_id),
            trimmed_key(market_id),
            secrets.token_hex(8),
            str(snapshot.seq),
            encode_snapshot(snapshot),
        )
    log.warning("starting_point_made", market=market_id, seq=snapshot.seq, reason=reason)
    return snapshot.seq


def _has_usable_snapshot(client: redis.Redis, market_id: str) -> bool:
    frames: Any = client.hgetall(snapshots_key(market_id))
    for _, frame in sorted(frames.items(), key=lambda item: -int(item[0])):
        try:
            decode_snapshot(frame)
        except SnapshotUnusable:
            continue
        return True
    return False


def _history_fault(client: redis.Redis, cursor: MarketCursor) -> str:
    """Why the output stream is not the one the cursor was at; empty if it is.

    Redis that lost its last writes goes on with other commands under sequences that are already
    persisted. The entry at the cursor tells: it names the input it came from.
    """
    if cursor.seq == 0:
        return ""
    key = output_stream(cursor.market_id)
    try:
        info: Any = client.xinfo_stream(key)
    except redis.ResponseError:
        return "the output stream is gone"
    last_seq = id_order(info["last-generated-id"].decode())[0]
    if last_seq < cursor.seq:
        return f"the output stream ends at {last_seq}, before the cursor at {cursor.seq}"
    found: Any = client.xrange(key, min=f"{cursor.seq}-0", max=f"{cursor.seq}-0")
    if found and input_id_of(found[0][1]) != cursor.input_id:
        return f"sequence {cursor.seq} of the output stream is not the one that was persisted"
    return ""


def input_id_of(fields: dict[bytes, bytes]) -> str:
    """Of an output entry; empty if it can't be decoded."""
    try:
        return decode_entry(fields.get(ENTRY_FIELD, b"")).input_id
    except UndecodableMessage:
        return ""
