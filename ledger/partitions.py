"""Partitions of postings, by ranges of their ids: made ahead, one at a time."""

from django.conf import settings

from common.postgres.alone import alone
from common.postgres.partitions import Room, analyze_if_grown, make_ahead, room_of
from ledger.models import Posting

_LOCK = 0x70617274  # "part"
_TABLE = Posting._meta.db_table


def make_partitions() -> list[str]:
    """The names of those that are new. Another worker's turn is left to it. Raises OperationalError
    where a transaction holds the table for long: the next run does it."""
    with alone(_LOCK) as is_alone:
        if not is_alone:
            return []
        made = make_ahead(_TABLE, settings.PARTITION_POSTINGS)
        analyze_if_grown(_TABLE)
        return made


def room_for_postings() -> Room:
    return room_of(_TABLE)
