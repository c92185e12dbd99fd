"""Which of many markets may lack a starting point: a look at all of them in two round trips.

Who persists three hundred markets looks every two seconds. By `missing_starting_point` each market
takes eight round trips and a query; here those that lack nothing for certain are told from the
rest, by what is cheap to read of all at once, and only the rest is looked at one by one. So this
may suspect a market that is well, and never the other way round.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

import redis

from matching.messages.streams import input_stream, snapshots_key, trimmed_key
from persistence.models import MarketCursor
from persistence.recovery.continuity import ANSWERS_OF_READ, as_read, history_fault, queue_read
from persistence.recovery.kept_snapshots import kept_snapshot
from persistence.recovery.starting_points import has_its_input

# Frames are as large as markets are deep: so many are in memory at once.
MARKETS_AT_ONCE = 50


class _Seen(NamedTuple):
    """snapshot_seq: of the newest that is kept."""

    cursor: MarketCursor
    snapshot_seq: int
    trimmed: bytes | None


def suspects(client: redis.Redis, cursors: Collection[MarketCursor]) -> list[str]:
    """Raises redis.RedisError where Redis is away for all."""
    found = {cursor.market_id for cursor in cursors}
    listed = sorted(cursors, key=lambda cursor: cursor.market_id)
    for start in range(0, len(listed), MARKETS_AT_ONCE):
        seen = list(_going_on(client, listed[start : start + MARKETS_AT_ONCE]))
        found -= set(_complete(client, seen))
    return sorted(found)


def _going_on(client: redis.Redis, cursors: Sequence[MarketCursor]) -> Iterator[_Seen]:
    """Those whose output goes on from the cursor, and that have any snapshot."""
    pipe = client.pipeline(transaction=False)
    for cursor in cursors:
        queue_read(pipe, cursor.market_id, cursor.seq, None, 0)
        pipe.hkeys(snapshots_key(cursor.market_id))
        pipe.get(trimmed_key(cursor.market_id))
    answers = pipe.execute(raise_on_error=False)
    per_market = ANSWERS_OF_READ + 2
    for number, cursor in enumerate(cursors):
        mine = answers[number * per_market : (number + 1) * per_market]
        seqs, trimmed = mine[ANSWERS_OF_READ:]
        if any(isinstance(answer, redis.ResponseError) for answer in mine) or not seqs:
            continue
        read = as_read(mine[:ANSWERS_OF_READ])
        if not history_fault(read, cursor.seq, cursor.input_id):
            yield _Seen(cursor, max(map(int, seqs)), trimmed)


def _complete(client: redis.Redis, seen: Sequence[_Seen]) -> Iterator[str]:
    """Those whose newest snapshot is usable, with the input that leads from it to the cursor."""
    pipe = client.pipeline(transaction=False)
    for one in seen:
        market_id, input_id = one.cursor.market_id, one.cursor.input_id
        pipe.hget(snapshots_key(market_id), str(one.snapshot_seq))
        pipe.xrange(input_stream(market_id), min=input_id, max=input_id)
    answers: list[Any] = pipe.execute(raise_on_error=False)
    for one, frame, at_cursor in zip(seen, answers[::2], answers[1::2], strict=True):
        if isinstance(frame, Exception) or isinstance(at_cursor, Exception):
            continue
        snapshot = kept_snapshot(one.cursor.market_id, one.snapshot_seq, frame or b"")
        if snapshot is None or not has_its_input(snapshot, one.trimmed):
            continue
        if snapshot.seq >= one.cursor.seq or at_cursor:
            yield one.cursor.market_id
