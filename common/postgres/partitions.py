"""A table in partitions by ranges of its ids, and the next one made ahead.

The newest has no upper end, so a row finds its place whatever became of the task that makes them;
it stands empty as long as that comes in time. To end it is to attach it anew with an end, and to
make another behind it. Ranges without a DEFAULT partition: only of those Postgres knows the order,
and a page that is read newest first stops at the first partition that has enough.

Rows are written by way of the table alone, whose triggers judge them: each partition refuses the
rest.
"""

import re
from contextlib import suppress
from typing import NamedTuple

import psycopg
from django.db import DatabaseError, OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper

# An exclusive lock on the table waits for whoever reads it, and all who write wait behind it.
LOCK_WAIT_MS = 200
_LATE_WIDTHS = 8  # as far on ends a partition that has rows by the time it is given an end
_FIRST_ANALYZED_ROWS = 1_000

_PARTITIONS = """
SELECT part.relname, pg_get_expr(part.relpartbound, part.oid)
  FROM pg_inherits JOIN pg_class part ON part.oid = inhrelid
 WHERE inhparent = %s::regclass AND NOT inhdetachpending
"""
_KIND = "SELECT relkind = 'p' FROM pg_class WHERE oid = to_regclass(%s)"
_BOUNDS = re.compile(r"FROM \((MINVALUE|'\d+')\) TO \((MAXVALUE|'\d+')\)")
_KNOWN_AND_THERE = """
SELECT parent.reltuples, sum(greatest(part.reltuples, 0))
  FROM pg_class parent JOIN pg_inherits ON inhparent = parent.oid
  JOIN pg_class part ON part.oid = inhrelid
 WHERE parent.oid = %s::regclass GROUP BY parent.oid
"""
_SUMMARIZE = """
SELECT brin_summarize_new_values(indexrelid) FROM pg_index
  JOIN pg_class index ON index.oid = indexrelid
  JOIN pg_am ON pg_am.oid = index.relam AND amname = 'brin'
 WHERE indrelid = %s::regclass
"""
REFUSE_WRITE = """
CREATE OR REPLACE FUNCTION common_refuse_write_to_partition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on %: its rows are written by way of the table it is a part of',
        TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation',
              CONSTRAINT = 'partition_is_not_written_to',
              TABLE = TG_TABLE_NAME;
END $$
"""


class Partition(NamedTuple):
    """Ids from ``first`` on and below ``end``; the newest has none."""

    name: str
    first: int
    end: int | None


class Room(NamedTuple):
    """Ids that are left before the newest partition, which has no end; below zero: it has rows."""

    partition: Partition
    ids: int


def is_partitioned(cursor: CursorWrapper, table: str) -> bool:
    """False of a table that is not there, too."""
    cursor.execute(_KIND, [table])
    found = cursor.fetchone()
    return found is not None and bool(found[0])


def partitions_of(table: str) -> list[Partition]:
    """In their order."""
    with connection.cursor() as cursor:
        cursor.execute(_PARTITIONS, [table])
        found = [_partition(name, bounds) for name, bounds in cursor.fetchall()]
    return sorted(found, key=lambda partition: partition.first)


def _partition(name: str, bounds: str) -> Partition:
    match = _BOUNDS.search(bounds)
    if match is None:
        raise ValueError(f"{name} is no range of ids: {bounds}")
    first, end = (bound.strip("'") for bound in match.groups())
    return Partition(
        name, 0 if first == "MINVALUE" else int(first), None if end == "MAXVALUE" else int(end)
    )


def partition_name(table: str, first: int) -> str:
    return f"{table}_from_{first}"


def room_of(table: str) -> Room:
    newest = partitions_of(table)[-1]
    return Room(newest, newest.first - 1 - _last_id(table))


def make_ahead(table: str, width: int) -> list[str]:
    """Until a whole partition is free before the newest; the names of those that are new. One at a
    time: its caller sees to it. Raises OperationalError where somebody holds the table for long;
    nothing is half made then, and another try does it. Not inside a transaction."""
    made = []
    while (room := room_of(table)).ids < width:
        newest, last = room.partition, _last_id(table)
        if last < newest.first:
            with transaction.atomic(durable=True), connection.cursor() as cursor:
                made.append(end_newest(cursor, table, newest, _multiple_above(newest.first, width)))
        else:
            end = _multiple_above(last + _LATE_WIDTHS * width, width)
            made.append(_end_with_rows(table, newest, end))
    return made


def _multiple_above(number: int, width: int) -> int:
    return (number // width + 1) * width


def _last_id(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {table}_id_seq"  # noqa: S608
        )
        (last,) = cursor.fetchone()
    return int(last)


def _end_with_rows(table: str, newest: Partition, end: int) -> str:
    """That they are below its end is looked up while others write, so that nobody waits for that.
    Until then the end holds for them, too: it is far enough for days on which nothing gets on."""
    constraint = f"{newest.name}_end"
    forgotten = f"ALTER TABLE {newest.name} DROP CONSTRAINT IF EXISTS {constraint}"
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        wait_shortly(cursor, LOCK_WAIT_MS)
        cursor.execute(forgotten)
        cursor.execute(
            f"ALTER TABLE {newest.name} ADD CONSTRAINT {constraint} CHECK (id < {end}) NOT VALID"
        )
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {newest.name} VALIDATE CONSTRAINT {constraint}")
        with transaction.atomic(durable=True), connection.cursor() as cursor:
            made = end_newest(cursor, table, newest, end)
            cursor.execute(forgotten)
        return made
    except DatabaseError:
        with suppress(OperationalError), transaction.atomic(), connection.cursor() as cursor:
            wait_shortly(cursor, LOCK_WAIT_MS)
            cursor.execute(forgotten)
        raise


def end_newest(cursor: CursorWrapper, table: str, newest: Partition, end: int) -> str:
    """Gives it an end, and makes the one behind it."""
    wait_shortly(cursor, LOCK_WAIT_MS)
    cursor.execute(f"ALTER TABLE {table} DETACH PARTITION {newest.name}")
    cursor.execute(
        f"ALTER TABLE {table} ATTACH PARTITION {newest.name}"
        f" FOR VALUES FROM ({_bound(newest)}) TO ('{end}')"
    )
    return make_newest(cursor, table, end)


def _bound(partition: Partition) -> str:
    return f"'{partition.first}'" if partition.first else "MINVALUE"


def detach_and_drop(cursor: CursorWrapper, table: str, name: str) -> None:
    cursor.execute(f"ALTER TABLE {table} DETACH PARTITION {name}")
    cursor.execute(f"DROP TABLE {name}")


def make_apart(cursor: CursorWrapper, table: str, partition: Partition) -> None:
    """A table that is as a partition and not yet attached; what had its name before is gone. Its
    CHECK spares a look at all rows as it is attached."""
    name = partition.name
    cursor.execute(f"DROP TABLE IF EXISTS {name}")
    cursor.execute(f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL)")
    cursor.execute(
        f"ALTER TABLE {name} ADD CONSTRAINT {name}_within"
        f" CHECK (id >= {partition.first} AND id < {partition.end})"
    )


def attach(cursor: CursorWrapper, table: str, partition: Partition) -> None:
    """What `make_apart` made."""
    name = partition.name
    refuse_writes(cursor, name)
    cursor.execute(
        f"ALTER TABLE {table} ATTACH PARTITION {name}"
        f" FOR VALUES FROM ({_bound(partition)}) TO ('{partition.end}')"
    )
    cursor.execute(f"ALTER TABLE {name} DROP CONSTRAINT {name}_within")


def make_newest(cursor: CursorWrapper, table: str, first: int) -> str:
    name = partition_name(table, first)
    cursor.execute(
        f"CREATE TABLE {name} PARTITION OF {table} FOR VALUES FROM ('{first}') TO (MAXVALUE)"
    )
    refuse_writes(cursor, name)
    return name


def refuse_writes(cursor: CursorWrapper, name: str) -> None:
    cursor.execute(
        f"CREATE TRIGGER {name}_is_not_written_to BEFORE INSERT OR UPDATE OR DELETE ON {name}"
        " FOR EACH STATEMENT EXECUTE FUNCTION common_refuse_write_to_partition()"
    )


def wait_shortly(cursor: CursorWrapper, wait_ms: int) -> None:
    """For locks, until the transaction's end."""
    cursor.execute(f"SET LOCAL lock_timeout = {wait_ms}")


def is_held(error: OperationalError) -> bool:
    """It didn't get its lock in time."""
    return isinstance(error.__cause__, psycopg.errors.LockNotAvailable)


def analyze_if_grown(table: str) -> bool:
    """Autovacuum analyzes partitions, and never the table they make up, by which joins are planned:
    that is done whenever there are twice the rows."""
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN_AND_THERE, [table])
        known, there = cursor.fetchone()
        if there < max(2 * known, _FIRST_ANALYZED_ROWS):
            return False
        cursor.execute(f"ANALYZE {table}")
    return True


def summarize_left(table: str) -> None:
    """Of the partition that ids left last. BRIN indexes learn what is in a range of pages as the
    next is begun, and so never of a table's last, which would be read by each look-up. Raises
    OperationalError where a VACUUM is at it."""
    last = _last_id(table)
    left = [one.name for one in partitions_of(table) if one.end is not None and one.end <= last]
    if left:
        with transaction.atomic(), connection.cursor() as cursor:
            wait_shortly(cursor, LOCK_WAIT_MS)
            cursor.execute(_SUMMARIZE, [left[-1]])
