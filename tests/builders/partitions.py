"""Postings, journal entries, fills and orders in narrow partitions."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate

from django.db import connection, transaction

from common.postgres.partitions import Partition, end_newest, partitions_of

ENTRIES = "ledger_journalentry"
FILLS = "trading_fill"
ORDERS = "trading_order"
POSTINGS = "ledger_posting"


def next_id(table: str, at_least: int = 0) -> int:
    """Ids are never used again, so they go up alone."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT setval(sequence, greatest(%s, nextval(sequence)))"
            "  FROM (SELECT %s::regclass AS sequence) named",
            [at_least - 1, f"{table}_id_seq"],
        )
        (last,) = cursor.fetchone()
    return int(last) + 1


def rows_by_partition(table: str) -> dict[str, int]:
    """Of those that have some."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT tableoid::regclass::text, count(*) FROM {table} GROUP BY 1")
        return dict(cursor.fetchall())


@contextmanager
def cut_behind(table: str, *counts: int) -> Iterator[list[Partition]]:
    """The newest partition ends after so many more rows, and the next after so many; they are gone
    afterwards, with their rows."""
    start = next_id(table, partitions_of(table)[-1].first + 1)
    with cut_at(table, [start + count for count in accumulate(counts)]) as partitions:
        yield partitions


@contextmanager
def cut_at(table: str, ends: list[int]) -> Iterator[list[Partition]]:
    """As `cut_behind`, by ids."""
    newest = partitions_of(table)[-1]
    with transaction.atomic(), connection.cursor() as cursor:
        for end in ends:
            end_newest(cursor, table, partitions_of(table)[-1], end)
    try:
        yield partitions_of(table)[-len(ends) - 1 :]
    finally:
        without_ends(table, newest)


def without_ends(table: str, newest: Partition) -> None:
    """It is the newest again, and what was made behind it is gone."""
    with transaction.atomic(), connection.cursor() as cursor:
        for partition in partitions_of(table):
            if partition.first > newest.first:
                cursor.execute(f"DROP TABLE {partition.name}")
        if partitions_of(table)[-1] != newest:
            cursor.execute(f"ALTER TABLE {table} DETACH PARTITION {newest.name}")
            cursor.execute(
                f"ALTER TABLE {table} ATTACH PARTITION {newest.name}"
                f" FOR VALUES FROM ('{newest.first}') TO (MAXVALUE)"
            )
