"""Partitions of the journal and of fills, by ranges of ids: made ahead, one at a time."""

from collections.abc import Mapping
from contextlib import suppress

from django.conf import settings
from django.db import OperationalError

from common.postgres.alone import alone
from common.postgres.partitions import (
    Room,
    analyze_if_grown,
    make_ahead,
    room_of,
    summarize_left,
)
from ledger.models import JournalEntry, Posting
from trading.models import Fill

LOCK = 0x70617274  # "part": of whoever makes or moves partitions


def partition_widths() -> Mapping[str, int]:
    """How many ids a partition has, by table."""
    return {
        JournalEntry._meta.db_table: settings.PARTITION_ENTRIES,
        Posting._meta.db_table: settings.PARTITION_POSTINGS,
        Fill._meta.db_table: settings.PARTITION_FILLS,
    }


def make_partitions(table: str) -> list[str]:
    """The names of those that are new. Another worker's turn is left to it. Raises OperationalError
    where a transaction holds the table for long: the next run does it."""
    with alone(LOCK) as is_alone:
        if not is_alone:
            return []
        made = make_ahead(table, partition_widths()[table])
        analyze_if_grown(table)
        if made:
            with suppress(OperationalError):
                summarize_left(table)
        return made


def partition_rooms() -> Mapping[str, Room]:
    """By table."""
    return {table: room_of(table) for table in partition_widths()}
