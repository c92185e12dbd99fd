"""Postings in narrow partitions."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

from common.postgres.partitions import Partition, end_newest, partitions_of

POSTINGS = "ledger_posting"


def next_posting_id(at_least: int = 0) -> int:
    """Ids are never used again, so they go up alone."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT setval('ledger_posting_id_seq', greatest(%s,"
            " nextval('ledger_posting_id_seq')))",
            [at_least - 1],
        )
        (last,) = cursor.fetchone()
    return int(last) + 1


@contextmanager
def cut_behind(*counts: int) -> Iterator[list[Partition]]:
    """The newest partition ends after so many more postings, and the next after so many; they are
    gone afterwards, with their rows."""
    newest = partitions_of(POSTINGS)[-1]
    with transaction.atomic(), connection.cursor() as cursor:
        end = next_posting_id(newest.first + 1)
        for count in counts:
            end += count
            end_newest(cursor, POSTINGS, partitions_of(POSTINGS)[-1], end)
    try:
        yield partitions_of(POSTINGS)[-len(counts) - 1 :]
    finally:
        without_ends(newest)


def without_ends(newest: Partition) -> None:
    """It is the newest again, and what was made behind it is gone."""
    with transaction.atomic(), connection.cursor() as cursor:
        for partition in partitions_of(POSTINGS):
            if partition.first > newest.first:
                cursor.execute(f"DROP TABLE {partition.name}")
        if partitions_of(POSTINGS)[-1] != newest:
            cursor.execute(f"ALTER TABLE {POSTINGS} DETACH PARTITION {newest.name}")
            cursor.execute(
                f"ALTER TABLE {POSTINGS} ATTACH PARTITION {newest.name}"
                f" FOR VALUES FROM ('{newest.first}') TO (MAXVALUE)"
            )
