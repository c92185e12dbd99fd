"""Snapshots into Postgres, and behind them the streams cut: what bounds the memory of Redis.

Theory of operation. Of the input stream everything stays that an engine may have to read again:
what follows the oldest snapshot kept in Redis (any of them may turn out to be the newest usable
one), what follows the ledger's cursor (a starting point made there reads on from it), and what a
running engine has yet to apply. Nothing is cut before that snapshot is archived. With snapshots
every N commands and three of them kept, 4 N commands and the backlog remain.

Of the output stream everything stays that follows the cursor or the oldest snapshot, the cursor's
own entry (`persistence.recovery.continuity`), and the newest OUTPUT_ENTRIES_KEPT for whoever looks
back. Dead letters go once their rows are committed.

Most markets need nothing of it, most of the time, which is found out of all in one round trip: what
is kept is archived, and the input is cut where the oldest of that begins.

Cutting is one script that does nothing if the market got another starting point meanwhile, and says
up to where it cut before it cuts, so that an engine never takes a gap for the beginning.
"""

from collections.abc import Collection
from typing import Any, NamedTuple

import redis
import structlog
from django.db import transaction
from django.utils import timezone

from common.redis_client import redis_client
from matching.messages.streams import (
    dead_letter_stream,
    epoch_key,
    id_order,
    input_stream,
    output_stream,
    snapshots_key,
    trimmed_key,
)
from persistence.models import EngineSnapshotArchive, MarketCursor
from persistence.recovery.continuity import read_output
from persistence.recovery.kept_snapshots import KeptSnapshot, frame_of, kept_snapshots, sha256_of
from persistence.recovery.live_engines import live_engines

SNAPSHOTS_ARCHIVED = 5
OUTPUT_ENTRIES_KEPT = 10_000

log = structlog.get_logger(__name__)

_TRIM = """
-- KEYS epoch, trimmed, input, output, dead letters
-- ARGV epoch, oldest input id kept, oldest output id kept, oldest dead letter kept
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
redis.call('SET', KEYS[2], ARGV[2])
return redis.call('XTRIM', KEYS[3], 'MINID', ARGV[2])
  + redis.call('XTRIM', KEYS[4], 'MINID', ARGV[3])
  + redis.call('XTRIM', KEYS[5], 'MINID', ARGV[4])
"""


class Archived(NamedTuple):
    input_id: str
    sha256: str


class Progress(NamedTuple):
    """A market's cursor, and its snapshots that are archived, by sequence."""

    cursor: MarketCursor
    archived: dict[int, Archived]


def progress_of(market_ids: Collection[str]) -> list[Progress]:
    """In two queries, however many they are. May be used for a while: the cursor only moves on."""
    archived: dict[str, dict[int, Archived]] = {}
    rows = EngineSnapshotArchive.objects.filter(market__in=market_ids).order_by()
    for market_id, seq, *what in rows.values_list("market_id", "seq", *Archived._fields):
        archived.setdefault(market_id, {})[seq] = Archived(*what)
    cursors = MarketCursor.objects.filter(pk__in=market_ids).order_by("pk")
    return [Progress(one, archived.get(one.market_id, {})) for one in cursors]


def due(progresses: Collection[Progress]) -> list[Progress]:
    """Those of markets that may have anything to archive or to cut. Raises redis.RedisError where
    Redis is away for all."""
    pipe = redis_client().pipeline(transaction=False)
    for progress in progresses:
        market_id = progress.cursor.market_id
        pipe.hkeys(snapshots_key(market_id))
        pipe.get(trimmed_key(market_id))
        pipe.xlen(dead_letter_stream(market_id))
    answers = pipe.execute(raise_on_error=False)
    return [
        progress
        for number, progress in enumerate(progresses)
        if _may_be_due(progress, *answers[3 * number : 3 * number + 3])
    ]


def _may_be_due(progress: Progress, seqs: Any, trimmed: Any, dead_letters: Any) -> bool:
    """By the answers of `due`, each of which may be a refusal."""
    if any(isinstance(answer, Exception) for answer in (seqs, trimmed, dead_letters)):
        return True
    kept = sorted(map(int, seqs))
    if not kept or kept[0] > progress.cursor.seq:
        return False
    if dead_letters or len(progress.archived) > SNAPSHOTS_ARCHIVED:
        return True
    if any(seq not in progress.archived for seq in kept if seq <= progress.cursor.seq):
        return True
    return bool(trimmed != progress.archived[kept[0]].input_id.encode())


def archive_and_trim(progress: Progress) -> int:
    """Archive the market's new snapshots, then cut its streams; answers how many entries went.
    Raises redis.RedisError."""
    cursor = progress.cursor
    client = redis_client()
    epoch: Any = client.get(epoch_key(cursor.market_id))
    kept = list(kept_snapshots(client, cursor.market_id))
    if epoch is None or not kept:
        return 0  # a starting point is to be made first
    behind = [snapshot for snapshot in kept if _behind(snapshot, cursor)]
    hashes = {archived.sha256 for archived in progress.archived.values()}
    missing = [snapshot for snapshot in behind if snapshot.sha256 not in hashes]
    has_news = missing or len(progress.archived) > SNAPSHOTS_ARCHIVED
    if has_news and not _archive(client, cursor, missing):
        return 0
    if kept[-1] not in behind:
        return 0
    return _trim(client, cursor, kept[-1], epoch)


def _behind(snapshot: KeptSnapshot, cursor: MarketCursor) -> bool:
    """What Postgres has not recorded yet is not history: another engine state may replace it."""
    return snapshot.seq <= cursor.seq and id_order(snapshot.input_id) <= id_order(cursor.input_id)


@transaction.atomic
def _archive(client: redis.Redis, cursor: MarketCursor, missing: list[KeptSnapshot]) -> bool:
    """False if one was replaced since it was looked at: the next run sees to that."""
    market_id = cursor.market_id
    archived = EngineSnapshotArchive.objects.filter(market_id=market_id)
    now = timezone.now()
    new = [
        EngineSnapshotArchive(
            market_id=market_id,
            seq=snapshot.seq,
            input_id=snapshot.input_id,
            frame=frame,
            sha256=snapshot.sha256,
            archived_at=now,
        )
        for snapshot in missing
        if sha256_of(frame := frame_of(client, market_id, snapshot.seq)) == snapshot.sha256
    ]
    EngineSnapshotArchive.objects.bulk_create(
        new,
        update_conflicts=True,  # a starting point may be a second snapshot of its sequence
        unique_fields=["market", "seq"],
        update_fields=["input_id", "frame", "sha256", "archived_at"],
    )
    newest = archived.order_by("-seq").values_list("pk", flat=True)[:SNAPSHOTS_ARCHIVED]
    archived.exclude(pk__in=list(newest)).delete()
    for row in new:
        log.info("snapshot_archived", market=row.market_id, seq=row.seq)
    return len(new) == len(missing)


def _trim(client: redis.Redis, cursor: MarketCursor, oldest: KeptSnapshot, epoch: bytes) -> int:
    market_id = cursor.market_id
    applied = [beat.input_id for beat in live_engines(client, market_id) if not beat.halted]
    # One that waits or halted starts from a kept snapshot, if ever again.
    input_id = min([oldest.input_id, cursor.input_id, *applied], key=id_order)
    last_seq = read_output(client, market_id, cursor.seq, None, 0).last_seq or 0
    output_seq = max(0, min(cursor.seq, oldest.seq, last_seq - OUTPUT_ENTRIES_KEPT + 1))
    removed = int(
        client.eval(
            _TRIM,
            5,
            epoch_key(market_id),
            trimmed_key(market_id),
            input_stream(market_id),
            output_stream(market_id),
            dead_letter_stream(market_id),
            epoch,
            input_id,
            f"{output_seq}-0",
            f"{cursor.seq + 1}-0",
        )
    )
    if removed == -1:
        return 0
    if removed:
        log.info("streams_trimmed", market=market_id, entries=removed, input_id=input_id)
    return removed
