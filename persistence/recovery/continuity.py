"""Is the output stream in Redis the one that was persisted so far? One rule, asked before anything
of it is persisted and by whoever mends it.

Redis that lost its last writes goes on with other commands under sequences that are already
persisted; Redis that lost everything begins again. The entry at the cursor tells them apart: it
names the input it came from. It is kept in the stream for this (`persistence.recovery.archive`).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import redis

from matching.messages.codec import UndecodableMessage, decode_entry
from matching.messages.streams import (
    ENTRY_FIELD,
    epoch_key,
    id_order,
    newest_id,
    output_stream,
    seq_of,
    server_of,
)

StreamEntry = tuple[bytes, dict[bytes, bytes]]
ANSWERS_OF_READ = 3
ANSWERS_OF_GLANCE = 2


class OutputRead(NamedTuple):
    """What was in Redis at one instant."""

    has_epoch: bool
    last_seq: int | None  # None: there is no stream
    entries: list[StreamEntry]  # from the cursor's own entry on


def read_output(
    client: redis.Redis, market_id: str, cursor_seq: int, up_to_seq: int | None, count: int
) -> OutputRead:
    """The cursor's entry and up to ``count`` after it. Raises redis.RedisError."""
    pipe = server_of(client, market_id).pipeline(transaction=True)
    queue_read(pipe, market_id, cursor_seq, up_to_seq, count)
    return as_read(pipe.execute(raise_on_error=False))


def queue_read(
    pipe: redis.client.Pipeline, market_id: str, cursor_seq: int, up_to_seq: int | None, count: int
) -> None:
    """For the pipeline's next `ANSWERS_OF_READ` answers, which `as_read` takes. The epoch is asked
    for last: where there is one, what was read before it was the market's."""
    key = output_stream(market_id)
    upper = "+" if up_to_seq is None else f"{up_to_seq}-0"
    pipe.xrange(key, min=f"{cursor_seq}-0", max=upper, count=count + 1)
    pipe.xinfo_stream(key)
    pipe.exists(epoch_key(market_id))


def as_read(answers: Sequence[Any]) -> OutputRead:
    """Raises redis.RedisError."""
    entries, info, has_epoch = answers
    _raise_first(entries, has_epoch)
    last_id = newest_id(info)
    last_seq = None if last_id is None else id_order(last_id)[0]
    return OutputRead(bool(has_epoch), last_seq, entries)


def queue_glance(pipe: redis.client.Pipeline, market_id: str, cursor_seq: int, count: int) -> None:
    """As `queue_read`, for many markets whose entries are likely to be there, at a third of its
    cost: the next `ANSWERS_OF_GLANCE` answers, which `as_glance` takes."""
    pipe.xrange(output_stream(market_id), min=f"{cursor_seq}-0", count=count + 1)
    pipe.exists(epoch_key(market_id))


def as_glance(answers: Sequence[Any]) -> OutputRead:
    """Of the stream's end it knows what it read: a stream of which it read nothing is as one that
    is gone. Raises redis.RedisError."""
    entries, has_epoch = answers
    _raise_first(entries, has_epoch)
    last_seq = seq_of(entries[-1][0]) if entries else None
    return OutputRead(bool(has_epoch), last_seq, entries)


def _raise_first(*answers: Any) -> None:
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer


def history_fault(read: OutputRead, cursor_seq: int, cursor_input_id: str) -> str:
    """Why what was read must not be persisted; empty if it goes on from the cursor."""
    if not read.has_epoch:
        return "Redis knows nothing of the market"
    if cursor_seq == 0:
        return ""
    if read.last_seq is None:
        return "the output stream is gone"
    if read.last_seq < cursor_seq:
        return f"the output stream ends at {read.last_seq}, before the cursor at {cursor_seq}"
    # Without the cursor's entry, nothing was appended since the starting point.
    at_cursor = [fields for raw_id, fields in read.entries[:1] if raw_id == b"%d-0" % cursor_seq]
    # One that can't be decoded was quarantined here, and tells nothing.
    if any(input_id_of(fields) not in ("", cursor_input_id) for fields in at_cursor):
        return f"sequence {cursor_seq} of the output stream is not the one that was persisted"
    return ""


def input_id_of(fields: dict[bytes, bytes]) -> str:
    """Of an output entry; empty if it can't be decoded."""
    try:
        return decode_entry(fields.get(ENTRY_FIELD, b"")).input_id
    except UndecodableMessage:
        return ""
