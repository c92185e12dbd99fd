"""Which of many markets may lack a starting point: a look at all of them in a few round trips.

Who persists a thousand markets looks every two seconds. By `missing_starting_point` each market
takes eight round trips and a query; here those that lack nothing for certain are told from the
rest, by what is cheap to read of all at once, and only the rest is looked at one by one. So this
may suspect a market that is well, and never the other way round.

Even that reads a snapshot of each. So every look asks all markets for their mark alone: which run
of a server has them, and in which epoch. Those whose mark is new are looked at closely, as after a
loss of Redis, a failover or a new starting point, and besides a few others in turn, for whatever
leaves no mark.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

import redis

from matching.messages.streams import (
    epoch_key,
    input_stream,
    is_one_server,
    snapshots_key,
    trimmed_key,
)
from persistence.recovery.continuity import ANSWERS_OF_READ, as_read, history_fault, queue_read
from persistence.recovery.kept_snapshots import kept_snapshot
from persistence.recovery.starting_points import has_its_input

# Frames are as large as markets are deep: so many are in memory at once.
MARKETS_AT_ONCE = 50


class Place(NamedTuple):
    """Where a market is persisted to."""

    market_id: str
    seq: int
    input_id: str


class _Seen(NamedTuple):
    """snapshot_seq: of the newest that is kept."""

    cursor: Place
    snapshot_seq: int
    trimmed: bytes | None


class Looks:
    """Of one process, one after another."""

    def __init__(self) -> None:
        # Market → the mark it had when it was looked at closely; the longest ago comes first.
        self._marks: dict[str, Any] = {}

    def suspects(self, client: redis.Redis, cursors: Collection[Place]) -> list[str]:
        """Raises redis.RedisError where Redis is away for all."""
        by_id = {cursor.market_id: cursor for cursor in cursors}
        marks = _marks(client, by_id)
        in_turn = [market_id for market_id in self._marks if market_id in by_id]
        due = set(in_turn[:MARKETS_AT_ONCE])
        due |= {one for one, mark in marks.items() if mark is None or self._marks.get(one) != mark}
        found = suspects(client, [by_id[market_id] for market_id in due])
        well = due - set(found)
        kept = {market_id: self._marks[market_id] for market_id in in_turn if market_id not in due}
        self._marks = kept | {market_id: marks[market_id] for market_id in sorted(well)}
        return found

    def forget(self) -> None:
        """After a fault, which may have been a loss: the next look is at all of them closely."""
        self._marks.clear()


def _marks(client: redis.Redis, market_ids: Collection[str]) -> dict[str, Any]:
    """None where the epoch is gone, or a key of another kind."""
    run = _run(client)
    pipe = client.pipeline(transaction=False)
    for market_id in market_ids:
        pipe.get(epoch_key(market_id))
    epochs = zip(market_ids, pipe.execute(raise_on_error=False), strict=True)
    return {
        market_id: (run, epoch) if isinstance(epoch, bytes) else None for market_id, epoch in epochs
    }


def _run(client: redis.Redis) -> Any:
    """Of the server; of a cluster, which servers are its masters."""
    if is_one_server(client):
        about: Any = client.info("server")
        return about["run_id"]
    whole: Any = client
    return sorted(node.name for node in whole.get_primaries())


def suspects(client: redis.Redis, cursors: Collection[Place]) -> list[str]:
    """Of a close look at each. Raises redis.RedisError where Redis is away for all."""
    found = {cursor.market_id for cursor in cursors}
    listed = sorted(cursors)
    for start in range(0, len(listed), MARKETS_AT_ONCE):
        seen = list(_going_on(client, listed[start : start + MARKETS_AT_ONCE]))
        found -= set(_complete(client, seen))
    return sorted(found)


def _going_on(client: redis.Redis, cursors: Sequence[Place]) -> Iterator[_Seen]:
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
        if any(isinstance(answer, redis.ResponseError) for answer in (seqs, trimmed)) or not seqs:
            continue
        try:
            read = as_read(mine[:ANSWERS_OF_READ])
        except redis.ResponseError:
            continue
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
