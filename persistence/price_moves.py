"""⑤ Entries that only move a price, of many markets in one transaction.

Theory of operation. In most of many markets nothing happens for most of the time, but each gets a
price a second. Persisted market by market that is a transaction each, which costs fifty times what
its three rows do. So who listens lets such entries wait for a period, or until the market says
something else, and hands all that wait over here: the cursors are locked together, the streams read
together, and the rows of all go in one statement per table.

Nothing is decided here. Only what is certain to be no more than prices is taken, by the projection
that everything else goes through; a market with anything else, with a fault or in somebody else's
hands is left as it was, for `persistence.reading` to see to.
"""

from collections.abc import Sequence

import redis
import structlog
from django.db import DataError, IntegrityError, connection, transaction

from common.redis_client import redis_client
from matching.messages.events import MarkPriceChanged, OutputEntry
from persistence.projection.batch import Batch, PersistenceStopped
from persistence.projection.projectors import project
from persistence.reading import note_written, sound_entries
from persistence.recovery.continuity import ANSWERS_OF_GLANCE, as_glance, queue_glance
from persistence.writing.bulk import write_prices
from persistence.writing.cursor import LockedCursor, lock_cursors, raw_cursor
from persistence.writing.pipeline import RowsMissing

MARKETS_AT_ONCE = 500
ENTRIES_AT_ONCE = 100  # of a market

log = structlog.get_logger(__name__)


def only_moves_price(entry: OutputEntry) -> bool:
    """Also of one that did nothing but move the market's clock."""
    moves = all(type(event) is MarkPriceChanged for event in entry.events)
    return moves and not entry.command_id


def persist_price_moves(market_ids: Sequence[str]) -> dict[str, int]:
    """The sequences reached, of those markets whose next entries only move a price. Nothing was
    done about the others. Raises redis.RedisError, and Django's errors of a database that is
    away."""
    reached: dict[str, int] = {}
    for start in range(0, len(market_ids), MARKETS_AT_ONCE):
        together = market_ids[start : start + MARKETS_AT_ONCE]
        try:
            reached |= _persist_together(together)
        except (IntegrityError, DataError, RowsMissing) as error:
            # Whose it is will show when each is persisted by itself.
            why = str(error).partition("\n")[0]
            log.warning("price_moves_refused", markets=len(together), why=why)
    return reached


def _persist_together(market_ids: Sequence[str]) -> dict[str, int]:
    with transaction.atomic(), connection.wrap_database_errors:
        cursor = raw_cursor()
        locked = lock_cursors(cursor, market_ids)
        batches, moves, unchanged = [], {}, {}
        for market_id, entries in _read(locked).items():
            if not entries:
                unchanged[market_id] = locked[market_id].seq
                continue
            batch = _projected(market_id, locked[market_id], entries)
            if batch is not None:
                batches.append(batch)
                moves[market_id] = entries
        lasts = {market_id: entries[-1] for market_id, entries in moves.items()}
        if lasts:
            write_prices(cursor, batches, lasts)
    for market_id, entries in moves.items():
        note_written(market_id, entries)
    return unchanged | {market_id: last.seq for market_id, last in lasts.items()}


def _read(locked: dict[str, LockedCursor]) -> dict[str, list[OutputEntry]]:
    """What follows each cursor, where that is nothing but prices."""
    pipe = redis_client().pipeline(transaction=False)
    for market_id, cursor in locked.items():
        queue_glance(pipe, market_id, cursor.seq, ENTRIES_AT_ONCE)
    answers = pipe.execute(raise_on_error=False)
    found = {}
    for number, (market_id, cursor) in enumerate(locked.items()):
        start = number * ANSWERS_OF_GLANCE
        try:
            read = as_glance(answers[start : start + ANSWERS_OF_GLANCE])
            entries = sound_entries(market_id, cursor, read)
        except (PersistenceStopped, redis.ResponseError):
            continue
        if all(map(only_moves_price, entries)):
            found[market_id] = entries
    return found


def _projected(market_id: str, cursor: LockedCursor, entries: list[OutputEntry]) -> Batch | None:
    batch = Batch(market_id, cursor.units_per_tick_lot, orders={})
    try:
        project(batch, entries)
    except Exception:  # noqa: BLE001 - it comes again where its market is persisted alone, and is told
        return None
    return batch
