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

from common.redis_client import redis_client
from matching.messages.snapshot import encode_snapshot
from matching.messages.streams import (
    dead_letter_stream,
    epoch_key,
    epoch_text,
    id_order,
    input_stream,
    output_stream,
    snapshots_key,
    trimmed_key,
)
from persistence.models import MarketCursor
from persistence.recovery.continuity import history_fault, read_output
from persistence.recovery.kept_snapshots import KeptSnapshot, kept_snapshots
from persistence.recovery.rebuilt_snapshot import engine_snapshot_of_rows

log = structlog.get_logger(__name__)

# Dead letters up to the cursor are copied; those after it come again.
# KEYS epoch, snapshots, output, trimmed, dead letters; ARGV epoch, seq, frame
_INSTALL = """
redis.call('SET', KEYS[1], ARGV[1])
redis.call('DEL', KEYS[2], KEYS[3], KEYS[4], KEYS[5])
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
    snapshot = _newest_usable_snapshot(client, market_id)
    if snapshot is None:
        return "Redis has no usable snapshot of the market"
    cursor = MarketCursor.objects.get(pk=market_id)
    read = read_output(client, market_id, cursor.seq, up_to_seq=None, count=0)
    fault = history_fault(read, cursor.seq, cursor.input_id)
    if fault or snapshot.seq >= cursor.seq:
        return fault
    # The command at the cursor is never trimmed before a snapshot after it is archived, so where an
    # engine would have to pass it, it must be there.
    if client.xrange(input_stream(market_id), min=cursor.input_id, max=cursor.input_id):
        return ""
    return f"the input stream lacks the command at the cursor, {cursor.input_id}"


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
        is_known = client.exists(epoch_key(market_id))
        if not is_known:
            snapshot = msgspec.structs.replace(snapshot, input_id="0-0")
        epoch = secrets.token_hex(8)
        if is_known or snapshot.seq:  # readers are told from where on numbers are used again
            epoch = epoch_text(epoch, snapshot.seq)
        client.eval(
            _INSTALL,
            5,
            epoch_key(market_id),
            snapshots_key(market_id),
            output_stream(market_id),
            trimmed_key(market_id),
            dead_letter_stream(market_id),
            epoch,
            str(snapshot.seq),
            encode_snapshot(snapshot),
        )
    log.warning("starting_point_made", market=market_id, seq=snapshot.seq, reason=reason)
    return snapshot.seq


def _newest_usable_snapshot(client: redis.Redis, market_id: str) -> KeptSnapshot | None:
    """The one an engine would start from: whole, and with all input after it."""
    trimmed: Any = client.get(trimmed_key(market_id))
    for snapshot in kept_snapshots(client, market_id):
        if has_its_input(snapshot, trimmed):
            return snapshot
    return None


def has_its_input(snapshot: KeptSnapshot, trimmed: bytes | None) -> bool:
    return trimmed is None or id_order(snapshot.input_id) >= id_order(trimmed.decode())
