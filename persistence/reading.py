"""⑤ From a market's output stream into Postgres: bulk, atomic, the cursor in the same transaction.

`persist_market` may be called by anyone, at any time, any number of times: it starts at the cursor,
under the market's lock, so lost, repeated and reordered calls are harmless.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from django.db import DataError, IntegrityError, connection, transaction

from common.metrics.measures import BATCH_SECONDS, ENTRIES, ENTRY_AGE_SECONDS
from common.redis_client import redis_client
from common.tracing.stages import Stage, are_traced, tell_stage
from matching.messages.codec import UndecodableMessage, decode_entry
from matching.messages.events import OutputEntry
from matching.messages.streams import ENTRY_FIELD, dead_letter_stream
from persistence.projection.batch import (
    Batch,
    HistoryDiverged,
    PersistenceStopped,
    PoisonEntry,
    SequenceGap,
)
from persistence.projection.lives import owners_of
from persistence.projection.projectors import order_ids_of, project
from persistence.projection.second_deliveries import too_old_commands_of
from persistence.recovery.continuity import OutputRead, history_fault, read_output
from persistence.writing import bulk
from persistence.writing.bulk import DeadLetterRow
from persistence.writing.commands import applied_before
from persistence.writing.cursor import LockedCursor, lock_cursor, raw_cursor
from persistence.writing.lives import load_lives
from persistence.writing.orders import load_orders
from persistence.writing.pipeline import Cursor, RowsMissing

BATCH_ENTRIES = 500

log = structlog.get_logger(__name__)


def persist_market(
    market_id: str,
    up_to_seq: int | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> int | None:
    """Apply the market's output entries from the cursor onward, up to a sequence or to the end.

    ``should_stop`` is asked after each batch. Answers the sequence reached, or None where another
    caller is at this market right now.
    Raises PersistenceStopped at a gap or a poison entry, with everything before it applied, or
    where the stream is another one than was persisted so far, and LookupError for an unknown
    market.
    """
    batch_entries = BATCH_ENTRIES
    while True:
        try:
            reached = _persist_batch(market_id, up_to_seq, batch_entries)
        except _BatchRefused as refused:
            if refused.entries == 1:
                raise PoisonEntry(market_id, refused.first_seq, refused.why) from refused
            batch_entries = refused.entries // 2  # until the culprit is alone
            continue
        if reached is None:
            return None
        seq, newest_seq = reached
        if seq in (newest_seq, up_to_seq) or should_stop():
            return seq


class _BatchRefused(Exception):
    """Postgres refused the rows of some entry of the batch; which one, it can't say."""

    def __init__(self, first_seq: int, entries: int, why: str) -> None:
        super().__init__(why)
        self.first_seq = first_seq
        self.entries = entries
        self.why = why


def _persist_batch(
    market_id: str, up_to_seq: int | None, batch_entries: int
) -> tuple[int, int] | None:
    """One transaction: the cursor it leaves, and the sequence up to which there was anything to
    apply as it read. What came since is announced to whoever listens."""
    entries: list[OutputEntry] = []
    began_s = time.perf_counter()
    try:
        with transaction.atomic(), connection.wrap_database_errors:
            cursor = raw_cursor()
            locked = lock_cursor(cursor, market_id)
            if locked is None:
                return None
            entries, newest_seq = _read_entries(market_id, locked, up_to_seq, batch_entries)
            if not entries:
                return locked.seq, locked.seq
            batch, entries = _project_prefix(cursor, market_id, locked.units_per_tick_lot, entries)
            last = entries[-1]
            bulk.write(cursor, batch, _dead_letters(batch), last)
    except (IntegrityError, DataError, RowsMissing) as error:
        if not entries:
            raise
        raise _BatchRefused(entries[0].seq, len(entries), _first_line(error)) from error
    note_written(market_id, entries)
    seconds = time.perf_counter() - began_s
    BATCH_SECONDS.observe(seconds)
    if are_traced():
        ended_ns = time.time_ns()
        began_ns = ended_ns - int(seconds * 1e9)
        tell_stage(Stage.PERSIST, order_ids_of(entries), began_ns, ended_ns, market_id)
    return last.seq, newest_seq


def _read_entries(
    market_id: str, cursor: LockedCursor, up_to_seq: int | None, count: int
) -> tuple[list[OutputEntry], int]:
    """Decoded entries after the cursor, as far as they are sound, and the stream's last sequence.

    Raises PersistenceStopped when the very first one isn't, or the stream doesn't go on from here.
    """
    read = read_output(redis_client(), market_id, cursor.seq, up_to_seq, count)
    return sound_entries(market_id, cursor, read), read.last_seq or cursor.seq


def sound_entries(market_id: str, cursor: LockedCursor, read: OutputRead) -> list[OutputEntry]:
    """Of what was read: see `_read_entries`."""
    if diverged := history_fault(read, cursor.seq, cursor.input_id):
        raise HistoryDiverged(market_id, cursor.seq + 1, diverged)
    entries: list[OutputEntry] = []
    for stream_id, fields in read.entries:
        if stream_id == b"%d-0" % cursor.seq:
            continue
        try:
            entries.append(_read_entry(market_id, cursor.seq + len(entries) + 1, stream_id, fields))
        except PersistenceStopped:
            if not entries:
                raise
            break
    return entries


def _read_entry(
    market_id: str, expected_seq: int, stream_id: bytes, fields: dict[bytes, bytes]
) -> OutputEntry:
    if stream_id != b"%d-0" % expected_seq:
        found = stream_id.decode()
        raise SequenceGap(market_id, expected_seq, f"the stream goes on at {found}")
    data = fields.get(ENTRY_FIELD)
    if data is None:
        raise PoisonEntry(market_id, expected_seq, "the stream entry has no field 'entry'")
    try:
        entry = decode_entry(data)
    except UndecodableMessage as error:
        raise PoisonEntry(market_id, expected_seq, f"undecodable: {error}") from error
    if entry.seq != expected_seq:
        raise PoisonEntry(market_id, expected_seq, f"the entry says it is sequence {entry.seq}")
    return entry


def _project_prefix(
    cursor: Cursor, market_id: str, units_per_tick_lot: int, entries: list[OutputEntry]
) -> tuple[Batch, list[OutputEntry]]:
    """Project the entries; where one is poison, those before it. Raises when there are none."""
    order_ids = order_ids_of(entries)
    owners = owners_of(entries)
    while True:
        orders = load_orders(cursor, market_id, order_ids)
        batch = Batch(market_id, units_per_tick_lot, orders)
        batch.lives = load_lives(cursor, market_id, owners)
        too_old = too_old_commands_of(entries)
        batch.perps.applied_before = applied_before(cursor, market_id, too_old)
        try:
            _project(batch, entries)
        except PoisonEntry as poison:
            entries = entries[: poison.seq - entries[0].seq]
            if not entries:
                raise
        else:
            return batch, entries


def _project(batch: Batch, entries: list[OutputEntry]) -> None:
    """Raises PoisonEntry, also for what nobody foresaw: it is this market's, and an operator sees
    it where the others are seen."""
    try:
        project(batch, entries)
    except PoisonEntry:
        raise
    except Exception as error:
        seq = min(max(batch.seq, entries[0].seq), entries[-1].seq)
        why = f"{type(error).__name__}: {error}"
        raise PoisonEntry(batch.market_id, seq, why, unforeseen=error) from error


def _dead_letters(batch: Batch) -> list[DeadLetterRow]:
    """What the engine set aside under the sequences of undecodable commands."""
    letters = []
    for entry in batch.malformed:
        stream_id = f"{entry.seq}-0"
        found: Any = redis_client().xrange(
            dead_letter_stream(batch.market_id), min=stream_id, max=stream_id
        )
        if not found:
            log.warning("dead_letter_missing", market=batch.market_id, seq=entry.seq)
            continue
        fields = found[0][1]
        reason = fields.get(b"reason", b"").decode(errors="replace").replace("\0", "�")
        letters.append(
            DeadLetterRow(entry.seq, entry.input_id, reason, fields.get(b"payload", b""))
        )
    return letters


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


_faults_reported: dict[str, str] = {}


def note_written(market_id: str, entries: Sequence[OutputEntry]) -> None:
    """The market goes on, by these entries, oldest first."""
    _faults_reported.pop(market_id, None)
    ENTRIES.labels(market_id).inc(len(entries))
    ENTRY_AGE_SECONDS.observe(max(0.0, time.time() - entries[0].time_ms / 1_000))


def report_fault(fault: PersistenceStopped) -> None:
    """One log line per fault and process, however often it is met until the market goes on."""
    text = str(fault)
    if _faults_reported.get(fault.market_id) != text:
        _faults_reported[fault.market_id] = text
        log.error(
            "persistence_stopped",
            market=fault.market_id,
            seq=fault.seq,
            fault=type(fault).__name__,
            why=fault.why,
            exc_info=fault.unforeseen,
        )
