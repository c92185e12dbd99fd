"""What an order leaves behind for good: bytes of tables, of each index, and of the write-ahead log.

An exchange as `make run` starts it; traders post orders that fill at once as fast as they are
answered. Beside each order stands its share of the maker's fills. Sizes are of what is stored, so
they say the same on a busy machine; the log is counted without the pages that Postgres copies whole
after a checkpoint, which depend on how often it comes to one.
"""

import signal
import sys
from typing import Any

from benchmarks.exchange import Exchange, Point, Stage, rush
from benchmarks.report import Row, main

STAGE = "growth"
TRADERS = 20
SHOWN_BYTES = 8  # of an order: what is less is in the sum alone

# A partition and its indexes count for the table and the indexes that they are parts of.
_SIZES = """
SELECT owner.relname, whole.relname, sum(pg_relation_size(part.oid)) FROM pg_class part
  JOIN pg_namespace ON pg_namespace.oid = part.relnamespace AND nspname = 'public'
  LEFT JOIN pg_inherits ON pg_inherits.inhrelid = part.oid
  JOIN pg_class whole ON whole.oid = COALESCE(pg_inherits.inhparent, part.oid)
  LEFT JOIN pg_index ON pg_index.indexrelid = whole.oid
  JOIN pg_class owner ON owner.oid = COALESCE(pg_index.indrelid, whole.oid)
 WHERE part.relkind IN ('r', 'i')
 GROUP BY owner.relname, whole.relname
"""


def ask(sql: str, *values: Any) -> list[tuple[Any, ...]]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())


def sizes() -> dict[tuple[str, str], int]:
    """By table and what of it: its own name for its rows."""
    return {(table, part): int(size) for table, part, size in ask(_SIZES)}


def log_position() -> str:
    return str(ask("SELECT pg_current_wal_insert_lsn()::text")[0][0])


def measured(exchange: Exchange, seconds: float) -> tuple[int, dict[tuple[str, str], int], int]:
    """Orders taken, what each part grew by, and bytes of the log."""
    point = Point(TRADERS, 0, 1)
    stage = Stage(exchange)
    stage.grow(point)
    rush(exchange, stage, point, 1.0)  # what every trader has once is there
    stage.wait_persisted()
    before, began = sizes(), log_position()
    taken = rush(exchange, stage, point, seconds).statuses["202"]
    stage.wait_persisted()
    grown = {part: size - before.get(part, 0) for part, size in sizes().items()}
    return taken, grown, int(ask("SELECT pg_current_wal_insert_lsn() - %s::pg_lsn", began)[0][0])


def run(short: bool) -> list[Row]:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # by way of the clean-up below
    exchange = Exchange()
    try:
        exchange.wait_ready()
        exchange.hold_prices(True)
        _log_records_alone()
        taken, grown, logged = measured(exchange, 5.0 if short else 30.0)
    finally:
        exchange.stop()
    rows = [
        Row(STAGE, f"{table}: {'rows' if part == table else part}", size / taken, "bytes/order")
        for (table, part), size in sorted(grown.items(), key=lambda one: -one[1])
        if size >= SHOWN_BYTES * taken
    ]
    return [
        Row(STAGE, "tables and indexes", sum(grown.values()) / taken, "bytes/order"),
        Row(STAGE, "write-ahead log", logged / taken, "bytes/order"),
        *rows,
    ]


def _log_records_alone() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("ALTER SYSTEM SET full_page_writes = off")
        cursor.execute("SELECT pg_reload_conf()")


if __name__ == "__main__":
    main(run, "growth")
