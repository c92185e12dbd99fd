"""Which partitions of postings may go to files, and why others may not.

One may go once ids have left it, everybody who could still write to it has ended, and a seal covers
the entries its postings name: from then on only a full proof reads them all. What a periodic run of
reconciliation still reads must stay: entries of sequences that are not sealed whole, those whose
sums of kinds are yet to be added up, and what kept balances that no seal proved were summed from.
"""

from typing import NamedTuple

from django.db import connection

from common.postgres.horizon import complete_ids
from common.postgres.partitions import Partition, partitions_of
from ledger.balances.models import BalanceMark, KindFlowEnd
from ledger.models import Posting
from persistence.sealing.models import JournalSeal
from persistence.sealing.scope import newest_seal

TABLE = Posting._meta.db_table

_NOT_SEALED_WHOLE = """
SELECT market.market_id, entry.seq FROM persistence_sealedmarket market
 CROSS JOIN LATERAL (SELECT id, seq FROM ledger_journalentry
                      WHERE market_id = market.market_id AND seq > market.seq
                        AND id <= %s ORDER BY seq LIMIT 1) entry
 WHERE market.seal_id = %s LIMIT 1
"""


class ArchiveRefused(Exception):
    """What can't be done, and what to do about it, in one line."""


class Closed(NamedTuple):
    """A partition that ids have left. ``why_not`` is empty where it may go."""

    partition: Partition
    last_entry_id: int
    why_not: str


def closed_partitions(keep: int) -> list[Closed]:
    """But the newest ``keep``, in their order. One after another goes: behind one that may not none
    may. Outside a transaction. Raises ArchiveRefused where it can't be told."""
    complete = complete_ids([f"{TABLE}_id_seq"])
    if complete is None:
        raise ArchiveRefused(
            "a transaction that writes to the journal goes on (pg_stat_activity says which):"
            " try again after it"
        )
    closed = [one for one in partitions_of(TABLE) if one.end is not None and one.end <= complete[0]]
    seal = newest_seal()
    found: list[Closed] = []
    for partition in closed[: max(0, len(closed) - keep)]:
        last_entry_id = _last_entry_id(partition)
        why_not = _why_not(partition, last_entry_id, seal)
        if found and found[-1].why_not and not why_not:
            why_not = f"it comes after {found[-1].partition.name}"
        found.append(Closed(partition, last_entry_id, why_not))
    return found


def _last_entry_id(partition: Partition) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT COALESCE(max(entry_id), 0) FROM {partition.name}")  # noqa: S608
        (last,) = cursor.fetchone()
    return int(last)


def _why_not(partition: Partition, last_entry_id: int, seal: JournalSeal | None) -> str:
    if seal is None:
        return "there is no seal yet"
    if last_entry_id > seal.last_entry_id:
        return (
            f"its entries go up to {last_entry_id:,}, the newest seal to {seal.last_entry_id:,}:"
            " wait for the next"
        )
    with connection.cursor() as cursor:
        cursor.execute(_NOT_SEALED_WHOLE, [last_entry_id, seal.pk])
        if found := cursor.fetchone():
            return f"sequence {found[1]:,} of {found[0]} is not sealed whole: wait for the next"
    summed = KindFlowEnd.objects.values_list("last_entry_id", flat=True).first() or 0
    if last_entry_id > summed:
        return f"sums of kinds go up to entry {summed:,}: a worker adds to them"
    marks = BalanceMark.objects.filter(pk__gt=seal.last_mark_id, posting_id__lt=partition.end)
    if marks.exists():
        return "a balance kept within it is not proven yet: wait for the next seal"
    return ""
